//! What networks take in the place of one colour picture of any size, and what is asked about it.

use crate::error::Error;
use crate::frame::Frame;
use crate::inference::classifier::Classifier;
use crate::inference::{Options, PreprocessOrigin};
use crate::model::{Detail, Target};
use crate::onnx::proto::data_type;
use crate::preprocess::{
    ChannelOrder, ColorOrder, Fit, FitMode, Normalization, Preprocess, Sampler,
};
use crate::testing::{Draft, noise};

/// A pool and a dense layer on the map `a`.
fn pooled(draft: &mut Draft, channels: i64) {
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f")
        .random("w", &[channels, 4])
        .random("b", &[4])
        .node("Gemm", &["f", "w", "b"], "y")
        .output("y");
}

/// A network whose map is what three kernels of 1 x 1 make of a picture of `channels`.
fn of_pictures(sizes: &[i64], channels: i64) -> Draft {
    let mut draft = Draft::new();
    draft.input(sizes);
    draft
        .random("k", &[3, channels, 1, 1])
        .node("Conv", &["x", "k"], "a");
    pooled(&mut draft, 3);
    draft
}

/// Logits and what there is of a gradient, for class 1.
fn answer(classifier: &mut Classifier, tensor: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let target = Target::Class(1);
    let run = classifier.run(tensor, 4, 4, target, Detail::Gradient);
    let activation = run.unwrap();
    let gradient = activation.gradient.unwrap_or_default();
    (activation.logits.to_vec(), gradient.to_vec())
}

