//! Pictures that are too small for a network.

use super::common;

use camoverlay::inference::{Classifier, Options, Source, entry};

/// ONNX Runtime ends the process where windows are larger than what they slide over.
#[test]
fn networks_say_how_large_pictures_must_be() {
    let names = ["squeezenet", "efficientnet-lite0"];
    if !common::is_set_up("pictures that are too small", &names) {
        return;
    }
    for name in names {
        let options = common::options(Source::Catalogue(entry(name).unwrap()), 1);
        let open = |size: u32| {
            Classifier::open(&Options {
                input_size: Some(size),
                ..options.clone()
            })
        };
        for size in 1..40 {
            let Err(error) = open(size) else { continue };
            let text = error.to_string();
            let advice = text.rsplit_once(" Set input_size to ").unwrap().1;
            let told: u32 = advice.strip_suffix(" or more.").unwrap().parse().unwrap();
            assert!(told > size && open(told).is_ok(), "{name}: {text}");
        }
    }
}
