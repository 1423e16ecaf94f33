//! Maps that have places, and maps that have none.

use prost::Message;

use crate::error::Error;
use crate::inference::Options;
use crate::model::error::ModelError;
use crate::model::{Detail, Places, Target, check};
use crate::onnx::node::{node, with_ints};
use crate::preprocess::Fit;
use crate::testing::{Draft, noise, open_bytes};

/// Eight by eight pixels a cell: the feature map `f`, 4 channels of 8 x 8, of a picture `from`.
fn cells(draft: &mut Draft, from: &str) {
    draft.random("cells", &[4, 3, 8, 8]);
    let conv = with_ints(node("Conv", &[from, "cells"], "c"), "strides", &[8, 8]);
    draft.push(conv).node("Relu", &["c"], "f");
}

fn fixed_draft() -> Draft {
    let mut draft = Draft::new();
    draft.input(&[1, 3, 64, 64]);
    draft
}

/// A dense layer on `vector`, as long as `inputs`.
fn dense(draft: &mut Draft, vector: &str, inputs: i64) {
    draft
        .random("dense", &[inputs, 3])
        .node("MatMul", &[vector, "dense"], "y")
        .output("y");
}

fn pooled(draft: &mut Draft, map: &str) {
    draft
        .node("GlobalAveragePool", &[map], "p")
        .node("Flatten", &["p"], "v");
    dense(draft, "v", 4);
}

/// `g`: the channels of `from`, in the groups of the shape `groups`, taken in turns.
fn shuffle_channels(draft: &mut Draft, from: &str) {
    draft
        .node("Reshape", &[from, "groups"], "grouped")
        .node_ints(
            "Transpose",
            &["grouped"],
            "shuffled",
            ("perm", &[0, 2, 1, 3, 4]),
        )
        .node("Reshape", &["shuffled", "shape"], "g");
}

fn refusal(draft: &Draft) -> String {
    check(draft.model.encode_to_vec()).unwrap_err().to_string()
}

/// Opened, and taken for a map with places for this reason.
fn assert_places(draft: &Draft, is_proven: bool) {
    let Some(opened) = draft.open() else { return };
    let classifier = opened.unwrap();
    let places = &classifier.structure().places;
    assert_eq!(
        matches!(places, Places::Proven { .. }),
        is_proven,
        "{places:?}"
    );
    if let Places::Proven { cells, .. } = places {
        assert_eq!(*cells, [8, 8]);
    }
}

/// Opened, and taken for tokens, or a map that went through them, in a grid of 8 x 8.
fn assert_tokens(draft: &Draft) {
    let Some(opened) = draft.open() else { return };
    let classifier = opened.unwrap();
    let places = &classifier.structure().places;
    assert!(
        matches!(places, Places::Tokens { cells: [8, 8], .. }),
        "{places:?}"
    );
}

#[test]
fn before_pools_by_the_maximum_there_are_places() {
    let assert_before = |draft: &Draft| {
        assert_places(draft, true);
        let Some(opened) = draft.open() else { return };
        assert_eq!(opened.unwrap().structure().features, "f");
    };
    let mut draft = fixed_draft();
    cells(&mut draft, "x");
    draft
        .node("GlobalMaxPool", &["f"], "m")
        .node("Flatten", &["m"], "v");
    dense(&mut draft, "v", 4);
    assert_before(&draft);
    for (op, length) in [("Concat", 8), ("Add", 4)] {
        let mut draft = fixed_draft();
        cells(&mut draft, "x");
        draft
            .node("GlobalAveragePool", &["f"], "a")
            .node("GlobalMaxPool", &["f"], "m")
            .node_int(op, &["a", "m"], "joined", ("axis", 1))
            .node("Flatten", &["joined"], "v");
        if op == "Add" {
            draft.graph().node[4].attribute.clear();
        }
        dense(&mut draft, "v", length);
        assert_before(&draft);
    }
    let mut draft = fixed_draft();
    cells(&mut draft, "x");
    draft
        .node_ints("MaxPool", &["f"], "m", ("kernel_shape", &[8, 8]))
        .node("Flatten", &["m"], "v");
    dense(&mut draft, "v", 4);
    assert_before(&draft);
}

#[test]
fn a_single_cell_is_no_place() {
    let mut draft = fixed_draft();
    draft.input(&[1, 3, 8, 8]);
    cells(&mut draft, "x");
    pooled(&mut draft, "f");
    assert_eq!(
        refusal(&draft),
        "network.onnx cannot be explained: its feature map “f” has a single cell for a picture of 8 x 8 pixels, \
         because the operator Conv “c” covers the whole map. Use a network that keeps a larger map."
    );
}