#[test]
fn of_a_batch_the_first_picture_is_explained() {
    type Head = (&'static str, fn(&mut Draft, i64));
    fn layers(draft: &mut Draft, from: &str, inputs: i64) {
        draft
            .random("v", &[inputs, 5])
            .node("MatMul", &[from, "v"], "h")
            .node("Tanh", &["h"], "t")
            .random("w", &[5, 4])
            .node("MatMul", &["t", "w"], "y")
            .output("y");
    }
    let heads: [Head; 7] = [
        ("pooled", |draft, _| pooled(draft, 3)),
        ("flattened", |draft, _| {
            draft.node("Flatten", &["a"], "f");
            layers(draft, "f", 48);
        }),
        ("reshaped", |draft, batch| {
            draft
                .integers("rows", &[batch, 48])
                .node("Reshape", &["a", "rows"], "f");
            layers(draft, "f", 48);
        }),
        ("reshaped, the rest computed", |draft, batch| {
            draft
                .integers("rows", &[batch, -1])
                .node_ints("Transpose", &["a"], "last", ("perm", &[0, 2, 3, 1]))
                .node("Reshape", &["last", "rows"], "f");
            layers(draft, "f", 48);
        }),
        ("joined with stored rows", |draft, batch| {
            // The same for each picture, as for a map of coordinates.
            let one = noise(16, 9);
            let rows = (0..batch).flat_map(|_| one.clone()).collect();
            draft
                .weight("places", &[batch, 1, 4, 4], rows)
                .node_int("Concat", &["a", "places"], "joined", ("axis", 1))
                .random("k2", &[3, 4, 1, 1])
                .node("Conv", &["joined", "k2"], "a2")
                .node("Flatten", &["a2"], "f");
            layers(draft, "f", 48);
        }),
        ("joined with repeated rows", |draft, batch| {
            draft
                .random("place", &[1, 1, 4, 4])
                .integers("times", &[batch, 1, 4, 4])
                .node("Expand", &["place", "times"], "places")
                .node_int("Concat", &["a", "places"], "joined", ("axis", 1))
                .random("k2", &[3, 4, 1, 1])
                .node("Conv", &["joined", "k2"], "a2")
                .node("Flatten", &["a2"], "f");
            layers(draft, "f", 48);
        }),
        ("between the heads of attention", |draft, batch| {
            draft
                .integers("tokens", &[batch, 3, 16])
                .node("Reshape", &["a", "tokens"], "rows")
                .node_ints("Transpose", &["rows"], "row", ("perm", &[0, 2, 1]))
                .random("qkv", &[3, 12])
                .node("MatMul", &["row", "qkv"], "joined")
                .integers("heads", &[batch, 16, 3, 2, 2])
                .node("Reshape", &["joined", "heads"], "parted")
                .node_ints(
                    "Transpose",
                    &["parted"],
                    "parts",
                    ("perm", &[2, 0, 3, 1, 4]),
                )
                .integers("first", &[0]);
            for (part, name) in ["queries", "keys", "values"].into_iter().enumerate() {
                let (index, picked) = (format!("index_{name}"), format!("picked_{name}"));
                draft
                    .integers(&index, &[part as i64])
                    .node("Gather", &["parts", &index], &picked)
                    .node("Squeeze", &[&picked, "first"], name);
            }
            draft
                .node_ints("Transpose", &["keys"], "turned", ("perm", &[0, 1, 3, 2]))
                .node("MatMul", &["queries", "turned"], "products")
                .node_int("Softmax", &["products"], "weights", ("axis", -1))
                .node("MatMul", &["weights", "values"], "seen")
                .node_ints("Transpose", &["seen"], "back", ("perm", &[0, 2, 1, 3]))
                .integers("all", &[batch, 64])
                .node("Reshape", &["back", "all"], "f");
            layers(draft, "f", 64);
        }),
    ];
    for (what, head) in heads {
        let open = |batch: i64| {
            let mut draft = Draft::new();
            draft.input(&[batch, 3, 4, 4]);
            draft
                .random("k", &[3, 3, 1, 1])
                .node("Conv", &["x", "k"], "a");
            head(&mut draft, batch);
            draft.open()
        };
        let Some(one) = open(1) else { return };
        let mut one = one.unwrap_or_else(|error| panic!("{what}: {error}"));
        let mut eight = open(8)
            .unwrap()
            .unwrap_or_else(|error| panic!("{what}, eight: {error}"));
        assert_eq!(eight.class_count(), 4, "{what}");
        let tensor = noise(48, 3);
        assert_eq!(
            answer(&mut one, &tensor),
            answer(&mut eight, &tensor),
            "{what}"
        );
    }
}

#[test]
fn what_mixes_the_pictures_of_a_batch_is_refused_or_runs_for_one() {
    // Eight pictures side by side are no picture.
    let mut draft = Draft::new();
    draft.input(&[8, 3, 4, 4]);
    draft
        .random("k", &[3, 3, 1, 1])
        .node("Conv", &["x", "k"], "a")
        .integers("row", &[1, 384])
        .node("Reshape", &["a", "row"], "f")
        .random("w", &[384, 4])
        .node("MatMul", &["f", "w"], "y")
        .output("y");
    let Some(opened) = draft.open() else { return };
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("8 pictures at a time"), "{error}");
    assert!(error.contains("Export"), "{error}");
}

#[test]
fn one_side_may_be_free() {
    for (sizes, fit, shapes) in [
        ([1, 3, 4, -1], Fit::Height(4), [(4, 4), (9, 4)]),
        ([1, 3, -1, 4], Fit::Width(4), [(4, 4), (4, 7)]),
    ] {
        let Some(opened) = of_pictures(&sizes, 3).open() else {
            return;
        };
        let mut classifier = opened.unwrap();
        assert_eq!(classifier.fit(), fit);
        for (width, height) in shapes {
            let tensor = noise(3 * width * height, 1);
            let run = classifier.run(&tensor, width, height, Target::Rank(0), Detail::Sums);
            let features = run.unwrap().features;
            assert_eq!((features.width, features.height), (width, height));
        }
        let other = of_pictures(&sizes, 3).open_with(|options| Options {
            input_size: Some(8),
            ..options
        });
        let error = other.unwrap().err().unwrap().to_string();
        assert!(
            error.contains("any") && error.contains("shortest side 8"),
            "{error}"
        );
    }
}

