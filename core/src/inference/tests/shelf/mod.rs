//! Networks as exporters leave them: in a folder, among files that describe them.

mod faults;
mod odd;
mod sizes;
mod timm;

use std::fs;
use std::path::Path;

use prost::Message;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::error::Error;
use crate::inference::beside::Beside;
use crate::inference::metadata::Metadata;
use crate::inference::preparation::Preparation;
use crate::inference::transform::Sources;
use crate::inference::warnings::{Warning, Warnings};
use crate::inference::{Classifier, MAX_INPUT_SIZE, Options, PreprocessOrigin};
use crate::model::Scores;
use crate::model::image_input::Picture;
use crate::onnx::generated::StringStringEntryProto;
use crate::onnx::graph::Graph;
use crate::preprocess::{ChannelOrder, Fit, Normalization, Preprocess};
use crate::testing::{Draft, is_runtime_installed, options};

const PROCESSOR: &str = "preprocessor_config.json";
const CONFIG: &str = "config.json";

/// Two classes, of pictures of any size, or of 4 x 4.
fn draft(is_free: bool, metadata: &[(&str, &str)]) -> Draft {
    let mut draft = to_logits(is_free, metadata);
    draft.output("y");
    draft
}

/// The same without an output.
fn to_logits(is_free: bool, metadata: &[(&str, &str)]) -> Draft {
    let mut draft = Draft::with_features();
    if is_free {
        draft.input(&[1, 3, 0, 0]);
    }
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f")
        .random("w", &[3, 2])
        .node("MatMul", &["f", "w"], "y");
    for (key, value) in metadata {
        draft.model.metadata_props.push(StringStringEntryProto {
            key: Some((*key).to_owned()),
            value: Some((*value).to_owned()),
        });
    }
    draft
}

fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let file = folder.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    // Some file systems reach for the disk when a file is written over.
    let _ = fs::remove_file(&file);
    fs::write(file, bytes).unwrap();
}

/// A folder with the network and these files.
fn shelf(draft: &Draft, network: &str, files: &[(&str, Value)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), network, draft.model.encode_to_vec());
    for (name, value) in files {
        put(folder.path(), name, value.to_string());
    }
    folder
}

fn open(path: &Path, change: impl Fn(Options) -> Options) -> Option<Result<Classifier, Error>> {
    is_runtime_installed().then(|| Classifier::open(&change(options(path.to_owned()))))
}

/// What is taken of all that is said of a network.
struct Taken {
    normalization: Normalization,
    origin: PreprocessOrigin,
    fit: Fit,
    warnings: Vec<String>,
    notices: Vec<String>,
}

impl Taken {
    fn of(folder: &Path, draft: Draft, change: impl Fn(Options) -> Options) -> Self {
        let path = folder.join("model.onnx");
        let graph = Graph::new(draft.model).unwrap();
        let picture = Picture::of(&graph, &path).unwrap();
        let mut warnings = Warnings::new(&path);
        let beside = Beside::of(&path, &mut warnings);
        let options = change(options(path.clone()));
        let sources = Sources {
            options: &options,
            entry: None,
            metadata: Metadata::of(&graph),
            beside: &beside,
            picture: &picture,
        };
        let preparation = Preparation::new(&sources, &path, &mut warnings).unwrap();
        let preprocessing = &preparation.preprocessing;
        let words = |list: &[Warning]| list.iter().map(Warning::to_string).collect();
        Self {
            normalization: preprocessing.normalization,
            origin: preprocessing.origin,
            fit: preparation.fit(picture.sides, &mut warnings).unwrap(),
            warnings: words(&warnings.list),
            notices: words(&warnings.notices),
        }
    }

    /// Of a network of free size beside these files.
    fn told(files: &[(&str, Value)], metadata: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, value) in files {
            put(folder.path(), name, value.to_string());
        }
        Self::of(folder.path(), draft(true, metadata), |options| options)
    }
}

fn resnet() -> Value {
    json!({
        "crop_pct": 0.875, "do_normalize": true, "do_rescale": true, "do_resize": true,
        "image_mean": [0.48, 0.45, 0.4], "image_std": [0.22, 0.225, 0.23],
        "image_processor_type": "ConvNextImageProcessor", "resample": 3,
        "rescale_factor": 0.003_921_568_627_450_98, "size": {"shortest_edge": 224}
    })
}

