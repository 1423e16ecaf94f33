//! The element's pictures, scores and maps against the oracle (`tests/oracle`), which runs the same networks in Python.

use crate::common;

use std::{fs, path::PathBuf, process::Command};

use camoverlay::frame::{Geometry, Layout, Plane};
use camoverlay::preprocess::{ChannelOrder, Fit, Normalization, Sampler, network_size};
use common::{Picture, array, harness, info, map, meta, shared, source, test_model};
use gst_video::VideoFormat;

const FORMATS: [VideoFormat; 10] = [
    VideoFormat::Rgb,
    VideoFormat::Bgr,
    VideoFormat::Rgbx,
    VideoFormat::Bgrx,
    VideoFormat::Xrgb,
    VideoFormat::Xbgr,
    VideoFormat::Rgba,
    VideoFormat::Bgra,
    VideoFormat::Argb,
    VideoFormat::Abgr,
];

struct Network {
    file: PathBuf,
    property: String,
    preprocess: &'static str,
    side: usize,
}

impl Network {
    fn squeezenet() -> Self {
        Self::installed("squeezenet", "caffe", 227)
    }

    /// A network that set-up installs.
    fn installed(name: &str, preprocess: &'static str, side: usize) -> Self {
        Self {
            file: source(&format!(".deps/share/camoverlay/models/{name}.onnx")),
            property: format!("net={name}"),
            preprocess,
            side,
        }
    }

    /// A network of the test folder, `None` (told as left out) where it is absent.
    fn test(name: &str, preprocess: &'static str, side: usize) -> Option<Self> {
        let file = test_model(&format!("goldens of {name}"), name)?;
        let property = format!("model={} input-size={side}", file.display());
        Some(Self {
            file,
            property,
            preprocess,
            side,
        })
    }
}

struct Case<'a> {
    name: String,
    picture: Picture,
    network: &'a Network,
    target: Option<usize>,
    threshold: f64,
}

impl<'a> Case<'a> {
    fn new(name: &str, picture: &Picture, network: &'a Network) -> Self {
        Self {
            name: format!("{name} through {}", network.property),
            picture: picture.clone(),
            network,
            target: None,
            threshold: 0.2,
        }
    }

    fn launch(&self) -> String {
        let target = self
            .target
            .map_or("top-1".into(), |class| class.to_string());
        format!(
            "camoverlay {} target={target} threshold={} attach-map=true draw-labels=false",
            self.network.property, self.threshold
        )
    }
}

/// What the oracle says of a case.
struct Expected {
    picture: Picture,
    tensor: Vec<f32>,
    map: Vec<f32>,
    report: serde_json::Value,
}

/// Runs the oracle on `cases`.
fn expectations(cases: &[Case]) -> Vec<Expected> {
    let script = Script::new();
    let list = cases.iter().enumerate().map(|(number, case)| {
        serde_json::json!({
            "frame": script.write(&format!("{number}.frame"), &case.picture.rgb),
            "width": case.picture.width,
            "height": case.picture.height,
            "model": case.network.file,
            "preprocess": case.network.preprocess,
            "side": case.network.side,
            "target": case.target,
            "threshold": case.threshold,
        })
    });
    script.run(list.collect());
    let read = |(number, case): (usize, &Case)| Expected {
        picture: script.picture(number, &case.picture),
        tensor: script.floats(&format!("{number}.tensor")),
        map: script.floats(&format!("{number}.map")),
        report: serde_json::from_slice(&script.read(&format!("{number}.json"))).unwrap(),
    };
    cases.iter().enumerate().map(read).collect()
}

/// What came out of the element for a case.
struct Painted {
    picture: Picture,
    map: Vec<f32>,
    map_size: (usize, usize),
}

/// What the oracle paints over the cases' frames with the element's own maps.
fn repainted(cases: &[Case], painted: &[Painted]) -> Vec<Picture> {
    let script = Script::new();
    let list = cases
        .iter()
        .zip(painted)
        .enumerate()
        .map(|(number, (case, painted))| {
            let map: Vec<u8> = painted
                .map
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            serde_json::json!({
                "frame": script.write(&format!("{number}.frame"), &case.picture.rgb),
                "width": case.picture.width,
                "height": case.picture.height,
                "threshold": case.threshold,
                "map": script.write(&format!("{number}.floats"), &map),
                "map_width": painted.map_size.0,
                "map_height": painted.map_size.1,
            })
        });
    script.run(list.collect());
    let picture = |(number, case): (usize, &Case)| script.picture(number, &case.picture);
    cases.iter().enumerate().map(picture).collect()
}

/// A folder in which the oracle finds its cases and leaves its answers.
struct Script {
    folder: tempfile::TempDir,
}

impl Script {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn run(&self, cases: Vec<serde_json::Value>) {
        self.write("cases.json", &serde_json::to_vec(&cases).unwrap());
        let status = Command::new(common::python())
            .arg(source("tests/oracle/cases.py"))
            .arg(self.folder.path())
            .status()
            .unwrap();
        assert!(status.success(), "the oracle fails");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        let bytes = self.read(name);
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|chunk| f32::from_le_bytes(*chunk))
            .collect()
    }

    /// The picture of case `number`, which has the size of `frame`.
    fn picture(&self, number: usize, frame: &Picture) -> Picture {
        Picture {
            rgb: self.read(&format!("{number}.picture")),
            ..*frame
        }
    }
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_f64().unwrap())
        .collect()
}