#[test]
fn gray_networks_get_the_frames_luma() {
    let rgb: Vec<u8> = (0..16 * 3).map(|i| (i * 37 % 256) as u8).collect();
    let luma = |i: usize| {
        let [r, g, b] = [0, 1, 2].map(|c| f64::from(rgb[3 * i + c]));
        (0.298936021293775 * r + 0.587043074451121 * g + 0.114020904255103 * b).round()
    };
    for (sizes, is_last) in [([1, 1, 4, 4], false), ([1, 4, 4, 1], true)] {
        let mut draft = Draft::new();
        draft.input(&sizes);
        let mut image = "x";
        if is_last {
            draft.node_ints("Transpose", &["x"], "first", ("perm", &[0, 3, 1, 2]));
            image = "first";
        }
        draft
            .random("k", &[3, 1, 1, 1])
            .node("Conv", &[image, "k"], "a");
        pooled(&mut draft, 3);
        let Some(opened) = draft.open() else { return };
        let classifier = opened.unwrap();
        assert_eq!(
            named(&classifier),
            (Some(Preprocess::Unit), PreprocessOrigin::Assumed)
        );
        let frame = Frame::rgb(&rgb, 4, 4).unwrap();
        let normalization = classifier.normalization();
        assert_eq!(normalization.order, ChannelOrder::Gray);
        let mut sampler = Sampler::new(frame.geometry(), classifier.fit(), &normalization);
        let mut tensor = vec![f32::NAN; sampler.values()];
        assert_eq!(tensor.len(), 16);
        sampler.sample(frame.planes(), &mut tensor);
        for (i, value) in tensor.iter().enumerate() {
            assert!((f64::from(*value) * 255.0 - luma(i)).abs() < 1e-3);
        }
    }
}

/// The preset that a network's preprocessing is, and who says so.
fn named(classifier: &Classifier) -> (Option<Preprocess>, PreprocessOrigin) {
    let preprocessing = classifier.preprocessing();
    (preprocessing.preset(), preprocessing.origin)
}

#[test]
fn whole_numbers_are_pixels_as_they_are() {
    for (name, element_type) in [
        ("uint8", data_type::UINT8),
        ("int32", data_type::INT32),
        ("int64", data_type::INT64),
    ] {
        let draft = || {
            let mut draft = Draft::new();
            draft.input(&[1, 3, 4, 4]);
            draft.input_type(element_type);
            draft
                .node_int("Cast", &["x"], "pixels", ("to", 1))
                .random("k", &[3, 3, 1, 1])
                .node("Conv", &["pixels", "k"], "a");
            pooled(&mut draft, 3);
            draft
        };
        let Some(opened) = draft().open() else { return };
        let mut whole = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            named(&whole),
            (Some(Preprocess::Raw), PreprocessOrigin::File)
        );
        assert!(whole.warnings().is_empty());
        let mut float = of_pictures(&[1, 3, 4, 4], 3).open().unwrap().unwrap();
        let pixels: Vec<f32> = (0..48u8).map(|i| f32::from(i.wrapping_mul(37))).collect();
        assert_eq!(answer(&mut whole, &pixels), answer(&mut float, &pixels));
        // What the file says against it is told, what the user says is refused.
        let told = draft().metadata("preprocess", "torch").open().unwrap();
        let told = told.unwrap();
        assert_eq!(named(&told).0, Some(Preprocess::Raw));
        let warning = told.warnings()[0].to_string();
        assert!(
            warning.contains("torch") && warning.contains("raw"),
            "{warning}"
        );
        for asked in [
            |options| Options {
                preprocess: Some(Preprocess::Torch),
                ..options
            },
            |options| Options {
                mean: Some(vec![0.5]),
                ..options
            },
        ] {
            let error = draft().open_with(asked).unwrap().err().unwrap().to_string();
            assert!(error.contains("whole numbers"), "{error}");
        }
    }
    let mut signed = of_pictures(&[1, 3, 4, 4], 3);
    signed.input_type(data_type::INT8);
    let error = signed.open().unwrap().err().unwrap().to_string();
    assert!(error.contains("bytes with a sign"), "{error}");
}

