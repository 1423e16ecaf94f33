//! Operators that ONNX Runtime's optimiser makes of several, and attention as one: the same logits as ONNX Runtime's own
//! kernel gives, and their gradient next to finite differences.

use prost::Message;

use super::layers::{assert_detail, assert_gradient_at};
use super::taps::{classify, with_text};
use super::words::foreign;
use crate::inference::provider::attach::Attachment;
use crate::inference::runtime;
use crate::inference::session::{Outputs, Session};
use crate::model::Target;
use crate::onnx::node::{node, with_float, with_int};
use crate::onnx::proto::{self, Node};
use crate::testing::{Draft, ask, is_runtime_installed, noise, roots};

/// Type of an attribute that lists numbers.
const FLOATS: i32 = 6;

const OF_RUNTIME: &str = "com.microsoft";

fn own(op: &str, inputs: &[&str], output: &str) -> Node {
    foreign(op, inputs, output, OF_RUNTIME)
}

/// The classes' logits as the network in `draft` gives them without a change.
fn as_it_is(draft: &Draft, image: &[f32]) -> Vec<f32> {
    let environment = runtime::environment(None, &roots()).unwrap();
    let (model, cpu) = (draft.model.encode_to_vec(), Attachment::cpu());
    let session = Session::new(&environment, &model, 3, 1, None, &cpu).unwrap();
    let mut outputs = Outputs::default();
    session.run(image, 4, 4, None, &mut outputs).unwrap();
    outputs.get(0).unwrap().values.to_vec()
}

/// As [`assert_fused`], of the logits alone: finite differences do not hold across a bend.
fn assert_logits(name: &str, opset: i64, count: i64, layers: impl Fn(&mut Draft)) -> Option<Draft> {
    if !is_runtime_installed() {
        return None;
    }
    eprintln!("{name}");
    let mut draft = Draft::with_features();
    draft.opset(opset);
    draft.model.opset_import.push(proto::OperatorSetId {
        domain: Some(OF_RUNTIME.into()),
        version: Some(1),
    });
    layers(&mut draft);
    classify(&mut draft, "m", count);
    let image = noise(48, 5);
    let mut classifier = draft.open().unwrap().unwrap();
    let activation = ask(&mut classifier, &image, Target::Class(0)).unwrap();
    for (ours, theirs) in activation.logits.iter().zip(as_it_is(&draft, &image)) {
        assert!((ours - theirs).abs() < 1e-5, "{name}: {ours} {theirs}");
    }
    Some(draft)
}

/// Checks the network in which `layers` make the tensor `m`, of `count` elements, of the map `a`.
fn assert_fused(name: &str, opset: i64, count: i64, layers: impl Fn(&mut Draft)) {
    if let Some(draft) = assert_logits(name, opset, count, layers) {
        assert_gradient_at(&draft, Some("a"));
    }
}

/// `a` as 16 tokens `t` of `width` numbers, so far apart that what normalises them bends little.
fn tokens(draft: &mut Draft, width: i64) {
    draft
        .integers("tokens", &[1, 3, 16])
        .node("Reshape", &["a", "tokens"], "r")
        .node_ints("Transpose", &["r"], "u", ("perm", &[0, 2, 1]))
        .random("embedding", &[3, width])
        .node("MatMul", &["u", "embedding"], "e")
        .weight(
            "apart",
            &[width],
            (0..width).map(|i| (i % 3) as f32 - 0.8).collect(),
        )
        .node("Add", &["e", "apart"], "t");
}

