//! Networks that take pictures of any size: their gradients are those of a network of that size alone.

use crate::inference::{Classifier, Options};
use crate::model::{Detail, Target};
use crate::onnx::node::{node, with_int, with_ints};
use crate::testing::{Draft, noise};

/// A classifier by the mean of what a pool of 3 x 3 and stride 2 that rounds up makes of pictures of `sides`; -1 leaves one free.
fn rounding_up(pool: &str, pads: [i64; 4], sides: [i64; 2]) -> Option<Classifier> {
    let mut draft = Draft::with_features();
    draft.input(&[1, 3, sides[0], sides[1]]);
    let pool = with_ints(node(pool, &["a"], "m"), "kernel_shape", &[3, 3]);
    let pool = with_ints(with_ints(pool, "strides", &[2, 2]), "pads", &pads);
    draft
        .push(with_int(pool, "ceil_mode", 1))
        .random("k", &[4, 3, 3, 3])
        .node_ints("Conv", &["m", "k"], "c", ("pads", &[1, 1, 1, 1]))
        .node("Tanh", &["c"], "t")
        .node("GlobalAveragePool", &["t"], "p")
        .node("Flatten", &["p"], "f")
        .random("w", &[4, 5])
        .node("MatMul", &["f", "w"], "z")
        .output("z");
    let opened = draft.open_with(|options| Options {
        layer: Some("a".to_owned()),
        input_size: (sides == [-1, -1]).then_some(9),
        ..options
    });
    opened.map(Result::unwrap)
}

#[test]
fn pools_that_round_up_have_a_gradient_at_every_size() {
    for (pool, pads) in [
        ("MaxPool", [0, 0, 0, 0]),
        ("MaxPool", [1, 1, 1, 1]),
        ("MaxPool", [0, 0, 1, 1]),
        ("AveragePool", [0, 0, 0, 0]),
        ("AveragePool", [1, 1, 1, 1]),
    ] {
        let Some(mut of_any) = rounding_up(pool, pads, [-1, -1]) else {
            return;
        };
        for (height, width) in [(9, 9), (10, 9), (9, 12), (12, 11), (14, 10)] {
            let image = noise(3 * height * width, 7);
            let sides = [height as i64, width as i64];
            let mut of_one = rounding_up(pool, pads, sides).unwrap();
            let gradient = |classifier: &mut Classifier| {
                let target = Target::Class(2);
                let run = classifier.run(&image, width, height, target, Detail::Gradient);
                run.unwrap().gradient.unwrap().to_vec()
            };
            let (any, one) = (gradient(&mut of_any), gradient(&mut of_one));
            assert!(one.iter().any(|value| value.abs() > 1e-4));
            assert_eq!(any.len(), one.len());
            for (place, (any, one)) in any.iter().zip(&one).enumerate() {
                let off = (any - one).abs();
                assert!(
                    off < 1e-6,
                    "{pool} {pads:?} {height} x {width}, {place}: {any} {one}"
                );
            }
        }
    }
}