#[test]
fn crops_and_transpositions_are_told() {
    let mut draft = fixed_draft();
    draft
        .integers("from", &[0, 32])
        .integers("to", &[32, 64])
        .integers("sides", &[2, 3])
        .node("Slice", &["x", "from", "to", "sides"], "window");
    cells(&mut draft, "window");
    pooled(&mut draft, "f");
    assert_eq!(
        refusal(&draft),
        "network.onnx cannot be explained: its feature map “f” shows a part of the picture only, because the \
         operator Slice “window” cuts the rest off. Export the network without that crop, and crop the pictures \
         before they reach it."
    );
    let mut draft = fixed_draft();
    draft.node_ints("Transpose", &["x"], "turned", ("perm", &[0, 1, 3, 2]));
    cells(&mut draft, "turned");
    pooled(&mut draft, "f");
    assert_eq!(
        refusal(&draft),
        "network.onnx cannot be explained: its feature map “f” lies on its side, because the operator Transpose \
         “turned” takes rows for columns. Export the network without that transposition, and transpose the pictures \
         before they reach it."
    );
    // Back again before the head.
    draft.graph().node.truncate(3);
    draft.graph().output.clear();
    draft.graph().initializer.truncate(1);
    draft.node_ints("Transpose", &["f"], "upright", ("perm", &[0, 1, 3, 2]));
    pooled(&mut draft, "upright");
    assert_places(&draft, true);
}

#[test]
fn what_keeps_places_is_proven_by_the_graph() {
    let mut draft = fixed_draft();
    draft
        .integers("pads", &[0, 0, 4, 4, 0, 0, 4, 4])
        .integers("from", &[4, 4])
        .integers("to", &[68, 68])
        .integers("sides", &[2, 3])
        .node("Pad", &["x", "pads"], "padded")
        .node("Slice", &["padded", "from", "to", "sides"], "window");
    cells(&mut draft, "window");
    // A gate that looks at the whole map, and channels that change their order.
    draft
        .node("GlobalAveragePool", &["f"], "mean")
        .node("Sigmoid", &["mean"], "gate")
        .node("Mul", &["f", "gate"], "gated")
        .integers("groups", &[1, 2, 2, 8, 8])
        .integers("shape", &[1, 4, 8, 8]);
    shuffle_channels(&mut draft, "gated");
    pooled(&mut draft, "g");
    assert_places(&draft, true);
}

#[test]
fn sizes_that_the_graph_computes_of_shapes_are_followed() {
    // As torch's exporter writes the shuffling of channels for pictures of any size.
    let mut draft = fixed_draft();
    cells(&mut draft, "x");
    draft
        .integers("one", &[1])
        .integers("two", &[2])
        .integers("batch_at", &[0])
        .integers("places_at", &[-2, -1])
        .node("Shape", &["f"], "shape")
        .node("Gather", &["shape", "batch_at"], "batch")
        .node("Gather", &["shape", "one"], "channels")
        .node("Gather", &["shape", "places_at"], "places")
        .node("Div", &["channels", "two"], "half")
        .node_int(
            "Concat",
            &["batch", "two", "half", "places"],
            "groups",
            ("axis", 0),
        );
    shuffle_channels(&mut draft, "f");
    pooled(&mut draft, "g");
    assert_places(&draft, true);
}

#[test]
fn what_the_graph_leaves_open_is_probed() {
    // To tokens and back again.
    let mut draft = fixed_draft();
    cells(&mut draft, "x");
    draft
        .integers("line", &[1, 4, 64])
        .integers("grid", &[1, 4, 8, 8])
        .node("Reshape", &["f", "line"], "tokens")
        .node("Relu", &["tokens"], "same")
        .node("Reshape", &["same", "grid"], "g");
    pooled(&mut draft, "g");
    assert_tokens(&draft);
    // Through layers, whose gradient the network returns too.
    draft.graph().output.clear();
    draft
        .node("Tanh", &["y"], "t")
        .random("last", &[3, 5])
        .node("MatMul", &["t", "last"], "z")
        .output("z");
    assert_tokens(&draft);
    // Mirrored, which is turned back.
    let mut draft = fixed_draft();
    cells(&mut draft, "x");
    draft
        .integers("line", &[1, 4, 64])
        .integers("grid", &[1, 4, 8, 8])
        .node("Reshape", &["f", "line"], "tokens")
        .integers("back", &(0..64).rev().collect::<Vec<i64>>())
        .node_int("Gather", &["tokens", "back"], "mirrored", ("axis", 2))
        .node("Reshape", &["mirrored", "grid"], "g");
    pooled(&mut draft, "g");
    assert_tokens(&draft);
    // Places picked by what is not followed: in their order, mirrored, and in a row.
    let picked = |order: &dyn Fn(i64) -> i64, shape: &[i64]| {
        let mut draft = fixed_draft();
        cells(&mut draft, "x");
        let indices: Vec<i64> = (0..4 * 64).map(|index| order(index % 64)).collect();
        draft
            .integers("line", &[1, 4, 64])
            .node("Reshape", &["f", "line"], "tokens")
            .integers("numbers", &indices)
            .node("Reshape", &["numbers", "line"], "indices")
            .node_int(
                "GatherElements",
                &["tokens", "indices"],
                "picked",
                ("axis", 2),
            )
            .integers("grid", shape)
            .node("Reshape", &["picked", "grid"], "g");
        pooled(&mut draft, "g");
        draft
    };
    assert_places(&picked(&|index| index, &[1, 4, 8, 8]), false);
    let refused = |draft: &Draft| {
        let opened = draft.open()?;
        let error = opened.err().unwrap();
        assert!(
            matches!(error, Error::Model(ModelError::NoPlaces { .. })),
            "{error}"
        );
        Some(error.to_string())
    };
    let Some(text) = refused(&picked(&|index| 63 - index, &[1, 4, 8, 8])) else {
        return;
    };
    assert!(
        text.contains(
            "“g” does not show where in the picture something is: of 12 patches that were changed, "
        ),
        "{text}"
    );
    assert!(
        text.ends_with("Use a convolutional image classifier, whose map keeps rows and columns."),
        "{text}"
    );
    let text = refused(&picked(&|index| index, &[1, 4, 64, 1])).unwrap();
    assert!(
        text.ends_with(
            "cannot be explained: its feature map “g” has the shape 1 x 4 x 64 x 1: tokens in no known grid of rows \
             and columns. Use a convolutional image classifier, whose map keeps rows and columns."
        ),
        "{text}"
    );
}

