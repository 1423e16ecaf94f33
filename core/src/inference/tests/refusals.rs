//! What is refused, and in which words.

use crate::error::{Error, ErrorKind};
use crate::inference::Options;
use crate::inference::error::RuntimeError;
use crate::model::error::ModelError;
use crate::model::{Detail, Target};
use crate::onnx::node::{node, with_ints};
use crate::onnx::proto;
use crate::testing::{Draft, ask, noise};

#[test]
fn what_cannot_be_explained_is_named() {
    let refused = |draft: &Draft| draft.open().map(|opened| opened.err().unwrap());
    // One token of a sequence, which no other reaches.
    let mut draft = Draft::with_features();
    draft
        .integers("tokens", &[1, 3, 16])
        .node("Reshape", &["a", "tokens"], "r")
        .node_ints("Transpose", &["r"], "t", ("perm", &[0, 2, 1]));
    draft.integers("first", &[0]);
    draft.node_int("Gather", &["t", "first"], "token", ("axis", 1));
    draft
        .random("w", &[3, 4])
        .node("MatMul", &["token", "w"], "y")
        .output("y");
    if let Some(error) = refused(&draft) {
        assert!(matches!(
            error,
            Error::Model(ModelError::NotExplainable { .. })
        ));
        assert!(error.to_string().contains("Gather"), "{error}");
    }
    // A picture in, a picture out.
    let mut draft = Draft::with_features();
    draft
        .random("w", &[4, 3, 3, 3])
        .node("Conv", &["a", "w"], "y")
        .output("y");
    if let Some(error) = refused(&draft) {
        assert!(error.to_string().contains("the operator Conv"), "{error}");
    }
    // No convolution at all.
    let mut draft = Draft::new();
    draft.node("Flatten", &["x"], "f");
    draft
        .random("w", &[48, 4])
        .node("MatMul", &["f", "w"], "y")
        .output("y");
    if let Some(error) = refused(&draft) {
        assert!(error.to_string().contains("the input itself"), "{error}");
    }
    // One class, whose score is 1 whatever is shown.
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f");
    draft
        .random("w", &[3, 1])
        .node("MatMul", &["f", "w"], "z")
        .node("Softmax", &["z"], "y")
        .output("y");
    assert!(refused(&draft).is_none_or(|error| matches!(
        error,
        Error::Model(ModelError::OneClass { classes: 1, .. })
    )));
    // Two channels.
    let mut draft = Draft::new();
    draft.input(&[1, 2, 4, 4]);
    draft.node("Flatten", &["x"], "y").output("y");
    if let Some(error) = refused(&draft) {
        assert!(error.to_string().contains("1 x 2 x 4 x 4"), "{error}");
    }
    // Constants that an export made inputs of.
    let mut draft = Draft::new();
    let mut lost = draft.graph().input[0].clone();
    lost.name = Some("normalization/mean".into());
    if let Some(proto::TypeValue::TensorType(tensor)) =
        lost.r#type.as_mut().and_then(|found| found.value.as_mut())
    {
        tensor.shape = Some(proto::TensorShape::default());
    }
    draft.graph().input.push(lost);
    draft
        .node("Sub", &["x", "normalization/mean"], "s")
        .node("GlobalAveragePool", &["s"], "y")
        .output("y");
    if let Some(error) = refused(&draft) {
        assert!(
            matches!(error, Error::Model(ModelError::MoreInputs { .. })),
            "{error}"
        );
        let text = error.to_string();
        assert!(
            text.contains("“x”: it also asks for “normalization/mean”."),
            "{text}"
        );
    }
    // An operator that ONNX Runtime does not have.
    let mut draft = Draft::with_features();
    draft.push(proto::Node {
        domain: Some("nobody".into()),
        ..node("Magic", &["a"], "m")
    });
    draft
        .random("k", &[3, 3, 1, 1])
        .node("Conv", &["m", "k"], "c");
    draft.node("GlobalAveragePool", &["c"], "y").output("y");
    if let Some(error) = refused(&draft) {
        assert!(
            matches!(error, Error::Runtime(RuntimeError::Unsupported { .. })),
            "{error}"
        );
        assert!(error.to_string().contains("nobody"), "{error}");
    }
}