/// Most levels that a sample may be off, and most of the samples that may be off at all.
fn assert_picture(name: &str, actual: &Picture, expected: &Picture, most: u8) {
    let (largest, share) = actual.difference(expected);
    assert!(largest <= most, "{name}: differs by {largest} levels");
    // Of a picture of a few pixels one sample is more than a thousandth.
    let allowed = 0.001f64.max(1.0 / expected.rgb.len() as f64);
    assert!(share <= allowed, "{name}: {share} of the samples differ");
}

/// Pushes the case through the element in `format` and compares all that comes out; the picture may
/// be off by `most` levels.
fn check(
    case: &Case,
    expected: &Expected,
    format: VideoFormat,
    padding: usize,
    most: u8,
) -> Painted {
    let name = format!("{} as {format}, {padding} bytes of padding", case.name);
    let info = info(format, case.picture.width, case.picture.height);
    let mut harness = harness(&case.launch(), &info);
    let filler = 0xa5;
    harness
        .push(case.picture.to_buffer(&info, padding, filler))
        .unwrap();
    let output = harness.pull().unwrap();
    let picture = Picture::from_buffer(&output, &info);
    assert_picture(&name, &picture, &expected.picture, most);
    assert_fillers(&name, &output, &info, case.picture.width, filler);

    let report = meta(&output);
    let ids: Vec<f64> = array::<i32>(&report, "top-ids")
        .into_iter()
        .map(f64::from)
        .collect();
    assert_eq!(ids, numbers(&expected.report["ids"]), "{name}");
    for (actual, expected) in array::<f64>(&report, "top-scores")
        .iter()
        .zip(numbers(&expected.report["scores"]))
    {
        assert!(
            (actual - expected).abs() < 1e-4,
            "{name}: score {actual} is not {expected}"
        );
    }
    let (map, width, height) = map(&report);
    assert_eq!(
        vec![height as f64, width as f64],
        numbers(&expected.report["map"]),
        "{name}"
    );
    let magnitude = expected
        .map
        .iter()
        .fold(0.0f32, |most, value| most.max(value.abs()));
    for (actual, expected) in map.iter().zip(&expected.map) {
        assert!(
            (actual - expected).abs() <= 1e-4 * magnitude,
            "{name}: map {actual} is not {expected}"
        );
    }
    Painted {
        picture,
        map,
        map_size: (width, height),
    }
}

/// Alpha and padding are left as they were.
fn assert_fillers(
    name: &str,
    buffer: &gst::BufferRef,
    info: &gst_video::VideoInfo,
    width: usize,
    filler: u8,
) {
    let data = buffer.map_readable().unwrap();
    let stride = data.len() / info.height() as usize;
    let format = info.format_info();
    let bytes = format.pixel_stride()[0] as usize;
    let colours: Vec<usize> = format.poffset()[..3]
        .iter()
        .map(|offset| *offset as usize)
        .collect();
    for (i, value) in data.iter().enumerate() {
        let x = i % stride;
        let is_colour = x < width * bytes && colours.contains(&(x % bytes));
        assert!(
            is_colour || *value == filler,
            "{name}: byte {i} is no colour and was changed"
        );
    }
}

/// The sampler's tensor against the oracle's.
fn check_tensor(case: &Case, expected: &Expected) {
    let Picture { width, height, rgb } = &case.picture;
    let (out_width, out_height) = network_size(*width, *height, case.network.side);
    let normalization = match case.network.preprocess {
        "lite" => Normalization {
            order: ChannelOrder::Rgb,
            divisor: 128.0,
            mean: [127.0 / 128.0; 3],
            deviation: [1.0; 3],
        },
        "caffe" => Normalization {
            order: ChannelOrder::Bgr,
            divisor: 1.0,
            mean: [104.0, 117.0, 123.0],
            deviation: [1.0; 3],
        },
        _ => Normalization {
            order: ChannelOrder::Rgb,
            divisor: 255.0,
            mean: [0.485, 0.456, 0.406],
            deviation: [0.229, 0.224, 0.225],
        },
    };
    let geometry = Geometry {
        layout: Layout::RGB,
        width: *width,
        height: *height,
    };
    let mut tensor = vec![0.0; 3 * out_width * out_height];
    let planes = [Plane {
        data: rgb,
        stride: width * 3,
    }];
    Sampler::new(
        &geometry,
        Fit::ShortestSide(case.network.side),
        &normalization,
    )
    .sample(&planes, &mut tensor);
    assert_eq!(tensor.len(), expected.tensor.len(), "{}", case.name);
    let channel = out_width * out_height;
    let levels = tensor
        .iter()
        .zip(&expected.tensor)
        .enumerate()
        .map(|(i, (actual, expected))| {
            (actual - expected).abs() * normalization.divisor * normalization.deviation[i / channel]
        });
    let differing: Vec<f32> = levels.filter(|difference| *difference > 1e-3).collect();
    assert!(
        differing.iter().all(|difference| *difference < 1.001),
        "{}: {differing:?}",
        case.name
    );
    let share = differing.len() as f64 / tensor.len() as f64;
    assert!(
        share <= 1e-4,
        "{}: {share} of the tensor differs",
        case.name
    );
}

