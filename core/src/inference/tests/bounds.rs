//! Networks that want more memory than they may have. What they want is some 64 MB, so that a bound that does not hold
//! does no harm.

use crate::error::{Error, ErrorKind};
use crate::inference::error::RuntimeError;
use crate::inference::{Classifier, Options};
use crate::model::error::ModelError;
use crate::model::{Detail, Target};
use crate::onnx::node::{floats, node, with_graph, with_int};
use crate::onnx::proto::{self, Node, data_type};
use crate::remedy::Remedy;
use crate::testing::{Draft, noise};

/// What the networks here may take, where they are bounded: all but 64 MB.
const LIMIT: u64 = 16 << 20;

/// Elements of a tensor of 64 MB.
const MANY: i64 = 1 << 24;

/// A network to whose feature map a number is added that comes of the tensor `big`.
fn adding(big: impl FnOnce(&mut Draft)) -> Draft {
    let mut draft = Draft::with_features();
    big(&mut draft);
    draft
        .push(with_int(node("ReduceSum", &["big"], "sum"), "keepdims", 0))
        .classify_sum_with("sum");
    draft
}

fn bounded(draft: &Draft) -> Option<Result<Classifier, Error>> {
    draft.open_with(|options| Options {
        memory_limit: Some(LIMIT),
        ..options
    })
}

/// The first logit for a picture without a pattern.
fn logit(classifier: &mut Classifier) -> Result<f32, Error> {
    let image = noise(48, 2);
    let activation = classifier.run(&image, 4, 4, Target::Rank(0), Detail::Gradient)?;
    Ok(activation.logits[0])
}

fn number(draft: &mut Draft, name: &str, value: f32) {
    draft.weight(name, &[], vec![value]);
}

/// A graph of one node, whose constant is in it.
fn filling(name: &str) -> proto::Graph {
    let mut shape = Draft::new();
    shape.integers("shape", &[MANY]);
    proto::Graph {
        name: Some(name.into()),
        node: vec![node("ConstantOfShape", &["shape"], "filled")],
        initializer: shape.graph().initializer.clone(),
        output: vec![proto::ValueInfo {
            name: Some("filled".into()),
            ..proto::ValueInfo::default()
        }],
        ..proto::Graph::default()
    }
}

#[test]
fn constants_that_are_declared_too_large_are_never_made() {
    type Attack = fn(&mut Draft);
    let attacks: [(&str, Attack); 9] = [
        ("ConstantOfShape", |draft| {
            draft
                .integers("s", &[MANY])
                .node("ConstantOfShape", &["s"], "big");
        }),
        ("Expand", |draft| {
            number(draft, "one", 1.0);
            draft
                .integers("s", &[MANY])
                .node("Expand", &["one", "s"], "big");
        }),
        ("Tile", |draft| {
            draft.weight("one", &[1], vec![1.0]);
            draft
                .integers("s", &[MANY])
                .node("Tile", &["one", "s"], "big");
        }),
        ("Range", |draft| {
            number(draft, "start", 0.0);
            number(draft, "end", MANY as f32);
            number(draft, "step", 1.0);
            draft.node("Range", &["start", "end", "step"], "big");
        }),
        ("a range without end", |draft| {
            number(draft, "start", 0.0);
            number(draft, "step", 0.0);
            draft.node("Range", &["start", "start", "step"], "big");
        }),
        ("two rows spread out", |draft| {
            draft
                .random("row", &[1, 4096])
                .random("column", &[4096, 1])
                .node("Mul", &["row", "column"], "big");
        }),
        ("joined again and again", |draft| {
            draft.random("c0", &[4096]);
            for step in 0..13 {
                let (from, to) = (format!("c{step}"), format!("c{}", step + 1));
                draft.node_int("Concat", &[&from, &from], &to, ("axis", 0));
            }
            draft.node("Identity", &["c13"], "big");
        }),
        ("in a branch", |draft| {
            number(draft, "zero", 0.0);
            draft
                .push(with_int(node("ReduceSum", &["a"], "s"), "keepdims", 0))
                .node("Greater", &["s", "zero"], "positive");
            let choice = node("If", &["positive"], "big");
            let choice = with_graph(choice, filling("then_branch"));
            draft.push(with_graph(choice, filling("else_branch")));
        }),
        ("sparse", |draft| {
            let mut indices = Draft::new();
            indices.integers("indices", &[7]);
            draft.graph().sparse_initializer.push(proto::SparseTensor {
                values: Some(floats("big", &[1], vec![1.0])),
                indices: indices.graph().initializer.first().cloned(),
                dims: vec![MANY],
            });
        }),
    ];
    for (name, attack) in attacks {
        let draft = adding(attack);
        let Some(opened) = bounded(&draft) else {
            return;
        };
        let error = opened.err().unwrap_or_else(|| panic!("{name} was opened"));
        assert!(
            matches!(
                error,
                Error::Model(ModelError::Memory {
                    limit: Some(LIMIT),
                    ..
                })
            ),
            "{name}: {error:?}"
        );
        assert_eq!(error.kind(), ErrorKind::Settings);
        let words = error.to_string();
        assert!(
            words.contains("memory beyond the 16777216 bytes"),
            "{words}"
        );
        assert!(words.contains("raise memory_limit"), "{words}");
    }
}

