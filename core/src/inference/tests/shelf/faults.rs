//! What does not fit, and what is taken instead.

use serde_json::json;

use super::*;

#[test]
fn labels_that_do_not_fit_are_told() {
    for (config, words) in [
        (
            json!({"id2label": {"0": "a", "1": "b", "2": "c"}}),
            "which is not one label for each of its 2 classes but 3: “class 0” to “class 1” are taken instead.",
        ),
        (
            json!({"id2label": {"0": "a", "1": "b"}, "label2id": {"a": 1, "b": 0}}),
            "gives “a” the index 1, and its id2label calls that index “b”",
        ),
        (json!({"id2label": 7}), "it holds no list of labels"),
        (
            json!({"id2label": {"0": null, "1": "b"}}),
            "null is no label",
        ),
        (
            json!({"num_labels": 1000, "model_type": "x"}),
            "says num_labels=“1000”, which is not how many classes the network has: its 2 are taken.",
        ),
        (
            json!({"pretrained_cfg": {"num_classes": 10}}),
            "says num_classes=“10”, which is not how many classes the network has: its 2 are taken.",
        ),
    ] {
        let folder = shelf(&draft(true, &[]), "model.onnx", &[(CONFIG, config.clone())]);
        let Some(opened) = open(folder.path(), |options| options) else {
            return;
        };
        let classifier = opened.unwrap();
        let warnings: Vec<String> = classifier
            .warnings()
            .iter()
            .map(Warning::to_string)
            .collect();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(words), "{warnings:?}");
        assert_eq!(classifier.labels().first_name(1), "class 1");
    }
}

#[test]
fn what_contradicts_or_is_not_understood_is_told_with_what_is_taken() {
    let torch =
        "torch, the most common one, is taken instead. Set preprocess to the right one of torch";
    let size = "224 is taken instead. Set input_size to the right one.";
    let whole =
        "frames are not cropped, so that all of them counts, and their shortest side becomes 224.";
    for (said, fault, taken) in [
        (
            json!({"image_mean": [1, 2]}),
            "image_mean=“[1, 2]”, which is no mean of three channels: ",
            torch,
        ),
        (
            json!({"image_mean": [1e300, 0, 0]}),
            "no mean of three channels",
            torch,
        ),
        (
            json!({"image_mean": {"r": 1}}),
            "no mean of three channels",
            torch,
        ),
        (
            json!({"image_mean": [0, 0, 0]}),
            "comes without image_std",
            torch,
        ),
        (
            json!({"image_mean": 0, "image_std": 0}),
            "image_std=“0”, which is no deviation of three channels",
            torch,
        ),
        (
            json!({"image_std": [0.1, 0.1, -0.1]}),
            "no deviation of three channels",
            torch,
        ),
        (
            json!({"image_std": [0.1, 0.1, "x"]}),
            "no deviation of three channels",
            torch,
        ),
        (
            json!({"image_std": [0.1, 0.1, 0.1]}),
            "comes without image_mean",
            torch,
        ),
        (
            json!({"do_normalize": true}),
            "comes without image_mean and image_std",
            torch,
        ),
        (
            json!({"do_normalize": "yes"}),
            "do_normalize=“yes”, which is neither true nor false",
            torch,
        ),
        (
            json!({"rescale_factor": 0}),
            "no number that pixels can be scaled by",
            torch,
        ),
        (
            json!({"rescale_factor": 1e-300}),
            "no number that pixels can be scaled by",
            torch,
        ),
        (
            json!({"rescale_factor": "1/255"}),
            "no number that pixels can be scaled by",
            torch,
        ),
        (
            json!({"size": 0}),
            "size=“0”, which is no size from 1 to 4096",
            size,
        ),
        (json!({"size": -1}), "no size from 1 to 4096", size),
        (json!({"size": 1e300}), "no size from 1 to 4096", size),
        (json!({"size": 99_999}), "no size from 1 to 4096", size),
        (
            json!({"size": {"longest_edge": 224}}),
            "no size from 1 to 4096",
            size,
        ),
        (
            json!({"size": {"height": 224}}),
            "no size from 1 to 4096",
            size,
        ),
        (json!({"size": "224"}), "no size from 1 to 4096", size),
        (
            json!({"size": 224, "crop_pct": 1.5}),
            "crop_pct=“1.5”, which is no number above 0 and up to 1",
            whole,
        ),
        (
            json!({"size": 224, "crop_pct": 0}),
            "no number above 0 and up to 1",
            whole,
        ),
        (
            json!({"size": 224, "do_center_crop": 1}),
            "neither true nor false",
            whole,
        ),
        (
            json!({"resample": 17}),
            "resample=“17”, which is no filter that is known",
            "antialiased bicubic one",
        ),
        (
            json!({"resample": "best"}),
            "no filter that is known",
            "antialiased bicubic one",
        ),
        (
            json!({"do_pad": true}),
            "do_pad=“true”, which is not known here",
            "it is not done.",
        ),
    ] {
        let taken_of = Taken::told(&[(PROCESSOR, said.clone())], &[]);
        let warning = match taken_of.warnings.as_slice() {
            [warning] => warning,
            others => panic!("{said}: {others:?}"),
        };
        assert!(
            warning.starts_with("The preprocessor_config.json of model.onnx says "),
            "{warning}"
        );
        assert!(
            warning.contains(fault) && warning.contains(taken),
            "{said}: {warning}"
        );
        assert_eq!(taken_of.fit, Fit::ShortestSide(224), "{said}");
    }
    // Two that disagree: the first counts, and the second is told of.
    let cfg =
        json!({"pretrained_cfg": {"mean": [0.1, 0.1, 0.1], "std": 1, "input_size": [3, 96, 96]}});
    let taken = Taken::told(&[(PROCESSOR, resnet()), (CONFIG, cfg.clone())], &[]);
    assert_eq!(taken.origin, PreprocessOrigin::Beside(PROCESSOR));
    assert_eq!(
        taken.warnings,
        [
            "The config.json of model.onnx says mean=“[0.1, 0.1, 0.1]”, which contradicts what is said elsewhere: “RGB, 0..1, \
             minus 0.48 0.45 0.4, over 0.22 0.225 0.23”, as preprocessor_config.json says, is taken instead. Set preprocess \
             to the right one of torch, caffe, tf, lite, unit, raw.",
            "The config.json of model.onnx says input_size=“[3, 96, 96]”, which contradicts what is said elsewhere: 224 is \
             taken instead. Set input_size to the right one."
        ]
    );
    let metadata = [("preprocess", "unit"), ("input_size", "128")];
    let taken = Taken::told(&[(PROCESSOR, resnet())], &metadata);
    assert_eq!(taken.normalization, Preprocess::Unit.normalization());
    assert_eq!(taken.fit, Fit::ShortestSide(128));
    assert_eq!(taken.warnings.len(), 2, "{:?}", taken.warnings);
    assert!(taken.warnings[0].contains("unit, as its metadata says, is taken instead."));
    // What is broken in one place may be right in the next.
    let broken = json!({"image_mean": "x"});
    let taken = Taken::told(&[(PROCESSOR, broken), (CONFIG, cfg)], &[]);
    assert_eq!(taken.normalization.mean, [0.1; 3]);
    assert_eq!(taken.warnings.len(), 1);
    for text in ["[1, 2]", "{'mean': (0.1", "nonsense"] {
        let taken = Taken::told(&[], &[("pretrained_cfg", text)]);
        assert_eq!(taken.origin, PreprocessOrigin::Assumed);
        assert_eq!(taken.warnings.len(), 1, "{text}: {:?}", taken.warnings);
        assert!(
            taken.warnings[0].contains("which is not understood ("),
            "{:?}",
            taken.warnings
        );
    }
}

