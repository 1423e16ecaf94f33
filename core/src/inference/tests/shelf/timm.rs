//! What timm writes, beside the network and in it.

use serde_json::json;

use super::*;

#[test]
fn timm_is_understood_beside_the_network_and_in_it() {
    let cfg = json!({
        "input_size": [3, 192, 192], "interpolation": "bilinear", "crop_pct": 0.95, "crop_mode": "center",
        "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "num_classes": 2, "test_input_size": [3, 256, 256]
    });
    let python = "{'input_size': (3, 192, 192), 'interpolation': 'bilinear', 'crop_pct': 0.95, 'crop_mode': 'center', \
                  'mean': (0.5, 0.4, 0.3), 'std': (0.2, 0.3, 0.4), 'fixed_input_size': False, 'custom_load': None}";
    let config = json!({"architecture": "resnet18", "pretrained_cfg": cfg});
    let beside = Taken::told(&[(CONFIG, config)], &[]);
    let in_json = Taken::told(&[], &[("pretrained_cfg", &cfg.to_string())]);
    let in_python = Taken::told(&[], &[("pretrained_cfg", python)]);
    for (taken, place, origin) in [
        (beside, CONFIG, PreprocessOrigin::Beside(CONFIG)),
        (in_json, "metadata", PreprocessOrigin::File),
        (in_python, "metadata", PreprocessOrigin::File),
    ] {
        let expected = Normalization {
            order: ChannelOrder::Rgb,
            divisor: 255.0,
            mean: [0.5, 0.4, 0.3],
            deviation: [0.2, 0.3, 0.4],
        };
        assert_eq!((taken.normalization, taken.origin), (expected, origin));
        assert_eq!(taken.fit, Fit::ShortestSide(192));
        assert!(taken.warnings.is_empty(), "{:?}", taken.warnings);
        assert_eq!(
            taken.notices,
            [
                format!(
                    "The {place} of model.onnx says interpolation=“bilinear”, the bilinear filter: frames are sampled by an \
                     antialiased bicubic one, and scores may differ a little."
                ),
                format!(
                    "The {place} of model.onnx says crop_pct=“0.95”, a crop to the middle 95 %: frames are not cropped, so \
                     that all of them counts, and their shortest side becomes 192."
                )
            ]
        );
    }
    let squash = json!({"pretrained_cfg": {"input_size": [3, 64, 96], "crop_mode": "squash", "crop_pct": 1.0}});
    let taken = Taken::told(&[(CONFIG, squash)], &[]);
    let (width, height) = (96, 64);
    assert_eq!(taken.fit, Fit::Exact { width, height });
    assert!(taken.notices.is_empty());
}

#[test]
fn timm_names_classes_by_their_descriptions() {
    let config = |names: Value, descriptions: Value| json!({"architecture": "x", "label_names": names, "label_descriptions": descriptions});
    let numbers = json!(["n02123045", "n02123159"]);
    let described = json!({"n02123045": "tabby", "n02123159": "tiger cat"});
    for (config, name, synset) in [
        (
            config(numbers.clone(), described),
            "tabby",
            Some("n02123045"),
        ),
        (
            config(json!({"0": "a", "1": "b"}), json!({"a": "alpha"})),
            "alpha",
            None,
        ),
        (config(json!(["a", "b"]), Value::Null), "a", None),
        (
            json!({"pretrained_cfg": {"label_names": ["a", "b"]}}),
            "a",
            None,
        ),
    ] {
        let folder = shelf(&draft(true, &[]), "model.onnx", &[(CONFIG, config)]);
        let Some(opened) = open(folder.path(), |options| options) else {
            return;
        };
        let classifier = opened.unwrap();
        assert_eq!(classifier.labels().first_name(0), name);
        assert_eq!(classifier.labels().matches(synset.unwrap_or(name)), [0]);
        assert!(classifier.warnings().is_empty());
    }
}