#[test]
fn a_folder_brings_labels_and_preprocessing() {
    let config = json!({"model_type": "resnet", "id2label": {"1": "dog", "0": "cat"}, "label2id": {"cat": 0, "dog": 1}});
    let files = [(CONFIG, config), (PROCESSOR, resnet())];
    // As Optimum leaves it, and as hubs keep it; the folder named, and the file in it.
    for network in ["model.onnx", "onnx/model.onnx"] {
        let folder = shelf(&draft(true, &[]), network, &files);
        for path in [folder.path().to_owned(), folder.path().join(network)] {
            let Some(opened) = open(&path, |options| options) else {
                return;
            };
            let classifier = opened.unwrap();
            let name = folder.path().file_name().unwrap().to_string_lossy();
            assert_eq!(classifier.name(), name);
            assert_eq!(classifier.labels().first_name(1), "dog");
            let preprocessing = classifier.preprocessing();
            assert_eq!(preprocessing.origin, PreprocessOrigin::Beside(PROCESSOR));
            let expected = Normalization {
                order: ChannelOrder::Rgb,
                divisor: 255.0,
                mean: [0.48, 0.45, 0.4],
                deviation: [0.22, 0.225, 0.23],
            };
            assert_eq!(preprocessing.normalization, expected);
            assert_eq!(
                preprocessing.description(),
                "RGB, 0..1, minus 0.48 0.45 0.4, over 0.22 0.225 0.23"
            );
            assert_eq!(classifier.fit(), Fit::ShortestSide(224));
            assert!(classifier.warnings().is_empty());
            let notices: Vec<String> = classifier
                .notices()
                .iter()
                .map(Warning::to_string)
                .collect();
            assert_eq!(
                notices,
                [
                    "The preprocessor_config.json of model.onnx says crop_pct=“0.875”, a crop to the middle 87.5 %: \
                     frames are not cropped, so that all of them counts, and their shortest side becomes 224."
                ]
            );
        }
    }
    // What the user says counts, and nothing is told of what it stands in for.
    let folder = shelf(&draft(true, &[]), "model.onnx", &files);
    let asked = |options| Options {
        preprocess: Some(Preprocess::Raw),
        input_size: Some(64),
        ..options
    };
    let classifier = open(folder.path(), asked).unwrap().unwrap();
    assert_eq!(classifier.preprocessing().origin, PreprocessOrigin::Options);
    assert_eq!(classifier.preprocessing().preset(), Some(Preprocess::Raw));
    assert_eq!(classifier.fit(), Fit::ShortestSide(64));
    assert!(classifier.warnings().is_empty());
}

#[test]
fn a_network_alone_and_one_beside_the_files_of_another_program_are_what_they_were() {
    let foreign = json!({"theme": "dark", "size": 7, "labels": ["x", "y"]});
    let folder = shelf(&draft(true, &[]), "other.onnx", &[(CONFIG, foreign)]);
    let Some(opened) = open(folder.path(), |options| options) else {
        return;
    };
    let classifier = opened.unwrap();
    assert_eq!(classifier.name(), "other");
    assert_eq!(classifier.labels().first_name(0), "class 0");
    assert_eq!(classifier.preprocessing().origin, PreprocessOrigin::Assumed);
    assert!(classifier.warnings().is_empty() && classifier.notices().is_empty());
}

#[test]
fn a_shared_network_is_opened_anew_when_its_description_changes() {
    use crate::inference::SharedClassifier;
    let named = |name: &str| json!({"id2label": {"0": name, "1": "dog"}});
    let folder = shelf(&draft(true, &[]), "model.onnx", &[(CONFIG, named("cat"))]);
    if !is_runtime_installed() {
        return;
    }
    let options = options(folder.path().to_owned());
    let first = SharedClassifier::open(&options).unwrap();
    assert_eq!(first.labels().first_name(0), "cat");
    put(folder.path(), CONFIG, named("lynx").to_string());
    let second = SharedClassifier::open(&options).unwrap();
    assert_eq!(second.labels().first_name(0), "lynx");
    // One that was not there before counts, too.
    put(folder.path(), PROCESSOR, r#"{"do_rescale": false}"#);
    let third = SharedClassifier::open(&options).unwrap();
    assert_eq!(third.preprocessing().preset(), Some(Preprocess::Raw));
    let fourth = SharedClassifier::open(&options).unwrap();
    assert!(std::sync::Arc::ptr_eq(&third, &fourth));
}

#[test]
fn problem_types_say_how_scores_are_made() {
    for (end, problem, scores, fault) in [
        (
            None,
            json!("multi_label_classification"),
            Scores::Sigmoid,
            None,
        ),
        (
            None,
            json!("single_label_classification"),
            Scores::Softmax,
            None,
        ),
        (None, Value::Null, Scores::Softmax, None),
        (
            Some("Sigmoid"),
            json!("multi_label_classification"),
            Scores::Sigmoid,
            None,
        ),
        (Some("Sigmoid"), Value::Null, Scores::Sigmoid, None),
        (
            Some("Sigmoid"),
            json!("single_label_classification"),
            Scores::Sigmoid,
            Some("contradicts what the network ends in: scores come of the logistic function."),
        ),
        (
            Some("Softmax"),
            json!("multi_label_classification"),
            Scores::Softmax,
            Some("contradicts what the network ends in: scores come of the softmax."),
        ),
        (
            None,
            json!("regression"),
            Scores::Softmax,
            Some(
                "“regression”, which is no kind of classification that is known: scores come of the softmax.",
            ),
        ),
        (
            None,
            json!(["x"]),
            Scores::Softmax,
            Some("no kind of classification"),
        ),
    ] {
        let mut draft = to_logits(true, &[]);
        match end {
            Some(end) => draft.node(end, &["y"], "z").output("z"),
            None => draft.output("y"),
        };
        let folder = shelf(
            &draft,
            "model.onnx",
            &[(CONFIG, json!({"problem_type": problem}))],
        );
        let Some(opened) = open(folder.path(), |options| options) else {
            return;
        };
        let mut classifier = opened.unwrap();
        let warnings: Vec<String> = classifier
            .warnings()
            .iter()
            .map(Warning::to_string)
            .collect();
        match fault {
            Some(fault) => assert!(warnings[0].contains(fault), "{warnings:?}"),
            None => assert!(warnings.is_empty(), "{warnings:?}"),
        }
        let activation =
            crate::testing::ask(&mut classifier, &[0.5; 48], crate::model::Target::Rank(0));
        assert_eq!(activation.unwrap().scores, scores, "{end:?} {problem}");
    }
}