/// How pictures are made for a network, and the warnings about it.
type Prepared = (Normalization, Fit, Vec<String>);

/// What is made of the options, and of the file's metadata, for a network of these sizes.
fn opened(
    sizes: &[i64],
    metadata: &[(&str, &str)],
    change: impl Fn(Options) -> Options,
) -> Option<Result<Prepared, Error>> {
    let channels = sizes[1].max(1);
    let mut draft = of_pictures(sizes, channels);
    for (key, value) in metadata {
        draft.metadata(key, value);
    }
    let opened = draft.open_with(change)?;
    Some(opened.map(|classifier| {
        let warnings = classifier.warnings().iter().map(ToString::to_string);
        (
            classifier.normalization(),
            classifier.fit(),
            warnings.collect(),
        )
    }))
}

const FREE: [i64; 4] = [1, 3, -1, -1];
const FIXED: [i64; 4] = [1, 3, 32, 40];
const GRAY: [i64; 4] = [1, 1, 32, 32];

#[test]
fn mean_std_and_colours_are_those_asked_for_else_those_of_the_file() {
    let same = |options| options;
    let numbers = |found: &Normalization| (found.order, found.divisor, found.mean, found.deviation);
    let said = [
        ("mean", "[0.1, 0.2, 0.3]"),
        ("std", "0.4"),
        ("color_order", "BGR"),
    ];
    let Some(found) = opened(&FREE, &said, same) else {
        return;
    };
    let (found, _, warnings) = found.unwrap();
    assert_eq!(
        numbers(&found),
        (ChannelOrder::Bgr, 255.0, [0.1, 0.2, 0.3], [0.4; 3])
    );
    assert!(warnings.is_empty(), "{warnings:?}");
    let (found, ..) = opened(&FREE, &said, |options| Options {
        mean: Some(vec![0.5; 3]),
        std: Some(vec![0.25]),
        color_order: Some(ColorOrder::Gray),
        ..options
    })
    .unwrap()
    .unwrap();
    assert_eq!(
        numbers(&found),
        (ChannelOrder::GrayThrice, 255.0, [0.5; 3], [0.25; 3])
    );
    // A preprocessing that is asked for is meant as a whole.
    let (found, ..) = opened(&FREE, &said, |options| Options {
        preprocess: Some(Preprocess::Tf),
        color_order: Some(ColorOrder::Rgb),
        ..options
    })
    .unwrap()
    .unwrap();
    assert_eq!(found, Preprocess::Tf.normalization());
    // What is given alone goes with the rest of the preset: 0..255 less the mean.
    let (found, ..) = opened(&FREE, &[("preprocess", "caffe")], |options| Options {
        mean: Some(vec![0.2, 0.4, 0.6]),
        ..options
    })
    .unwrap()
    .unwrap();
    let value = (100.0 / found.divisor - found.mean[2]) / found.deviation[2];
    assert!((value - (100.0 - 0.6 * 255.0)).abs() < 1e-3, "{value}");
    let (found, ..) = opened(&GRAY, &[("mean", "0.1307"), ("std", "0.3081")], same)
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.order, found.mean[0], found.deviation[0]),
        (ChannelOrder::Gray, 0.1307, 0.3081)
    );
}

