//! Names that others chose, on their way to a terminal.

use crate::inference::Classifier;
use crate::onnx::generated::StringStringEntryProto;
use crate::testing::Draft;

#[test]
fn names_in_a_file_do_not_steer_a_terminal() {
    const NAME: &str = "\u{1b}]0;owned\u{7}\u{202e}a\nb\u{9b}31m";
    let steers = |text: &str| text.chars().any(|c| c.is_control() || c == '\u{202e}');
    let mut draft = Draft::with_features();
    draft
        .node("Relu", &["a"], NAME)
        .node("GlobalAveragePool", &[NAME], "p")
        .node("Flatten", &["p"], "f")
        .random("w", &[3, 2])
        .node("MatMul", &["f", "w"], "\u{1b}[2J")
        .output("\u{1b}[2J");
    for (key, value) in [
        ("name", NAME),
        ("preprocess", NAME),
        ("input_size", NAME),
        ("labels", NAME),
    ] {
        draft.model.metadata_props.push(StringStringEntryProto {
            key: Some(key.into()),
            value: Some(value.into()),
        });
    }
    let Some(opened) = draft.open() else { return };
    let classifier = opened.unwrap();
    let structure = classifier.structure();
    let names = [
        &structure.input,
        &structure.features,
        &structure.outputs.taken,
    ];
    for name in names.into_iter().chain(&structure.head) {
        assert!(!steers(name), "{name:?}");
    }
    assert!(!steers(classifier.name()));
    assert!(classifier.labels().iter().all(|label| !steers(label)));
    let warnings = classifier.warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings.iter().all(|warning| !steers(&warning.to_string())));
    // And in what is refused: an operator that there is not, an input that is no picture.
    let refused = |change: fn(&mut Draft)| {
        let mut draft = Draft::with_features();
        change(&mut draft);
        let error = draft.open().unwrap().err().unwrap();
        assert!(
            !steers(&error.to_string()) && !steers(&error.fault()),
            "{error:?}"
        );
    };
    refused(|draft| {
        draft.node(NAME, &["a"], "y").output("y");
    });
    refused(|draft| {
        draft.graph().input[0].name = Some(NAME.into());
        draft.node("Relu", &[NAME], "y").output("y");
    });
    refused(|draft| {
        draft.output(NAME);
    });
    let path = std::path::PathBuf::from(NAME);
    let error = Classifier::open(&crate::testing::options(path))
        .err()
        .unwrap();
    assert!(!steers(&error.to_string()), "{error:?}");
}
