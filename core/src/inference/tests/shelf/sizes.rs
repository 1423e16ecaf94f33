//! How large the pictures are, and what is cut off.

use serde_json::json;

use super::*;

#[test]
fn sizes_and_crops_are_what_processors_make_of_them() {
    let shortest = Fit::ShortestSide;
    let stretched = |width, height| Fit::Exact { width, height };
    let cropped = |percent: &str| Some(format!("a crop to the middle {percent} %"));
    for (said, expected, crop) in [
        (json!({"size": 192}), shortest(192), None),
        (json!({"size": [160]}), shortest(160), None),
        (
            json!({"size": {"height": 192, "width": 256}}),
            stretched(256, 192),
            None,
        ),
        (json!({"size": {"shortest_edge": 288}}), shortest(288), None),
        (
            json!({"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "do_center_crop": true}),
            shortest(224),
            cropped("87.5"),
        ),
        (
            json!({"size": {"height": 256, "width": 256}, "crop_size": 224}),
            shortest(224),
            cropped("87.5"),
        ),
        (
            json!({"size": 224, "crop_size": 224, "do_center_crop": true}),
            shortest(224),
            None,
        ),
        (
            json!({"size": 224, "crop_size": 192, "do_center_crop": false}),
            shortest(224),
            None,
        ),
        (
            json!({"size": 224, "crop_size": null, "do_center_crop": null}),
            shortest(224),
            None,
        ),
        (
            json!({"size": {"shortest_edge": 224}, "crop_pct": 0.9}),
            shortest(224),
            cropped("90"),
        ),
        // ConvNeXt's processor stretches large ones.
        (
            json!({"size": {"shortest_edge": 384}, "crop_pct": 0.9}),
            stretched(384, 384),
            None,
        ),
        (
            json!({"image_processor_type": "LevitImageProcessor", "size": {"shortest_edge": 224}, "crop_size": 224,
                   "do_center_crop": true}),
            shortest(224),
            cropped("87.5"),
        ),
        (
            json!({"size": 100, "do_resize": false}),
            shortest(224),
            None,
        ),
        (json!({}), shortest(224), None),
    ] {
        let taken = Taken::told(&[(PROCESSOR, said.clone())], &[]);
        assert_eq!(taken.fit, expected, "{said}");
        assert!(taken.warnings.is_empty(), "{said}: {:?}", taken.warnings);
        match crop {
            Some(crop) => assert!(
                taken.notices.concat().contains(&crop),
                "{said}: {:?}",
                taken.notices
            ),
            None => assert!(taken.notices.is_empty(), "{said}: {:?}", taken.notices),
        }
    }
    // A larger shortest side keeps the shape that pictures are stretched to.
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        PROCESSOR,
        r#"{"size": {"height": 100, "width": 150}}"#,
    );
    let larger = |options| Options {
        input_size: Some(200),
        ..options
    };
    let taken = Taken::of(folder.path(), draft(true, &[]), larger);
    assert_eq!(taken.fit, stretched(300, 200));
    // The size of the training is better than none.
    let config = json!({"image_size": 96, "model_type": "x"});
    assert_eq!(Taken::told(&[(CONFIG, config)], &[]).fit, shortest(96));
}

#[test]
fn a_fixed_size_is_right_and_what_contradicts_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let taken = |said: Value| {
        put(folder.path(), PROCESSOR, said.to_string());
        Taken::of(folder.path(), draft(false, &[]), |options| options)
    };
    let own = Fit::Exact {
        width: 4,
        height: 4,
    };
    for said in [
        json!({"size": 4}),
        json!({"size": {"height": 4, "width": 4}}),
    ] {
        let taken = taken(said);
        assert_eq!((taken.fit, taken.warnings.len()), (own, 0));
    }
    for said in [
        json!({"size": 5}),
        json!({"size": {"height": 4, "width": 6}}),
    ] {
        let taken = taken(said);
        assert_eq!(taken.fit, own);
        let end = "which is not the size that the network takes: 4, which the network is fixed to, is taken instead.";
        assert!(taken.warnings[0].ends_with(end), "{:?}", taken.warnings);
    }
}