/// Some 50 MB of which the file does not tell the size, or not in a way that is known here.
fn unmeasured() -> Vec<(&'static str, Draft)> {
    let products = adding(|draft| {
        draft
            .random("column", &[4096, 1])
            .random("row", &[1, 4096])
            .node("MatMul", &["column", "row"], "big");
    });
    let padded = adding(|draft| {
        draft.weight("one", &[1], vec![1.0]);
        draft
            .integers("pads", &[0, MANY])
            .node("Pad", &["one", "pads"], "big");
    });
    let of_shape = adding(|draft| {
        // Of one size of picture it would be known.
        draft.input(&[1, 3, 0, 0]);
        draft.weight("one", &[1, 1, 1, 1], vec![1.0]);
        draft
            .integers("times", &[1, 64, 64, 64])
            .node("Shape", &["a"], "shape")
            .node("Mul", &["shape", "times"], "larger")
            .integers("least", &[1, 1, 1, 1])
            .node("Div", &["larger", "times"], "same")
            .node("Sub", &["larger", "same"], "less")
            .node("Max", &["less", "least"], "positive")
            .node("Expand", &["one", "positive"], "big");
    });
    vec![
        ("a product", products),
        ("a padding", padded),
        ("of a shape", of_shape),
    ]
}

#[test]
fn constants_that_cannot_be_measured_meet_the_bound_when_they_are_made() {
    for (name, draft) in unmeasured() {
        let Some(opened) = bounded(&draft) else {
            return;
        };
        let mut classifier = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
        let error = logit(&mut classifier).unwrap_err();
        assert!(
            matches!(error, Error::Runtime(RuntimeError::Run { .. })),
            "{name}: {error:?}"
        );
        assert_eq!(error.remedy(), Remedy::RaiseMemoryLimit, "{name}: {error}");
        let words = error.to_string();
        assert!(
            words.contains("it takes more memory than it may (Available memory of"),
            "{words}"
        );
        // The bound is this session's alone.
        let mut free = draft.open().unwrap().unwrap();
        assert!(logit(&mut free).unwrap().is_finite(), "{name}");
        assert!(logit(&mut classifier).is_err());
    }
}

/// Keeping a constant for the run changes nothing but when it is computed.
#[test]
fn what_is_kept_for_the_run_is_the_same() {
    let product = |inner: &str| {
        adding(|draft| {
            draft
                .random("column", &[64, 1])
                .random("row", &[1, 64])
                .node(inner, &["column", "row"], "big");
        })
    };
    let Some(kept) = product("MatMul").open() else {
        return;
    };
    let folded = product("Mul").open().unwrap();
    let [kept, folded] = [kept, folded].map(|opened| logit(&mut opened.unwrap()).unwrap());
    assert!((kept - folded).abs() < 1e-3, "{kept} {folded}");
}