#[test]
fn a_wrong_size_fails_the_frame_only() {
    let mut draft = Draft::with_features();
    draft.node("GlobalAveragePool", &["a"], "y").output("y");
    let Some(opened) = draft.open() else { return };
    let mut classifier = opened.unwrap();
    assert_eq!(classifier.fit().size(640, 480), (4, 4));
    let wrong = noise(3 * 5 * 5, 1);
    assert!(matches!(
        classifier.run(&wrong, 5, 5, Target::Rank(0), Detail::Sums),
        Err(Error::Runtime(RuntimeError::Run { .. }))
    ));
    assert!(ask(&mut classifier, &noise(48, 1), Target::Rank(0)).is_ok());
    assert!(matches!(
        ask(&mut classifier, &noise(48, 1), Target::Class(3)),
        Err(Error::Model(ModelError::NoSuchClass {
            target: 3,
            classes: 3
        }))
    ));
}

#[test]
fn a_size_that_is_too_small_is_told_with_one_that_is_not() {
    // Strides of 8 altogether, without padding: windows that a small picture does not fill.
    let mut draft = Draft::new();
    draft.input(&[1, 3, 0, 0]);
    draft.random("k", &[4, 3, 3, 3]).random("l", &[4, 4, 3, 3]);
    for (from, kernel, to) in [("x", "k", "c"), ("c", "l", "d")] {
        let convolution = node("Conv", &[from, kernel], to);
        draft.push(with_ints(convolution, "strides", &[2, 2]));
    }
    let pool = with_ints(node("MaxPool", &["d"], "a"), "kernel_shape", &[3, 3]);
    draft.push(with_ints(pool, "strides", &[2, 2]));
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f")
        .random("w", &[4, 3])
        .node("MatMul", &["f", "w"], "y")
        .output("y");
    let open = |size: u32| {
        draft.open_with(|options| Options {
            input_size: Some(size),
            ..options
        })
    };
    if open(224).is_none() {
        return;
    }
    let is_enough = |size: u32| open(size).unwrap().is_ok();
    let least = (1..=224).find(|&size| is_enough(size)).unwrap();
    assert!((15..40).contains(&least), "{least}");
    for size in 1..least {
        let error = open(size).unwrap().err().unwrap();
        assert!(
            matches!(error, Error::Model(ModelError::InputTooSmall { .. })),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::Settings);
        let text = error.to_string();
        let words = format!("A shortest side of {size} pixels is too small for ");
        assert!(text.starts_with(&words), "{text}");
        let remedy = text.rsplit_once(" Set input_size to ").unwrap().1;
        let told: u32 = remedy.strip_suffix(" or more.").unwrap().parse().unwrap();
        assert!(told >= least && told <= least + 8, "{text} {least}");
        assert!(is_enough(told), "{text}");
    }
    // Dense layers that take the map of one size alone, though the file says that any will do.
    draft.graph().node.truncate(3);
    draft.graph().output.clear();
    let flat = 4 * 27 * 27;
    draft
        .node("Flatten", &["a"], "f")
        .random("v", &[flat, 3])
        .node("Gemm", &["f", "v"], "y")
        .output("y");
    let open = |size: u32| {
        let opened = draft.open_with(|options| Options {
            input_size: Some(size),
            ..options
        });
        opened.unwrap()
    };
    assert!(open(224).is_ok());
    let text = open(2).err().unwrap().to_string();
    assert!(text.ends_with("Set input_size to 224 or more."), "{text}");
}

#[test]
fn weights_that_are_not_finite_are_told_at_the_start() {
    for (weight, bias) in [
        (f32::NAN, 0.0),
        (f32::INFINITY, 0.0),
        (0.5, f32::NEG_INFINITY),
        (0.5, 0.0),
    ] {
        let mut draft = Draft::with_features();
        let mut weights = noise(12, 3);
        weights[7] = weight;
        draft
            .node("GlobalAveragePool", &["a"], "p")
            .node("Flatten", &["p"], "f")
            .weight("w", &[3, 4], weights)
            .weight("b", &[4], vec![0.0, bias, 0.0, 0.0])
            .node("Gemm", &["f", "w", "b"], "y")
            .output("y");
        let Some(opened) = draft.open() else { return };
        if weight.is_finite() && bias.is_finite() {
            assert!(opened.is_ok());
            continue;
        }
        let error = opened.err().unwrap();
        assert!(
            matches!(error, Error::Model(ModelError::NotFinite { .. })),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::Format);
        let text = error.to_string();
        assert!(
            text.ends_with(
                " cannot be explained: the weights of its last dense layers are not finite. Check the network's \
                 weights: a training that failed or a wrong conversion may have left NaN or infinity there."
            ),
            "{text}"
        );
    }
}