/// An embedding of 6 channels before the logits of three classes, and an auxiliary head before both.
fn several_outputs() -> Draft {
    let mut draft = fixed_draft();
    cells(&mut draft, "x");
    draft
        .node("GlobalAveragePool", &["c"], "q")
        .node("Flatten", &["q"], "embedding")
        .random("side", &[4, 3])
        .node("MatMul", &["embedding", "side"], "aux")
        .output("embedding")
        .output("aux");
    pooled(&mut draft, "f");
    draft
}

fn open_with(draft: &Draft, change: impl Fn(&mut Options)) -> Result<(String, Vec<String>), Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    std::fs::write(&path, draft.model.encode_to_vec()).unwrap();
    let mut options = crate::testing::options(path);
    change(&mut options);
    let classifier = crate::inference::classifier::Classifier::open(&options)?;
    let outputs = classifier.structure().outputs.clone();
    Ok((outputs.taken, outputs.others))
}

#[test]
fn the_output_that_tells_the_classes_is_taken() {
    let draft = several_outputs();
    if open_bytes(&draft.model.encode_to_vec()).is_none() {
        return;
    }
    let others = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    let taken = open_with(&draft, |_| {}).unwrap();
    assert_eq!(taken, ("y".into(), others(["embedding", "aux"])));
    for asked in ["aux", "1"] {
        let taken = open_with(&draft, |options| options.output = Some(asked.into()));
        assert_eq!(taken.unwrap(), ("aux".into(), vec![]));
    }
    let error = open_with(&draft, |options| options.output = Some("logits".into())).unwrap_err();
    let text = error.to_string();
    assert!(
        text.ends_with(
            "network.onnx has no output “logits”; it has “embedding”, “aux”, “y”. Set output to one of these names, \
             or to an index from 0 to 2."
        ),
        "{text}"
    );
    // As many labels as the embedding has channels.
    let labels = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(labels.path(), "a\nb\nc\nd\n").unwrap();
    let taken = open_with(&draft, |options| {
        options.labels = Some(labels.path().into());
    });
    assert_eq!(taken.unwrap().0, "embedding");
    // Scores before logits of as many classes.
    let mut draft = several_outputs();
    draft.node("Softmax", &["aux"], "s").output("s");
    assert_eq!(open_with(&draft, |_| {}).unwrap().0, "s");
}

#[test]
fn pads_of_less_than_nothing_are_crops() {
    let mut draft = fixed_draft();
    draft
        .integers("pads", &[0, 0, 0, -32, 0, 0, -32, 0])
        .node("Pad", &["x", "pads"], "window");
    cells(&mut draft, "window");
    pooled(&mut draft, "f");
    let said = refusal(&draft);
    assert!(
        said.contains("because the operator Pad “window” cuts the rest off"),
        "{said}"
    );
}

#[test]
fn a_map_padded_beside_the_picture_is_refused() {
    // The picture's own cells are the first quarter of the map.
    let mut draft = fixed_draft();
    cells(&mut draft, "x");
    draft
        .integers("pads", &[0, 0, 0, 0, 0, 0, 8, 8])
        .node("Pad", &["f", "pads"], "g");
    pooled(&mut draft, "g");
    let Some(opened) = draft.open() else { return };
    let said = opened.map(|_| ()).unwrap_err().to_string();
    assert!(
        said.contains("does not show where in the picture something is"),
        "{said}"
    );
}

