//! What a network file's metadata says of its labels, its preprocessing and its input's size. What
//! cannot be taken as it stands becomes a warning.

use std::fmt;
use std::path::Path;

use serde_json::Value;

use super::catalogue::Entry;
use super::label_text;
use super::labels::Labels;
use super::options::{Options, PreprocessOrigin};
use super::printable::{printable, shortened};
use super::python_literal;
use crate::model::analysis::Analysis;
use crate::model::error::ModelError;
use crate::model::image_input::INPUT_SIZE;
use crate::onnx::graph::Graph;
use crate::preprocess::Preprocess;
use crate::remedy::Remedy;

/// Largest shortest side that a network is fed, in pixels.
pub const MAX_INPUT_SIZE: u32 = 4096;

/// Something in a file's metadata that could not be taken as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Warning {
    /// A sentence that names file, key, value and what is taken instead.
    pub fault: String,
    /// How to have something else, where there is a way.
    pub remedy: Option<Remedy>,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fault)?;
        match &self.remedy {
            Some(remedy) => write!(f, " {remedy}"),
            None => Ok(()),
        }
    }
}

/// The warnings about one file.
#[derive(Default)]
pub struct Warnings {
    pub list: Vec<Warning>,
    file: String,
}

impl Warnings {
    pub fn new(path: &Path) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str());
        Self {
            list: Vec::new(),
            file: printable(&name.to_string_lossy()),
        }
    }

    /// `taken` is what is taken instead, and `remedy` how to have something else.
    pub fn add(
        &mut self,
        (key, value): (&str, &str),
        fault: &str,
        taken: &str,
        remedy: Option<Remedy>,
    ) {
        let fault = format!(
            "The metadata of {} says {key}=“{}”, {fault}: {taken}.",
            self.file,
            shortened(value)
        );
        self.list.push(Warning { fault, remedy });
    }
}

/// The value of a key, if it is there and not empty.
pub fn value<'a>(graph: &'a Graph, key: &'static str) -> Option<(&'static str, &'a str)> {
    let value = graph.metadata(key)?;
    (!value.trim().is_empty()).then_some((key, value))
}

/// How a file of Ultralytics' says what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ultralytics {
    /// It bears their marks, and says that it classifies.
    Classifier,
    /// It bears their marks, and says no task.
    Untold,
}

/// Whether Ultralytics' exporter wrote the file, whose classifiers take RGB from 0 to 1. It writes
/// `description`, `author`, `task`, `imgsz` and `names` among others. YOLOv5's wrote `stride` and
/// `names` alone, and its classifiers take [`Preprocess::Torch`].
fn ultralytics(graph: &Graph) -> Option<Ultralytics> {
    let is = |key, word: &str| {
        let value = graph.metadata(key).unwrap_or_default();
        value.trim().to_lowercase().starts_with(word)
    };
    let has = |key| value(graph, key).is_some();
    let is_signed = is("author", "ultralytics") || is("description", "ultralytics");
    if !has("task") {
        return (is_signed || has("names") && has("imgsz")).then_some(Ultralytics::Untold);
    }
    (is("task", "classify") && (is_signed || has("names") || has("imgsz")))
        .then_some(Ultralytics::Classifier)
}

/// The preprocessing, and where it was learnt.
pub fn preprocess(
    options: &Options,
    entry: Option<&Entry>,
    graph: &Graph,
    warnings: &mut Warnings,
) -> (Preprocess, PreprocessOrigin) {
    if let Some(preprocess) = options.preprocess {
        return (preprocess, PreprocessOrigin::Options);
    }
    if let Some(entry) = entry {
        return (entry.preprocess, PreprocessOrigin::Catalogue);
    }
    let mut misunderstood = Vec::new();
    for said in ["preprocess", "preprocessing"]
        .into_iter()
        .filter_map(|key| value(graph, key))
    {
        let (_, text) = said;
        if let Some(preprocess) = Preprocess::from_name(text) {
            return (preprocess, PreprocessOrigin::File);
        }
        if let Some(preprocess) = Preprocess::from_name(&text.trim().to_lowercase()) {
            let name = preprocess.name();
            warnings.add(
                said,
                "which is not quite a preprocessing's name",
                &format!("{name} is taken"),
                Some(Remedy::SpellPreprocess(name)),
            );
            return (preprocess, PreprocessOrigin::File);
        }
        if let Some(preprocess) = Preprocess::from_description(text) {
            return (preprocess, PreprocessOrigin::File);
        }
        misunderstood.push(said);
    }
    let of_ultralytics = "as Ultralytics' classifiers have it";
    let (preprocess, origin, why) = match ultralytics(graph) {
        Some(Ultralytics::Classifier) => (Preprocess::Unit, PreprocessOrigin::File, of_ultralytics),
        Some(Ultralytics::Untold) => (Preprocess::Unit, PreprocessOrigin::Assumed, of_ultralytics),
        None => (
            Preprocess::Torch,
            PreprocessOrigin::Assumed,
            "the most common one",
        ),
    };
    for said in misunderstood {
        warnings.add(
            said,
            "which is not understood",
            &format!("{}, {why}, is taken instead", preprocess.name()),
            Some(Remedy::SetPreprocess),
        );
    }
    (preprocess, origin)
}

