//! What a map is worth, of a real network on a photo.

mod common;

use std::fs::File;
use std::io::BufReader;

use camoverlay::Explainer;
use camoverlay::cam::{Method, Query};
use camoverlay::faithfulness::Ranking;
use camoverlay::frame::Frame;
use camoverlay::inference::{Source, entry};

#[test]
fn maps_of_a_photo_beat_random_ones() {
    const WHAT: &str = "what maps are worth";
    if !common::is_set_up(WHAT, &["squeezenet"]) {
        return;
    }
    let network = entry("squeezenet").unwrap();
    // Half the usual size: hundreds of runs are quick where processors are emulated too.
    let mut options = common::options(Source::Catalogue(network), 0);
    options.input_size = Some(112);
    let mut explainer = Explainer::open(&options).unwrap();
    let photo = common::source("examples/media/coffee.png");
    let decoder = png::Decoder::new(BufReader::new(File::open(photo).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut rgb).unwrap();
    let frame = Frame::rgb(&rgb, info.width as usize, info.height as usize).unwrap();
    let methods = [Method::Cam, Method::HiResCam, Method::Fem];
    let found = explainer
        .faithfulness(&frame, &Query::default(), &methods)
        .unwrap();
    let rankings: Vec<Ranking> = found.iter().map(|one| one.ranking).collect();
    let maps = methods.map(Ranking::Map);
    assert_eq!(rankings[..3], maps);
    assert_eq!(rankings[3..], [Ranking::Random, Ranking::Centre]);
    let [cam, hirescam, fem, random, _] = found[..] else {
        panic!("{found:?}");
    };
    // One map, whatever its scale.
    assert_eq!(cam.insertion, hirescam.insertion);
    for one in [cam, fem] {
        assert!(
            one.insertion > random.insertion && one.road > random.road,
            "{found:?}"
        );
        assert!(one.deletion < random.deletion, "{found:?}");
    }
    for one in &found {
        for share in [one.deletion, one.insertion, one.average_drop] {
            assert!((0.0..=1.0).contains(&share), "{one:?}");
        }
        assert!(one.road.abs() <= 0.5, "{one:?}");
    }
}
