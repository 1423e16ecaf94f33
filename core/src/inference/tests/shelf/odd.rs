//! Descriptions that nobody would write, by the thousand.

use serde_json::json;

use super::*;

/// A few thousand descriptions, each key of which holds something odd.
#[test]
fn odd_values_under_every_key_end_in_numbers_that_a_network_can_take() {
    const KEYS: [&str; 31] = [
        "image_mean",
        "image_std",
        "do_rescale",
        "rescale_factor",
        "do_normalize",
        "size",
        "crop_size",
        "crop_pct",
        "do_center_crop",
        "resample",
        "do_resize",
        "do_convert_rgb",
        "do_flip_channel_order",
        "rescale_offset",
        "offset",
        "include_top",
        "image_processor_type",
        "id2label",
        "label2id",
        "problem_type",
        "pretrained_cfg",
        "mean",
        "std",
        "input_size",
        "interpolation",
        "crop_mode",
        "num_classes",
        "label_names",
        "label_descriptions",
        "image_size",
        "architectures",
    ];
    let mut state = 1_u32;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize % below
    };
    let odd = |random: &mut dyn FnMut(usize) -> usize, depth: usize| -> Value {
        fn make(random: &mut dyn FnMut(usize) -> usize, depth: usize) -> Value {
            let numbers = [
                0.0, -0.0, 1.0, -1.0, 0.5, 224.0, 255.0, 1e-7, 1e7, 1e300, -1e300, 5e-324, 4096.0,
                4097.0,
            ];
            let texts = [
                "",
                "center",
                "squash",
                "bicubic",
                "multi_label_classification",
                "\u{1b}[31m",
                "0",
                "NaN",
                "ß\u{202e}",
            ];
            match random(if depth > 3 { 5 } else { 8 }) {
                0 => Value::Null,
                1 => Value::Bool(random(2) == 0),
                2 => json!(numbers[random(numbers.len())]),
                3 => json!(i64::MAX - random(3) as i64),
                4 => json!(texts[random(texts.len())]),
                5 | 6 => (0..random(5)).map(|_| make(random, depth + 1)).collect(),
                _ => {
                    let names = [
                        "height",
                        "width",
                        "shortest_edge",
                        "longest_edge",
                        "0",
                        "1",
                        "mean",
                        "std",
                    ];
                    let pairs = (0..random(4)).map(|_| {
                        let name = names[random(names.len())].to_owned();
                        (name, make(random, depth + 1))
                    });
                    Value::Object(pairs.collect())
                }
            }
        }
        make(random, depth)
    };
    let folder = tempfile::tempdir().unwrap();
    let mut told = 0;
    for round in 0..3000 {
        let object = |random: &mut dyn FnMut(usize) -> usize| {
            let pairs = (0..1 + random(12)).map(|_| {
                let key = KEYS[random(KEYS.len())].to_owned();
                (key, odd(random, 0))
            });
            Value::Object(pairs.collect())
        };
        let files = [object(&mut random), object(&mut random)];
        put(folder.path(), PROCESSOR, files[0].to_string());
        put(folder.path(), CONFIG, files[1].to_string());
        let text = object(&mut random).to_string();
        let metadata = [("pretrained_cfg", text.as_str())];
        let taken = Taken::of(folder.path(), draft(round % 2 == 0, &metadata), |options| {
            options
        });
        let Normalization {
            divisor,
            mean,
            deviation,
            ..
        } = taken.normalization;
        for (mean, deviation) in mean.into_iter().zip(deviation) {
            for value in [0.0, 255.0] {
                let number = (value / divisor - mean) / deviation;
                assert!(number.is_finite(), "{files:?}: {:?}", taken.normalization);
            }
        }
        let (width, height) = taken.fit.size(640, 480);
        let most = 16 * MAX_INPUT_SIZE as usize;
        assert!(
            (1..=most).contains(&width) && (1..=most).contains(&height),
            "{files:?}: {:?}",
            taken.fit
        );
        for sentence in taken.warnings.iter().chain(&taken.notices) {
            let steers = sentence.chars().any(|c| c.is_control() || c == '\u{202e}');
            assert!(!steers && sentence.ends_with('.'), "{sentence:?}");
        }
        told += taken.warnings.len();
        let mut warnings = Warnings::new(Path::new("model.onnx"));
        let beside = Beside::of(&folder.path().join("model.onnx"), &mut warnings);
        let _ = beside.labels();
        beside.check_classes(2, &mut warnings);
        beside.scores(None, &mut warnings);
    }
    assert!(told > 1000, "{told}");
}