/// Shortest side fed to the network, in pixels.
///
/// # Errors
/// [`ModelError::FixedInput`].
pub fn input_size(
    options: &Options,
    entry: Option<&Entry>,
    network: &Analysis,
    path: &Path,
    warnings: &mut Warnings,
) -> Result<u32, ModelError> {
    let own = network.picture.own_side();
    if let (Some(own), Some(asked)) = (own, options.input_size)
        && own != asked
    {
        let [height, width] = network.picture.sides;
        return Err(ModelError::FixedInput {
            path: path.to_owned(),
            width,
            height,
            asked,
        });
    }
    if let Some(size) = options.input_size.or(entry.map(|entry| entry.input_size)) {
        return Ok(size);
    }
    let mut found = None;
    let keys = ["input_size", "imgsz"];
    for said in keys
        .into_iter()
        .filter_map(|key| value(&network.graph, key))
    {
        let taken = own.or(found).unwrap_or(INPUT_SIZE);
        let (taken, remedy) = match own {
            Some(_) => (
                format!("{taken}, which the network is fixed to, is taken instead"),
                None,
            ),
            None => (
                format!("{taken} is taken instead"),
                Some(Remedy::SetInputSize),
            ),
        };
        match (size(said.1), own) {
            (None, _) => warnings.add(
                said,
                &format!("which is no size from 1 to {MAX_INPUT_SIZE}"),
                &taken,
                remedy,
            ),
            (Some(size), Some(own)) if size != own => {
                let fault = "which is not the size that the network takes";
                warnings.add(said, fault, &taken, remedy);
            }
            (Some(size), _) => found = found.or(Some(size)),
        }
    }
    Ok(own.or(found).unwrap_or(INPUT_SIZE))
}

/// The shortest side in `224`, `[224, 224]`, `(3, 224, 224)` or `224x224`.
fn size(text: &str) -> Option<u32> {
    let spelt = text.trim().to_lowercase().replace(['x', '×'], ",");
    let listed = match spelt.contains(',') && !spelt.starts_with(['[', '(', '{']) {
        true => format!("[{spelt}]"),
        false => spelt,
    };
    let sides = match python_literal::literal(&listed).ok()? {
        Value::Number(side) => vec![side.as_u64()?],
        Value::Array(sides) => sides
            .iter()
            .map(Value::as_u64)
            .collect::<Option<Vec<u64>>>()?,
        _ => return None,
    };
    // Channels, and the number of pictures, stand before the sides.
    let sides = &sides[sides.len().saturating_sub(2)..];
    let side = sides.iter().copied().min()?;
    let is_side = sides
        .iter()
        .all(|side| (1..=u64::from(MAX_INPUT_SIZE)).contains(side));
    is_side.then(|| u32::try_from(side).ok())?
}