#[test]
fn files_that_hold_no_description_are_left_aside_and_told_of() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for (bytes, words) in [
        (&b""[..], "it is not JSON"),
        (b"{\"image_mean\": [NaN, 0, 0]}", "it is not JSON"),
        (b"{\"image_mean\": [1e999, 0, 0]}", "it is not JSON"),
        (b"[1, 2]", "it holds no object"),
        (b"\xff\xfe{\0}\0", "it is not UTF-8 text"),
        (b"{\"size\": 1, \"size\": 2}", "the key “size” comes twice"),
        (deep.as_bytes(), "it is not JSON"),
        (
            ",".repeat(5_000_000).as_bytes(),
            "it holds more than 4000000 values",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), PROCESSOR, bytes);
        let taken = Taken::of(folder.path(), draft(true, &[]), |options| options);
        let [warning] = taken.warnings.as_slice() else {
            panic!("{words}: {:?}", taken.warnings)
        };
        let begins = format!("The preprocessor_config.json of model.onnx is left aside: {words}");
        assert!(warning.starts_with(&begins), "{warning}");
        assert!(
            warning.ends_with(". Mend it, or take it away."),
            "{warning}"
        );
        assert_eq!(taken.origin, PreprocessOrigin::Assumed);
    }
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join(CONFIG);
    let told = || {
        let taken = Taken::of(folder.path(), draft(true, &[]), |options| options);
        taken.warnings.concat()
    };
    fs::File::create(&place)
        .unwrap()
        .set_len(500_000_000)
        .unwrap();
    assert!(told().contains("it is too large: it has 500000000 bytes"));
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    assert!(told().contains("it is a folder, not a regular file"));
    fs::remove_dir(&place).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &place).unwrap();
    assert!(told().contains("it is a device, not a regular file"));
    fs::remove_file(&place).unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all", &place).unwrap();
    assert_eq!(told(), "");
    let pipe = std::process::Command::new("mkfifo")
        .arg(folder.path().join(PROCESSOR))
        .status();
    assert!(pipe.unwrap().success());
    assert!(told().contains("it is a pipe, not a regular file"));
}