#[test]
fn activations_and_normalisations() {
    assert_fused("Gelu", 13, 48, |draft| {
        draft.push(own("Gelu", &["a"], "m"));
    });
    assert_fused("BiasGelu", 13, 64, |draft| {
        tokens(draft, 4);
        draft.random("bias", &[4]);
        draft.push(own("BiasGelu", &["t", "bias"], "m"));
    });
    for operands in [&["t"][..], &["t", "bias"]] {
        assert_fused("FastGelu", 13, 64, |draft| {
            tokens(draft, 4);
            draft.random("bias", &[4]);
            draft.push(own("FastGelu", operands, "m"));
        });
    }
    assert_fused("QuickGelu", 13, 48, |draft| {
        draft.push(with_float(own("QuickGelu", &["a"], "m"), "alpha", 1.3));
    });
    for operands in [
        &["t", "s", "gamma"][..],
        &["t", "s", "gamma", "beta"],
        &["t", "s", "gamma", "beta", "bias"],
        &["t", "s", "gamma", "", "bias"],
    ] {
        assert_fused("SkipLayerNormalization", 17, 96, |draft| {
            tokens(draft, 6);
            draft
                .node("Tanh", &["t"], "s")
                .random("gamma", &[6])
                .random("beta", &[6])
                .random("bias", &[6]);
            draft.push(own("SkipLayerNormalization", operands, "m"));
        });
    }
    assert_fused("its sum", 17, 96, |draft| {
        tokens(draft, 6);
        draft
            .node("Tanh", &["t"], "s")
            .random("gamma", &[6])
            .random("beta", &[6]);
        let mut made = own("SkipLayerNormalization", &["t", "s", "gamma", "beta"], "n");
        made.output
            .extend([String::new(), String::new(), "sum".to_owned()]);
        draft.push(made).node("Add", &["n", "sum"], "m");
    });
    assert_fused("SimplifiedLayerNormalization", 17, 96, |draft| {
        tokens(draft, 6);
        draft.random("gamma", &[6]);
        draft.push(with_float(
            node("SimplifiedLayerNormalization", &["t", "gamma"], "m"),
            "epsilon",
            1e-3,
        ));
    });
    assert_fused("SkipSimplifiedLayerNormalization", 17, 96, |draft| {
        tokens(draft, 6);
        draft
            .node("Tanh", &["t"], "s")
            .random("gamma", &[6])
            .random("bias", &[6]);
        draft.push(own(
            "SkipSimplifiedLayerNormalization",
            &["t", "s", "gamma", "bias"],
            "m",
        ));
    });
}

#[test]
fn products_with_what_follows_them() {
    for turned in ["transA", "transB"] {
        assert_fused("FusedMatMul", 13, 256, |draft| {
            tokens(draft, 4);
            draft.random("k", &[4, 16]);
            draft.node("MatMul", &["t", "k"], "s").node_ints(
                "Transpose",
                &["s"],
                "q",
                ("perm", &[0, 1, 2]),
            );
            let made = own("FusedMatMul", &["q", "q"], "m");
            draft.push(with_int(with_float(made, "alpha", 0.3), turned, 1));
        });
    }
    for (activation, numbers) in [
        ("Relu", vec![]),
        ("LeakyRelu", vec![0.2]),
        ("Clip", vec![-0.3, 0.25]),
        ("HardSigmoid", vec![0.3, 0.4]),
        ("Tanh", vec![]),
    ] {
        for adds in [false, true] {
            let made = assert_logits("FusedConv", 13, 4 * 16, |draft| {
                draft
                    .random("w", &[4, 3, 3, 3])
                    .random("b", &[4])
                    .random("v", &[4, 3, 1, 1])
                    .node("Conv", &["a", "v"], "z");
                let operands = ["a", "w", "b", "z"];
                let made = own("FusedConv", &operands[..if adds { 4 } else { 3 }], "m");
                let mut made = with_text(made, "activation", activation);
                made = crate::onnx::node::with_ints(made, "pads", &[1, 1, 1, 1]);
                if !numbers.is_empty() {
                    made.attribute.push(proto::Attribute {
                        name: Some("activation_params".into()),
                        floats: numbers.clone(),
                        r#type: Some(FLOATS),
                        ..proto::Attribute::default()
                    });
                }
                draft.push(made);
            });
            if let Some(draft) = made.filter(|_| activation == "Tanh") {
                assert_gradient_at(&draft, Some("a"));
            }
        }
    }
    let made = assert_logits("FusedGemm", 13, 8, |draft| {
        draft
            .integers("row", &[1, 48])
            .node("Reshape", &["a", "row"], "r")
            .random("w", &[8, 48])
            .random("b", &[8]);
        let made = with_text(
            own("FusedGemm", &["r", "w", "b"], "m"),
            "activation",
            "LeakyRelu",
        );
        let made = with_float(made, "activation_alpha", 0.3);
        draft.push(with_int(made, "transB", 1));
    });
    if let Some(draft) = made {
        assert_detail(&draft, true);
    }
}

