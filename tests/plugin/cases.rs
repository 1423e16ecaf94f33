//! The shared list of inputs that once went wrong: each gives what its line there says, or a true refusal.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::common::{app_sink, array, map, meta, pipeline, python, shared};
use gst::prelude::*;

/// The inputs, made once a process; none (said aloud) where the list is absent.
fn cases() -> Option<&'static Path> {
    static CASES: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = CASES.get_or_init(|| {
        let script = shared(
            "the list of inputs that once went wrong",
            "cases/make_cases.py",
        )?;
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cases");
        let run = Command::new(python())
            .arg(script)
            .arg(&folder)
            .output()
            .unwrap();
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
        Some(folder)
    });
    made.as_deref()
}

/// What the element made of the first frame of an input.
#[derive(Debug)]
struct Seen {
    labels: Vec<String>,
    scores: Vec<f64>,
    target: String,
    /// Values, width and height.
    map: (Vec<f32>, usize, usize),
    /// Messages of the warnings on the bus.
    warnings: Vec<String>,
}

impl Seen {
    /// Centre of what is hotter than half of the range, in parts of the frame from left and top.
    fn hot(&self) -> (f64, f64) {
        let (values, width, height) = &self.map;
        let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(low, high), v| {
            (low.min(*v), high.max(*v))
        });
        let hot = values
            .iter()
            .enumerate()
            .filter(|(_, v)| **v > (low + high) / 2.0);
        let (mut x, mut y, mut count) = (0.0, 0.0, 0.0);
        for (i, _) in hot {
            x += (i % width) as f64 + 0.5;
            y += (i / width) as f64 + 0.5;
            count += 1.0;
        }
        (x / count / *width as f64, y / count / *height as f64)
    }

    /// Whether all that is hot lies in the red square of `red.png`.
    fn is_hot_in_square(&self) -> bool {
        self.is_hot_in_square_of(28)
    }

    /// The same for a map of `cells` to the frame, each of which may reach over the square's edge.
    fn is_hot_in_square_of(&self, cells: usize) -> bool {
        let beside = 112.0 / cells as f64;
        let (values, width, height) = &self.map;
        let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(low, high), v| {
            (low.min(*v), high.max(*v))
        });
        let is_in = |at: usize, side: usize, range: std::ops::Range<f64>| {
            range.contains(&((at as f64 + 0.5) * 224.0 / side as f64))
        };
        *width > 1
            && *height > 1
            && high > low
            && values.iter().enumerate().all(|(i, v)| {
                (v - low) / (high - low) < 0.2
                    || is_in(i % width, *width, 128.0 - beside..184.0 + beside)
                        && is_in(i / width, *height, 32.0 - beside..88.0 + beside)
            })
    }
}

/// Runs `source ! camoverlay properties`, within a minute, and returns what its first frame carries, or the message of
/// the error.
fn see(source: &str, properties: &str) -> Result<Seen, String> {
    let line = format!(
        "{source} ! camoverlay name=overlay attach-map=true draw-labels=false threads=1 {properties} ! \
         appsink name=sink sync=false max-buffers=1"
    );
    let pipeline = pipeline(&line);
    let sink = app_sink(&pipeline, "sink");
    let started = pipeline.set_state(gst::State::Playing);
    let sample = match started {
        Ok(_) => sink.try_pull_sample(gst::ClockTime::from_seconds(60)),
        Err(_) => None,
    };
    let (mut error, mut warnings) = (None, Vec::new());
    let bus = pipeline.bus().unwrap();
    while let Some(message) = bus.pop() {
        match message.view() {
            gst::MessageView::Error(found) => {
                error.get_or_insert(found.error().message().to_owned());
            }
            gst::MessageView::Warning(found) => warnings.push(found.error().message().to_owned()),
            gst::MessageView::Info(found) => warnings.push(found.error().message().to_owned()),
            _ => {}
        }
    }
    pipeline.set_state(gst::State::Null).unwrap();
    if let Some(error) = error {
        return Err(error);
    }
    let sample = sample.expect("a frame or an error within a minute");
    let fields = meta(sample.buffer().unwrap());
    Ok(Seen {
        labels: array(&fields, "top-labels"),
        scores: array(&fields, "top-scores"),
        target: fields.get("target-label").unwrap(),
        map: map(&fields),
        warnings,
    })
}