#[test]
fn what_holds_for_squares_alone_is_refused() {
    // A crop to 224 x 224 leaves a square as it is.
    let mut draft = Draft::new();
    draft.input(&[1, 3, -1, -1]);
    draft
        .integers("from", &[0, 0])
        .integers("to", &[224, 224])
        .integers("sides", &[2, 3])
        .node("Slice", &["x", "from", "to", "sides"], "window");
    cells(&mut draft, "window");
    pooled(&mut draft, "f");
    let said = refusal(&draft);
    assert!(said.contains("“window” cuts the rest off"), "{said}");
}

#[test]
fn sizes_that_are_free_in_name_only_are_fixed() {
    let mut draft = Draft::new();
    draft.input(&[1, 3, -1, -1]);
    cells(&mut draft, "x");
    draft.node("Flatten", &["f"], "v");
    dense(&mut draft, "v", 4 * 28 * 28);
    let Some(opened) = draft.open() else { return };
    let fit = opened.unwrap().fit();
    let (width, height) = (224, 224);
    assert_eq!(fit, Fit::Exact { width, height });
}

#[test]
fn a_constant_of_space_fixes_free_sizes() {
    // Of both sides, of one alone, and of channels, which leaves the size free.
    for (sizes, is_fixed) in [
        ([1, 1, 28, 28], true),
        ([1, 1, 28, 1], true),
        ([1, 1, 1, 28], true),
        ([1, 4, 1, 1], false),
    ] {
        let mut draft = Draft::new();
        draft.input(&[1, 3, -1, -1]);
        cells(&mut draft, "x");
        draft
            .random("spread", &sizes)
            .node("Mul", &["f", "spread"], "g");
        pooled(&mut draft, "g");
        let Some(opened) = draft.open() else { return };
        let mut classifier = opened.unwrap();
        let (width, height) = (224, 224);
        let fit = classifier.fit();
        assert_eq!(fit == Fit::Exact { width, height }, is_fixed, "{sizes:?}");
        let pixels = noise(3 * 224 * 224, 1);
        let activation = classifier
            .run(&pixels, 224, 224, Target::Class(1), Detail::Sums)
            .unwrap();
        let map = activation.features;
        assert_eq!((map.width, map.height), (28, 28));
        // What the head averages has met the constant.
        let weights = draft.graph().initializer.last().unwrap();
        for (class, &logit) in activation.logits.iter().enumerate() {
            let cells = map.values.iter().zip(0..);
            let terms = cells
                .map(|(value, at): (_, usize)| value * weights.float_data[at / 784 * 3 + class]);
            let expected = terms.sum::<f32>() / 784.0;
            assert!((logit - expected).abs() < 1e-3, "{sizes:?}");
        }
        if is_fixed {
            let smaller = draft.open_with(|options| Options {
                input_size: Some(160),
                ..options
            });
            let error = smaller.unwrap().err().unwrap();
            let text = error.to_string();
            assert!(
                text.ends_with("Set input_size to 224 or more."),
                "{sizes:?}: {text}"
            );
        }
    }
}

#[test]
fn cells_that_leave_a_part_of_the_picture_out_are_refused() {
    // Windows of so many cells side by side, on a map of 28.
    let opened = |window: i64| {
        let mut draft = Draft::new();
        draft.input(&[1, 3, 224, 224]);
        cells(&mut draft, "x");
        let pool = with_ints(node("MaxPool", &["f"], "m"), "kernel_shape", &[window; 2]);
        draft.push(with_ints(pool, "strides", &[window; 2]));
        pooled(&mut draft, "m");
        draft.open()
    };
    for window in [2, 3, 4, 5, 7, 9, 14] {
        let Some(opened) = opened(window) else { return };
        let places = opened.unwrap().structure().places.clone();
        assert!(
            matches!(places, Places::Proven { .. }),
            "{window} {places:?}"
        );
    }
    let said = opened(10).unwrap().map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("has 2 x 2 cells, too few"), "{said}");
}

#[test]
fn too_few_cells_prove_nothing() {
    // Perhaps mirrored, which a probe cannot tell of a map that small.
    let mut draft = Draft::new();
    draft.input(&[1, 3, 16, 16]);
    cells(&mut draft, "x");
    draft
        .integers("shape", &[1, 4, 2, 2])
        .integers("none", &[0; 16])
        .node("Reshape", &["none", "shape"], "indices")
        .node_int("GatherElements", &["f", "indices"], "g", ("axis", 0));
    pooled(&mut draft, "g");
    let Some(opened) = draft.open() else { return };
    let said = opened.map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("has 2 x 2 cells, too few"), "{said}");
}