#[test]
fn attention_of_the_runtime() {
    for scale in [None, Some(0.7)] {
        for operands in [
            &["q", "k", "v"][..],
            &["q", "k", "v", "bias"],
            &["q", "k", "v", "bias", "", "mask"],
        ] {
            assert_fused("MultiHeadAttention", 13, 16 * 6, |draft| {
                tokens(draft, 6);
                draft
                    .random("wk", &[6, 6])
                    .random("wv", &[6, 6])
                    .node("Tanh", &["t"], "q")
                    .node("MatMul", &["t", "wk"], "k")
                    .node("MatMul", &["t", "wv"], "v")
                    .random("bias", &[18])
                    .random("mask", &[1, 2, 16, 16]);
                let made = with_int(own("MultiHeadAttention", operands, "m"), "num_heads", 2);
                draft.push(match scale {
                    Some(scale) => with_float(made, "scale", scale),
                    None => made,
                });
            });
        }
    }
    for operands in [&["t", "w", "bias"][..], &["t", "w", "bias", "", "", "mask"]] {
        assert_fused("Attention of ONNX Runtime", 13, 16 * 6, |draft| {
            tokens(draft, 6);
            draft
                .random("w", &[6, 18])
                .random("bias", &[18])
                .random("mask", &[1, 2, 16, 16]);
            draft.push(with_int(own("Attention", operands, "m"), "num_heads", 2));
        });
    }
}

#[test]
fn attention_of_the_standard() {
    for (in_heads, mask, bound) in [
        (false, "", 0.0),
        (false, "numbers", 0.0),
        (false, "choice", 0.0),
        (true, "", 0.5),
        (true, "numbers", 0.0),
    ] {
        assert_fused("Attention", 23, 16 * 6, |draft| {
            tokens(draft, 6);
            draft.random("wk", &[6, 6]).random("wv", &[6, 6]);
            draft
                .node("MatMul", &["t", "wk"], "k")
                .node("MatMul", &["t", "wv"], "v")
                .random("numbers", &[16, 16])
                .weight("zero", &[], vec![0.0])
                .node("Greater", &["numbers", "zero"], "choice");
            let made = if in_heads {
                draft.integers("heads", &[1, 16, 2, 3]);
                for (from, to) in [("t", "qh"), ("k", "kh"), ("v", "vh")] {
                    let split = format!("{to}/split");
                    draft.node("Reshape", &[from, "heads"], &split).node_ints(
                        "Transpose",
                        &[&split],
                        to,
                        ("perm", &[0, 2, 1, 3]),
                    );
                }
                node("Attention", &["qh", "kh", "vh", mask], "m")
            } else {
                let made = node("Attention", &["t", "k", "v", mask], "m");
                with_int(with_int(made, "q_num_heads", 2), "kv_num_heads", 2)
            };
            draft.push(with_float(made, "softcap", bound));
        });
    }
}

/// What the optimiser's operators have beyond this is named, not guessed.
#[test]
fn settings_that_are_not_known_are_refused() {
    let mut draft = Draft::with_features();
    tokens(&mut draft, 6);
    let made = with_int(
        own("MultiHeadAttention", &["t", "t", "t"], "m"),
        "num_heads",
        2,
    );
    draft.push(with_int(made, "unidirectional", 1));
    classify(&mut draft, "m", 16 * 6);
    let refusal = super::words::refusal(&draft);
    assert!(
        refusal.contains(
            "MultiHeadAttention “m” was found, which ONNX Runtime's own optimiser writes"
        ),
        "{refusal}"
    );
}