/// A body that joins what it carries to itself, or that keeps the map of each round.
fn body(node: Node, results: &[&str]) -> proto::Graph {
    let value = |name: &str, element_type| crate::onnx::node::value(name, element_type);
    let scalar =
        |name: &str, element_type| crate::onnx::node::sized(value(name, element_type), &[]);
    let mut inputs = vec![
        scalar("round", data_type::INT64),
        scalar("on", data_type::BOOL),
    ];
    if node.op_type() == "Concat" {
        inputs.push(value("v", data_type::FLOAT));
    }
    proto::Graph {
        name: Some("body".into()),
        input: inputs,
        node: vec![
            crate::onnx::node::node("Identity", &["on"], "goes_on"),
            node,
        ],
        output: std::iter::once(scalar("goes_on", data_type::BOOL))
            .chain(results.iter().map(|name| value(name, data_type::FLOAT)))
            .collect(),
        ..proto::Graph::default()
    }
}

fn truth(draft: &mut Draft) {
    draft.graph().initializer.push(proto::Tensor {
        name: Some("true".into()),
        data_type: Some(data_type::BOOL),
        int32_data: vec![1],
        ..proto::Tensor::default()
    });
}

#[test]
fn a_loop_that_joins_for_ever_ends_at_the_bound() {
    let draft = adding(|draft| {
        truth(draft);
        draft.node_int("Flatten", &["a"], "flat", ("axis", 0));
        let joined = with_int(node("Concat", &["v", "v"], "vv"), "axis", 0);
        draft.push(with_graph(
            node("Loop", &["", "true", "flat"], "big"),
            body(joined, &["vv"]),
        ));
    });
    let Some(opened) = bounded(&draft) else {
        return;
    };
    let error = match opened {
        Err(error) => error,
        Ok(mut classifier) => logit(&mut classifier).unwrap_err(),
    };
    assert_eq!(error.remedy(), Remedy::RaiseMemoryLimit, "{error}");
}

#[test]
fn a_loop_that_keeps_each_round_needs_an_end() {
    let keeping = |rounds: Option<i64>| {
        adding(|draft| {
            truth(draft);
            if let Some(rounds) = rounds {
                draft.integers("rounds", &[rounds]);
            }
            let rounds = if rounds.is_some() { "rounds" } else { "" };
            draft.push(with_graph(
                node("Loop", &[rounds, "true"], "big"),
                body(node("Identity", &["a"], "kept"), &["kept"]),
            ));
        })
    };
    for rounds in [None, Some(1 << 40), Some(65_537)] {
        let Some(opened) = bounded(&keeping(rounds)) else {
            return;
        };
        let error = opened
            .err()
            .unwrap_or_else(|| panic!("{rounds:?} rounds were opened"));
        assert!(
            matches!(error, Error::Model(ModelError::Memory { limit: None, .. })),
            "{error:?}"
        );
        assert!(
            error.to_string().contains("keeps a result of each round"),
            "{error}"
        );
    }
    let few = bounded(&keeping(Some(3))).unwrap().unwrap();
    assert!(logit(&mut { few }).unwrap().is_finite());
}

#[test]
fn text_that_grows_is_refused() {
    let mut draft = adding(|draft| {
        draft.graph().initializer.push(proto::Tensor {
            name: Some("t0".into()),
            dims: vec![1],
            data_type: Some(8),
            string_data: vec![(&b"long"[..]).into()],
            ..proto::Tensor::default()
        });
        for step in 0..30 {
            let (from, to) = (format!("t{step}"), format!("t{}", step + 1));
            draft.node("StringConcat", &[&from, &from], &to);
        }
        draft.node("Shape", &["t30"], "shape");
        draft.node_int("Cast", &["shape"], "big", ("to", 1));
    });
    draft.opset(20);
    let Some(opened) = bounded(&draft) else {
        return;
    };
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("makes text longer and longer"), "{error}");
}

#[test]
fn weights_and_pictures_are_counted() {
    let draft = adding(|draft| {
        draft.random("big", &[1 << 12, 1 << 11]);
    });
    let Some(opened) = bounded(&draft) else {
        return;
    };
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("its weights have 335544"), "{error}");
    let mut draft = adding(|draft| number(draft, "big", 1.0));
    draft.input(&[1, 3, 2048, 2048]);
    let error = bounded(&draft).unwrap().err().unwrap().to_string();
    assert!(
        error.contains("its picture of 2048 x 2048 pixels has 50331648 bytes"),
        "{error}"
    );
}