/// Odd, tiny, portrait, flat and noisy frames.
fn synthetic() -> Vec<(&'static str, Picture)> {
    vec![
        ("one pixel", Picture::noise(1, 1, 1)),
        ("two by three", Picture::noise(2, 3, 2)),
        ("a tall strip", Picture::noise(5, 17, 3)),
        ("a wide strip", Picture::noise(17, 5, 4)),
        ("a portrait", Picture::noise(97, 133, 5)),
        ("an odd landscape", Picture::noise(321, 243, 6)),
        ("black", Picture::from_fn(64, 48, |_, _| [0; 3])),
        ("one colour", Picture::from_fn(64, 48, |_, _| [200, 30, 90])),
        (
            "stripes",
            Picture::from_fn(160, 120, |x, y| {
                if (x / 3 + y / 7) % 2 == 0 {
                    [255; 3]
                } else {
                    [0, 40, 90]
                }
            }),
        ),
    ]
}

fn photos() -> Vec<(&'static str, Picture)> {
    let own = ["chelsea.png", "coffee.png"].map(|name| (name, source("examples/media").join(name)));
    let rocket = shared("goldens of rocket.jpg", "media/rocket.jpg");
    own.into_iter()
        .chain(rocket.map(|path| ("rocket.jpg", path)))
        .map(|(name, path)| (name, Picture::load(&path)))
        .collect()
}

#[test]
fn squeezenet_matches_the_oracle_in_every_format() {
    common::init();
    let network = Network::squeezenet();
    let cases: Vec<Case> = synthetic()
        .iter()
        .chain(&photos())
        .map(|(name, picture)| Case::new(name, picture, &network))
        .collect();
    let expected = expectations(&cases);
    for (case, expected) in cases.iter().zip(&expected) {
        check_tensor(case, expected);
        for (number, format) in FORMATS.into_iter().enumerate() {
            check(case, expected, format, number % 4 * 4, 1);
        }
    }
}

#[test]
fn targets_and_thresholds_match_the_oracle() {
    common::init();
    let network = Network::squeezenet();
    let photos = photos();
    let mut cases = Vec::new();
    for (name, picture) in &photos {
        for (target, threshold) in [(Some(281), 0.2), (Some(967), 0.0), (None, 0.5), (None, 1.0)] {
            cases.push(Case {
                target,
                threshold,
                ..Case::new(name, picture, &network)
            });
        }
    }
    let expected = expectations(&cases);
    for (case, expected) in cases.iter().zip(&expected) {
        check(case, expected, VideoFormat::Rgb, 0, 1);
    }
}

#[test]
fn other_networks_match_the_oracle() {
    common::init();
    let installed = [
        Network::installed("efficientnet-lite0", "lite", 224),
        Network::installed("efficientnet-lite1", "lite", 240),
        Network::installed("efficientnet-lite2", "lite", 260),
    ];
    let networks: Vec<Network> = [
        ("squeezenet1_1.onnx", "caffe", 227),
        ("googlenet.onnx", "caffe", 224),
        ("resnet18.onnx", "torch", 224),
        ("mobilenet_v2.onnx", "torch", 224),
    ]
    .into_iter()
    .filter_map(|(name, preprocess, side)| Network::test(name, preprocess, side))
    .chain(installed)
    .collect();
    let frames: Vec<_> = photos()
        .into_iter()
        .chain(
            synthetic()
                .into_iter()
                .filter(|(name, _)| *name == "a portrait"),
        )
        .collect();
    let cases: Vec<Case> = networks
        .iter()
        .flat_map(|network| {
            frames
                .iter()
                .map(move |(name, picture)| Case::new(name, picture, network))
        })
        .collect();
    let expected = expectations(&cases);
    // The sum over a dense layer's channels rounds as its order is, which differs between numpy and
    // us in the last bits of a float. Where a pixel's heat is about to change, that decides it: so
    // few pixels may be off by more than a level, and none with one and the same map.
    let painted: Vec<Painted> = cases
        .iter()
        .zip(&expected)
        .map(|(case, expected)| {
            check_tensor(case, expected);
            check(case, expected, VideoFormat::Bgrx, 8, u8::MAX)
        })
        .collect();
    let repainted = repainted(&cases, &painted);
    for ((case, painted), repainted) in cases.iter().zip(&painted).zip(&repainted) {
        assert_picture(&case.name, &painted.picture, repainted, 1);
    }
    for (case, expected) in cases.iter().zip(&expected) {
        let class = numbers(&expected.report["ids"])[0];
        match case.name.split(' ').next() {
            Some("chelsea.png") => assert_eq!(class, 285.0, "{}", case.name),
            Some("coffee.png") => assert_eq!(class, 967.0, "{}", case.name),
            _ => {}
        }
    }
}