/// A key of the metadata, and its value.
pub type Said = (&'static str, String);

/// All labels that the file has: `labels` of its own, `names` by Ultralytics, `character` by Paddle.
pub fn labels(graph: &Graph) -> Vec<Said> {
    let keys = ["labels", "names", "character"];
    let said = keys.into_iter().filter_map(|key| value(graph, key));
    said.map(|(key, text)| (key, text.to_owned())).collect()
}

/// How many labels each list in the file has.
pub fn label_counts(graph: &Graph) -> Vec<usize> {
    let lists = labels(graph).into_iter();
    lists
        .filter_map(|(key, text)| match key {
            "character" => Some(label_text::lines(&text).ok()?.len()),
            _ => Some(label_text::parse(&text, 0, false).ok()?.len()),
        })
        .collect()
}

/// The first of the labels `said` that has one for each of the `classes`; numbers where none has.
pub fn choose_labels(said: Vec<Said>, classes: usize, warnings: &mut Warnings) -> Labels {
    let mut chosen = None;
    let mut faults = Vec::new();
    for (key, text) in said {
        let labels = match key {
            "character" => label_text::lines(&text),
            _ => label_text::parse(&text, classes, false),
        };
        let labels = labels.map(Labels::from_iter);
        let fault = match labels {
            Ok(labels) if labels.len() == classes => {
                chosen = Some((key, labels));
                break;
            }
            Ok(labels) => {
                let count = labels.len();
                format!("which is not one label for each of its {classes} classes but {count}")
            }
            Err(fault) => format!("which is not understood ({fault})"),
        };
        faults.push((key, text, fault));
    }
    let (taken, remedy) = match &chosen {
        Some((key, _)) => (format!("what {key} says is taken instead"), None),
        None => (
            format!(
                "“class 0” to “class {}” are taken instead",
                classes.saturating_sub(1)
            ),
            Some(Remedy::SetLabels),
        ),
    };
    for (key, text, fault) in &faults {
        warnings.add((key, text), fault, &taken, remedy);
    }
    chosen.map_or_else(|| Labels::numbered(classes), |(_, labels)| labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::generated::StringStringEntryProto;
    use crate::testing::{Draft, options};

    #[test]
    fn sizes_are_read_as_exporters_write_them() {
        for (text, expected) in [
            ("224", Some(224)),
            (" 224 ", Some(224)),
            ("[224, 256]", Some(224)),
            ("(3, 640, 480)", Some(480)),
            ("1x3x32x64", Some(32)),
            ("224,224", Some(224)),
            ("0", None),
            ("-1", None),
            ("[0, 224]", None),
            ("4097", None),
            ("99999999999999999999", None),
            ("large", None),
            ("nan", None),
            ("inf", None),
            ("1e3", None),
            ("224.0", None),
            ("[224, -224]", None),
            ("[224, nan]", None),
            ("[[224, 224]]", None),
            ("-9223372036854775808", None),
            ("18446744073709551616", None),
            ("\u{0}224", None),
            ("[]", None),
            ("{}", None),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
    }

    #[test]
    fn preprocessing_is_that_of_whoever_wrote_the_file() {
        let taken_of = |said: &[(&str, &str)]| {
            let mut draft = Draft::with_features();
            draft.output("a");
            for (key, value) in said {
                draft.model.metadata_props.push(StringStringEntryProto {
                    key: Some((*key).to_owned()),
                    value: Some((*value).to_owned()),
                });
            }
            let graph = Graph::new(draft.model).unwrap();
            let mut warnings = Warnings::new(Path::new("a.onnx"));
            let taken = preprocess(&options("a.onnx".into()), None, &graph, &mut warnings);
            (
                taken,
                warnings
                    .list
                    .iter()
                    .map(Warning::to_string)
                    .collect::<Vec<_>>(),
            )
        };
        let names = ("names", "{0: 'a', 1: 'b'}");
        let imgsz = ("imgsz", "[224, 224]");
        let author = ("author", "Ultralytics");
        let (task, stride) = (("task", "classify"), ("stride", "1"));
        let said = (Preprocess::Unit, PreprocessOrigin::File);
        let likely = (Preprocess::Unit, PreprocessOrigin::Assumed);
        let unknown = (Preprocess::Torch, PreprocessOrigin::Assumed);
        for (metadata, expected) in [
            (&[author, task, imgsz, names, stride][..], said),
            (&[task, names], said),
            (&[task, imgsz], said),
            (&[names, imgsz], likely),
            (&[names, imgsz, stride], likely),
            (&[author], likely),
            (&[("description", "Ultralytics YOLO11n-cls model")], likely),
            // As YOLOv5 writes it.
            (&[stride, names], unknown),
            (&[names], unknown),
            (&[imgsz], unknown),
            (&[task], unknown),
            (&[author, ("task", "detect"), imgsz, names], unknown),
            (&[], unknown),
        ] {
            assert_eq!(taken_of(metadata), (expected, vec![]), "{metadata:?}");
        }
        let (taken, warnings) = taken_of(&[names, imgsz, ("preprocess", "magic")]);
        assert_eq!(taken, likely);
        assert_eq!(
            warnings,
            [
                "The metadata of a.onnx says preprocess=“magic”, which is not understood: unit, as Ultralytics' \
                 classifiers have it, is taken instead. Set preprocess to the right one of torch, caffe, tf, \
                 lite, unit, raw."
            ]
        );
    }

    #[test]
    fn labels_that_do_not_fit_are_told_and_the_next_are_taken() {
        let choose = |said: &[(&'static str, &str)]| -> (String, Vec<String>) {
            let mut warnings = Warnings::new(Path::new("folder/a.onnx"));
            let said = said.iter().map(|(key, text)| (*key, (*text).to_owned()));
            let labels = choose_labels(said.collect(), 2, &mut warnings);
            let words = warnings.list.iter().map(Warning::to_string);
            (labels.first_name(0).to_owned(), words.collect())
        };
        assert_eq!(choose(&[]), ("class 0".to_owned(), vec![]));
        assert_eq!(
            choose(&[("names", "{1: 'b', 0: 'a'}")]),
            ("a".to_owned(), vec![])
        );
        assert_eq!(choose(&[("character", "[\n]\n")]), ("[".to_owned(), vec![]));
        let (name, warnings) = choose(&[("labels", "red\ngreen\nblue"), ("names", "['a', 'b']")]);
        assert_eq!(name, "a");
        assert_eq!(
            warnings,
            [
                "The metadata of a.onnx says labels=“red, green, blue”, which is not one label for \
              each of its 2 classes but 3: what names says is taken instead."
            ]
        );
        let (name, warnings) = choose(&[("names", "{0: 'a', 2: 'b'}")]);
        assert_eq!(name, "class 0");
        assert!(warnings[0].contains("2 is among them): “class 0” to “class 1” are taken instead"));
    }
}
