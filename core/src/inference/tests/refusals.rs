//! What is refused, and in which words.

use crate::error::Error;
use crate::inference::error::RuntimeError;
use crate::model::error::ModelError;
use crate::model::{Detail, Target};
use crate::onnx::node::node;
use crate::onnx::proto;
use crate::testing::{Draft, ask, noise};

#[test]
fn what_cannot_be_explained_is_named() {
    let refused = |draft: &Draft| draft.open().map(|opened| opened.err().unwrap());
    // One token of a sequence.
    let mut draft = Draft::with_features();
    draft
        .integers("tokens", &[1, 16, 3])
        .node("Reshape", &["a", "tokens"], "t");
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
    // One class.
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f");
    draft
        .random("w", &[3, 1])
        .node("MatMul", &["f", "w"], "y")
        .output("y");
    assert!(refused(&draft).is_none_or(|error| matches!(
        error,
        Error::Model(ModelError::OneClass { classes: 1, .. })
    )));
    // One channel.
    let mut draft = Draft::new();
    draft.input(&[1, 1, 4, 4]);
    draft.node("Flatten", &["x"], "y").output("y");
    if let Some(error) = refused(&draft) {
        assert!(error.to_string().contains("1 x 1 x 4 x 4"), "{error}");
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