#[test]
fn what_cannot_be_a_mean_or_a_deviation_is_refused_or_told() {
    let mean = |values: &[f64]| {
        let values = values.to_vec();
        move |options| Options {
            mean: Some(values.clone()),
            ..options
        }
    };
    let std = |values: &[f64]| {
        let values = values.to_vec();
        move |options| Options {
            std: Some(values.clone()),
            ..options
        }
    };
    for values in [
        &[123.675, 116.28, 103.53][..],
        &[0.5, 0.5],
        &[0.5; 4],
        &[],
        &[f64::NAN],
        &[-0.1],
        &[f64::INFINITY],
    ] {
        for error in [
            opened(&FREE, &[], mean(values)),
            opened(&FREE, &[], std(values)),
        ] {
            let Some(error) = error else { return };
            let text = error.unwrap_err().to_string();
            assert!(text.contains("1 or 3 numbers from 0 to 1"), "{text}");
            assert!(text.contains("divided by 255"), "{text}");
        }
    }
    for values in [[0.0], [1e-60], [f64::MIN_POSITIVE]] {
        let text = opened(&FREE, &[], std(&values)).unwrap().unwrap_err();
        assert!(text.to_string().contains("and not 0"), "{text}");
    }
    let text = opened(&GRAY, &[], mean(&[0.1, 0.2, 0.3]))
        .unwrap()
        .unwrap_err();
    assert!(text.to_string().contains("1 number from 0 to 1"), "{text}");
    let colours = |options| Options {
        color_order: Some(ColorOrder::Bgr),
        ..options
    };
    let text = opened(&GRAY, &[], colours).unwrap().unwrap_err();
    assert!(text.to_string().contains("one channel"), "{text}");
    for (key, value) in [
        ("mean", "123.675, 116.28, 103.53"),
        ("mean", "0.5, 0.5"),
        ("std", "0"),
        ("std", "half"),
        ("color_order", "green first"),
        ("fit", "squeeze"),
        ("crop_pct", "0"),
        ("crop_pct", "87.5"),
        ("crop_pct", "nan"),
    ] {
        let found = opened(&FREE, &[(key, value)], |options| options);
        let (normalization, fit, warnings) = found.unwrap().unwrap();
        assert_eq!(normalization, Preprocess::Torch.normalization());
        assert_eq!(fit, Fit::ShortestSide(224));
        let [warning] = &warnings[..] else {
            panic!("{key}={value}: {warnings:?}")
        };
        assert!(warning.contains(&format!("{key}=“{value}”")), "{warning}");
    }
}

#[test]
fn frames_are_fitted_as_asked_else_as_the_file_says() {
    let fit = |fit| move |options| Options { fit, ..options };
    let covers = |width, height, covers| Fit::Crop {
        width,
        height,
        covers,
    };
    let (width, height) = (40, 32);
    for (sizes, metadata, asked, expected) in [
        (FREE, &[][..], None, Fit::ShortestSide(224)),
        (FIXED, &[], None, Fit::Exact { width, height }),
        (FREE, &[], Some(FitMode::Crop), covers(224, 224, (224, 224))),
        (FIXED, &[], Some(FitMode::Crop), covers(40, 32, (40, 32))),
        (
            FREE,
            &[("fit", "crop"), ("crop_pct", "0.875")],
            None,
            covers(224, 224, (256, 256)),
        ),
        (
            FREE,
            &[("fit", "crop"), ("crop_pct", "0.875")],
            Some(FitMode::Stretch),
            Fit::Exact {
                width: 224,
                height: 224,
            },
        ),
        (
            FIXED,
            &[("fit", "Letterbox")],
            None,
            Fit::Letterbox { width, height },
        ),
        (
            FREE,
            &[("fit", "shortest_side"), ("input_size", "288")],
            None,
            Fit::ShortestSide(288),
        ),
        (
            [1, 3, 32, -1],
            &[],
            Some(FitMode::ShortestSide),
            Fit::Height(32),
        ),
    ] {
        let Some(found) = opened(&sizes, metadata, fit(asked)) else {
            return;
        };
        let (_, found, warnings) = found.unwrap();
        assert_eq!(found, expected, "{metadata:?} {asked:?}");
        assert!(warnings.is_empty(), "{warnings:?}");
    }
    let asked = opened(&FIXED, &[], fit(Some(FitMode::ShortestSide))).unwrap();
    let text = asked.unwrap_err().to_string();
    assert!(
        text.contains("40 x 32") && text.contains("Set fit to crop"),
        "{text}"
    );
    let (_, found, warnings) = opened(&FIXED, &[("fit", "shortest-side")], fit(None))
        .unwrap()
        .unwrap();
    assert_eq!(found, Fit::Exact { width, height });
    assert!(warnings[0].contains("stretch is taken"), "{warnings:?}");
}