fn picture(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    let decoder = match name.rsplit('.').next() {
        Some("png") => "pngdec",
        Some("jpg") => "jpegparse ! jpegdec",
        _ => "decodebin",
    };
    format!(
        "filesrc location={:?} ! {decoder} ! videoconvert",
        path.display()
    )
}

/// What the element makes of the red square with a network of the list.
fn on_red(folder: &Path, name: &str, properties: &str) -> Result<Seen, String> {
    let model = folder.join(format!("{name}.onnx"));
    see(
        &picture(folder, "red.png"),
        &format!("model={:?} {properties}", model.display()),
    )
}

#[test]
fn networks_show_heat_in_the_square_or_are_refused_with_the_reason() {
    let Some(folder) = cases() else { return };
    // What the refusal says, where there is one.
    let or_refused = [
        (
            "concat-pool",
            "GlobalMaxPool covers the whole map and pools by its maximum, which leaves no places. Use a network that averages over space.",
        ),
        (
            "global-max",
            "GlobalMaxPool covers the whole map and pools by its maximum, which leaves no places. Use a network that averages over space.",
        ),
        (
            "avg-max",
            "GlobalMaxPool covers the whole map and pools by its maximum, which leaves no places. Use a network that averages over space.",
        ),
        (
            "covering-max",
            "MaxPool covers the whole map and pools by its maximum, which leaves no places. Use a network that averages over space.",
        ),
        (
            "grid-as-row",
            "has the shape 1 x 3 x 1 x 784: tokens in no known grid of rows and columns.",
        ),
        (
            "token-mean",
            "the operator ReduceMean was found, which works on a sequence of tokens or features.",
        ),
        (
            "inner-crop",
            "shows a part of the picture only, because the operator Slice cuts the rest off. Export the network without that crop",
        ),
        (
            "inner-transpose",
            "lies on its side, because the operator Transpose takes rows for columns. Export the network without that transposition",
        ),
    ];
    let mut wrong = Vec::new();
    for (name, words) in or_refused {
        match on_red(folder, name, "") {
            Ok(seen) if seen.target == "red" && seen.is_hot_in_square() => {}
            Err(error) if !words.is_empty() && error.contains(words) => {}
            other => wrong.push(format!("{name}: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn any_input_and_any_output_is_explained() {
    let Some(folder) = cases() else { return };
    let mut wrong = Vec::new();
    // Of 784 cells 49 are red, so that the logit is ten times their share.
    let two = 1.0 / (1.0 + (-10.0f64 * 49.0 / 784.0).exp());
    let three = {
        let red = (10.0f64 * 49.0 / 784.0).exp();
        red / (red + 2.0)
    };
    for (name, classes, score) in [
        ("one-logit", 2, two),
        ("one-probability", 2, two),
        ("rest-and-probability", 2, two),
        ("one-channel", 3, f64::NAN),
        ("uint8", 3, three),
        ("batch-8", 3, three),
        ("one-dynamic-side", 3, three),
        ("top-k", 3, three),
        ("percent", 3, three),
        ("index-after-pool", 3, three),
        ("concatenated-heads", 3, three),
    ] {
        match on_red(folder, name, "") {
            // One channel is gray: there is nothing red about it but its place.
            Ok(seen) if name == "one-channel" => {
                if !seen.is_hot_in_square_of(3) || seen.labels.len() != classes {
                    wrong.push(format!("{name}: {seen:?}"));
                }
            }
            Ok(seen)
                if seen.target == "red"
                    && seen.is_hot_in_square()
                    && seen.labels.len() == classes
                    && (seen.scores[0] - score).abs() < 2e-3
                    && seen.scores.iter().all(|score| (0.0..=1.0).contains(score)) => {}
            other => wrong.push(format!("{name}: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn of_two_classes_the_first_is_what_speaks_against_the_second() {
    let Some(folder) = cases() else { return };
    for name in ["one-logit", "one-probability", "rest-and-probability"] {
        let red = on_red(folder, name, "target=red").unwrap();
        let green = on_red(folder, name, "target=green").unwrap();
        assert_eq!(red.labels, ["red", "green"], "{name}");
        assert!(
            (red.scores.iter().sum::<f64>() - 1.0).abs() < 1e-6,
            "{name}"
        );
        for (a, b) in red.map.0.iter().zip(&green.map.0) {
            assert!((a + b).abs() < 1e-4, "{name}: {a} {b}");
        }
    }
}

/// `red.png` with bars of black, as wide or high as said, beside it.
fn boxed(folder: &Path, bars: &str) -> String {
    format!(
        "{} ! videobox autocrop=false {bars} ! videoconvert ! video/x-raw,format=RGB",
        picture(folder, "red.png")
    )
}

#[test]
fn heat_lies_on_the_square_however_frames_are_fitted() {
    let Some(folder) = cases() else { return };
    let model = |name: &str| folder.join(format!("{name}.onnx")).display().to_string();
    let plain = on_red(folder, "unsorted", "").unwrap();
    for (bars, (x, y)) in [
        ("left=-112 right=-112", (268.0 / 448.0, 60.0 / 224.0)),
        ("top=-112 bottom=-112", (156.0 / 224.0, 172.0 / 448.0)),
        ("left=-20 right=-92", (176.0 / 336.0, 60.0 / 224.0)),
    ] {
        for network in ["unsorted", "uint8", "batch-8", "one-dynamic-side"] {
            for fit in ["auto", "shortest-side", "crop", "stretch", "letterbox"] {
                let is_fixed = matches!(network, "uint8" | "batch-8");
                let seen = see(
                    &boxed(folder, bars),
                    &format!("model={:?} fit={fit}", model(network)),
                );
                let what = format!("{network} {fit} {bars}");
                if is_fixed && fit == "shortest-side" {
                    let error = seen.unwrap_err();
                    assert!(error.contains("Set fit to crop"), "{error}");
                    continue;
                }
                let seen = seen.unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(seen.target, "red", "{what}");
                let hot = seen.hot();
                let off = (hot.0 - x).abs().max((hot.1 - y).abs());
                assert!(off < 0.02, "{what}: hot at {hot:?}, not {:?}", (x, y));
                // The middle of a frame with equal bars is the picture without them.
                if fit == "crop" && !bars.contains("20") {
                    let off = (seen.scores[0] - plain.scores[0]).abs();
                    assert!(off < 1e-6, "{what}: {off}");
                }
            }
        }
    }
    // What a crop leaves out is not seen.
    let unseen = see(
        &boxed(folder, "left=-224"),
        &format!("model={:?} fit=crop", model("unsorted")),
    );
    let (values, ..) = unseen.unwrap().map;
    assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
    // Of a frame that lies on its side.
    let turned = format!(
        "{} ! videoflip video-direction=90r",
        boxed(folder, "left=-112 right=-112")
    );
    for fit in ["crop", "letterbox"] {
        let seen = see(
            &turned,
            &format!("model={:?} fit={fit} orientation=90l", model("unsorted")),
        );
        let hot = seen.unwrap().hot();
        let expected = (1.0 - 60.0 / 224.0, 268.0 / 448.0);
        let off = (hot.0 - expected.0).abs().max((hot.1 - expected.1).abs());
        assert!(off < 0.02, "{fit}: hot at {hot:?}, not {expected:?}");
    }
}

#[test]
fn numbers_and_colours_are_those_asked_for() {
    let Some(folder) = cases() else { return };
    // What `unit` is, in numbers, whole ones among them.
    let plain = on_red(folder, "unsorted", "").unwrap();
    let unit = on_red(folder, "unsorted", "mean=<0,0.0,0> std=<1>").unwrap();
    assert_eq!(plain.scores, unit.scores);
    let dimmed = on_red(folder, "unsorted", "mean=<0,0,0> std=<1,0.5,0.5>").unwrap();
    assert_eq!(plain.scores, dimmed.scores, "there is no green and no blue");
    let brighter = on_red(folder, "unsorted", "mean=<0,0,0> std=<0.5,1,1>").unwrap();
    assert!(brighter.scores[0] > plain.scores[0] + 0.1, "{brighter:?}");
    let swapped = on_red(folder, "unsorted", "color-order=bgr").unwrap();
    assert_eq!(swapped.target, "blue");
    let gray = on_red(folder, "unsorted", "color-order=gray").unwrap();
    assert!((gray.scores[0] - gray.scores[2]).abs() < 1e-6, "{gray:?}");
    for (properties, words) in [
        ("mean=<123.675,116.28,103.53>", "is divided by 255"),
        ("mean=<0.5,0.5>", "1 or 3 numbers from 0 to 1"),
        ("std=<0.5,0,0.5>", "and not 0"),
    ] {
        let error = on_red(folder, "unsorted", properties).unwrap_err();
        assert!(error.contains(words), "{properties}: {error}");
    }
    let element = gst::ElementFactory::make("camoverlay").build().unwrap();
    element.set_property("mean", gst::Array::new([1.0, 0.0, 1.0]));
    let mean = element.property::<gst::Array>("mean");
    let mean: Vec<f64> = mean.iter().map(|value| value.get().unwrap()).collect();
    assert_eq!(mean, [1.0, 0.0, 1.0]);
    let error = on_red(folder, "one-channel", "color-order=rgb").unwrap_err();
    assert!(error.contains("one channel"), "{error}");
    let error = on_red(folder, "uint8", "preprocess=torch").unwrap_err();
    assert!(error.contains("whole numbers"), "{error}");
}

#[test]
fn the_output_that_is_explained_is_the_classifier() {
    let Some(folder) = cases() else { return };
    let names_both = |seen: &Seen, names: [&str; 2]| {
        seen.warnings.iter().any(|warning| {
            warning.contains("output") && names.iter().all(|name| warning.contains(name))
        })
    };
    let seen = on_red(folder, "embedding-first", "").unwrap();
    assert_eq!((seen.labels.len(), &*seen.target), (3, "red"));
    assert!(
        names_both(&seen, ["wide_GlobalAveragePool", "y"]),
        "{:?}",
        seen.warnings
    );
    let seen = on_red(folder, "aux-first", "").unwrap();
    assert!(seen.target == "red" && seen.is_hot_in_square(), "{seen:?}");
    assert!(names_both(&seen, ["aux", "main"]), "{:?}", seen.warnings);
    let seen = on_red(folder, "aux-first", "output=aux").unwrap();
    assert_eq!(seen.target, "blue");
}

#[test]
fn nodes_in_disorder_and_metadata_are_read() {
    let Some(folder) = cases() else { return };
    let seen = on_red(folder, "unsorted", "").unwrap();
    assert!(seen.target == "red" && seen.is_hot_in_square(), "{seen:?}");
    assert!((seen.scores[0] - 0.48).abs() < 0.01, "{seen:?}");
    let seen = on_red(folder, "names-as-ultralytics", "").unwrap();
    assert_eq!(seen.labels[0], "red");
    assert!(seen.warnings.is_empty(), "{:?}", seen.warnings);
    for (name, words) in [
        ("labels-too-few", ["labels", "2", "3"]),
        ("preprocess-misspelt", ["preprocess", "Unit ", "unit"]),
    ] {
        let seen = on_red(folder, name, "").unwrap();
        let told = seen
            .warnings
            .iter()
            .any(|w| words.iter().all(|word| w.contains(word)));
        assert!(told, "{name}: {:?}", seen.warnings);
    }
}

#[test]
fn label_files_of_every_form_are_read() {
    let Some(folder) = cases() else { return };
    let with = |labels: &str, target: &str| {
        let labels = folder.join(labels);
        on_red(
            folder,
            "unsorted",
            &format!("labels={:?} target={target}", labels.display()),
        )
    };
    for labels in [
        "with-index.txt",
        "synsets.txt",
        "list.json",
        "id2label.json",
        "table.csv",
    ] {
        let seen = with(labels, "green").unwrap_or_else(|error| panic!("{labels}: {error}"));
        assert!(seen.target.contains("green"), "{labels}: {seen:?}");
        assert!(seen.labels[0].contains("red"), "{labels}: {seen:?}");
    }
    for (labels, target, called) in [
        ("numbers.txt", "1", "1"),
        ("numbers.txt", "#1", "2"),
        ("numbers-down.txt", "2", "2"),
        ("sparse-numbers.txt", "5", "5"),
    ] {
        let seen = with(labels, target).unwrap();
        assert_eq!(seen.target, called, "{labels} target={target}");
    }
}

/// Whether `seen` is the espresso that the upright photo shows, with the heat on the cup when it is turned upright.
fn assert_espresso(name: &str, seen: &Seen, upright: &Seen) {
    assert!(seen.labels[0].starts_with("espresso"), "{name}: {seen:?}");
    assert!(
        (seen.scores[0] - upright.scores[0]).abs() < 0.02,
        "{name}: {:?} {:?}",
        seen.scores,
        upright.scores
    );
}

#[test]
fn turned_pictures_are_seen_upright() {
    let Some(folder) = cases() else { return };
    let upright = see(&picture(folder, "coffee.jpg"), "net=squeezenet").unwrap();
    assert!(
        upright.labels[0].starts_with("espresso") && upright.scores[0] > 0.9,
        "{upright:?}"
    );
    let (x, y) = upright.hot();
    // Where the centre of what is hot lies in the stored picture.
    let places = [
        (x, y),
        (1.0 - x, y),
        (1.0 - x, 1.0 - y),
        (x, 1.0 - y),
        (y, x),
        (y, 1.0 - x),
        (1.0 - y, 1.0 - x),
        (1.0 - y, x),
    ];
    for format in ["RGB", "I420", "NV12"] {
        for (n, place) in (1..).zip(places) {
            let source = format!(
                "{} ! video/x-raw,format={format}",
                picture(folder, &format!("exif-{n}.jpg"))
            );
            let seen = see(&source, "net=squeezenet").unwrap();
            let name = format!("exif-{n} as {format}");
            assert_espresso(&name, &seen, &upright);
            let hot = seen.hot();
            let off = (hot.0 - place.0).abs().max((hot.1 - place.1).abs());
            assert!(off < 0.06, "{name}: hot at {hot:?}, not {place:?}");
        }
    }
    let clip = |name: &str| {
        let path = folder.join(name);
        see(
            &format!(
                "filesrc location={:?} ! decodebin ! videoconvert",
                path.display()
            ),
            "net=squeezenet",
        )
        .unwrap()
    };
    let upright = clip("upright.mp4");
    for turn in [90, 180, 270] {
        let name = format!("turned-{turn}.mp4");
        assert_espresso(&name, &clip(&name), &upright);
    }
}

#[test]
fn oblong_pixels_are_seen_in_their_shape() {
    let Some(folder) = cases() else { return };
    // Half of the samples across are lost for good; of chroma, three quarters.
    for (format, tolerance) in [("RGB", 0.05), ("I420", 0.07)] {
        let [square, anamorphic] = ["square.mp4", "anamorphic.mp4"].map(|name| {
            let path = folder.join(name);
            let source = format!(
                "filesrc location={:?} ! decodebin ! videoconvert ! video/x-raw,format={format}",
                path.display()
            );
            see(&source, "net=squeezenet").unwrap()
        });
        assert_eq!(square.labels[0], anamorphic.labels[0]);
        let off = (square.scores[0] - anamorphic.scores[0]).abs();
        assert!(off < tolerance, "{format}: {off}");
    }
}
