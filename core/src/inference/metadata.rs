//! What a network file's own metadata says of its labels, its preprocessing and its input's size.

use serde_json::{Map, Value};

use super::beside::Beside;
use super::fields::{Fields, Pixels};
use super::label_json::{self, json_or_python};
use super::label_text;
use super::labels::Labels;
use super::options::MAX_INPUT_SIZE;
use super::pretrained_cfg;
use super::python_literal;
use super::told::{Geometry, Size};
use super::warnings::{Fault, Place, Said, Warnings};
use crate::onnx::graph::Graph;
use crate::preprocess::Preprocess;
use crate::remedy::Remedy;

/// The metadata of one network.
pub struct Metadata<'a> {
    graph: &'a Graph,
    pretrained_cfg: Option<Map<String, Value>>,
    /// What timm's part of it is instead of an object.
    pub fault: Option<Fault>,
}

/// How a file of Ultralytics' says what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ultralytics {
    /// It bears their marks, and says that it classifies.
    Classifier,
    /// It bears their marks, and says no task.
    Untold,
}

/// The value of a key, if it is there and not empty.
pub fn value<'a>(graph: &'a Graph, key: &'static str) -> Option<(&'static str, &'a str)> {
    let value = graph.metadata(key)?;
    (!value.trim().is_empty()).then_some((key, value))
}

fn said((key, value): (&str, &str)) -> Said {
    Said {
        place: Place::Metadata,
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

impl<'a> Metadata<'a> {
    /// That of the network `graph`.
    pub fn of(graph: &'a Graph) -> Self {
        let mut metadata = Self {
            graph,
            pretrained_cfg: None,
            fault: None,
        };
        let Some((key, text)) = value(graph, pretrained_cfg::KEY) else {
            return metadata;
        };
        let fault = |what: String| {
            Some(Fault {
                said: said((key, text)),
                what: format!("which is not understood ({what})"),
            })
        };
        match label_text::check_values(text).map(|()| json_or_python(text)) {
            Ok(Ok(Value::Object(object))) => metadata.pretrained_cfg = Some(object),
            Ok(Ok(_)) => metadata.fault = fault("it is no dictionary".to_owned()),
            Ok(Err(unreadable)) => metadata.fault = fault(label_json::told(unreadable)),
            Err(what) => metadata.fault = fault(what),
        }
        metadata
    }

    /// The network's graph.
    pub fn graph(&self) -> &'a Graph {
        self.graph
    }

    /// timm's part of it.
    pub fn pretrained_cfg(&self) -> Option<Fields<'_>> {
        let object = self.pretrained_cfg.as_ref()?;
        Some(Fields {
            place: Place::Metadata,
            object,
        })
    }

    /// Whether Ultralytics' exporter wrote the file, whose classifiers take RGB from 0 to 1. It writes
    /// `description`, `author`, `task`, `imgsz` and `names` among others. YOLOv5's wrote `stride` and
    /// `names` alone, and its classifiers take [`Preprocess::Torch`].
    pub fn ultralytics(&self) -> Option<Ultralytics> {
        let is = |key, word: &str| {
            let value = self.graph.metadata(key).unwrap_or_default();
            value.trim().to_lowercase().starts_with(word)
        };
        let has = |key| value(self.graph, key).is_some();
        let is_signed = is("author", "ultralytics") || is("description", "ultralytics");
        if !has("task") {
            return (is_signed || has("names") && has("imgsz")).then_some(Ultralytics::Untold);
        }
        (is("task", "classify") && (is_signed || has("names") || has("imgsz")))
            .then_some(Ultralytics::Classifier)
    }

    /// The preprocessing that is named, or described.
    pub fn preprocess(
        &self,
        warnings: &mut Warnings,
        faults: &mut Vec<Fault>,
    ) -> Option<Preprocess> {
        let keys = ["preprocess", "preprocessing"].into_iter();
        for pair in keys.filter_map(|key| value(self.graph, key)) {
            let (_, text) = pair;
            if let Some(preprocess) = Preprocess::from_name(text) {
                return Some(preprocess);
            }
            if let Some(preprocess) = Preprocess::from_name(&text.trim().to_lowercase()) {
                let name = preprocess.name();
                warnings.add(
                    &said(pair),
                    "which is not quite a preprocessing's name",
                    &format!("{name} is taken"),
                    Some(Remedy::SpellPreprocess(name)),
                );
                return Some(preprocess);
            }
            if let Some(preprocess) = Preprocess::from_description(text) {
                return Some(preprocess);
            }
            faults.push(Fault {
                said: said(pair),
                what: "which is not understood".to_owned(),
            });
        }
        None
    }

    /// The pictures' size, by each key that may say it.
    pub fn geometries(&self) -> Vec<Geometry> {
        let keys = ["input_size", "imgsz"].into_iter();
        let pairs = keys.filter_map(|key| value(self.graph, key));
        let geometry = |pair: (&str, &str)| {
            let mut told = Geometry::default();
            match size(pair.1) {
                Some(side) => {
                    told.size = Some(Size {
                        said: said(pair),
                        pixels: Pixels::Shortest(side),
                        is_stretched: false,
                    });
                }
                None => told.faults.push(Fault {
                    said: said(pair),
                    what: format!("which is no size from 1 to {MAX_INPUT_SIZE}"),
                }),
            }
            told
        };
        pairs.map(geometry).collect()
    }
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

/// A list of labels that one of a network's files has.
pub struct Listed {
    said: Said,
    names: Names,
}

enum Names {
    /// Text in one of the shapes of [`label_text`].
    Text,
    /// One a line, whatever it looks like.
    Lines,
    Read(Result<Vec<String>, String>),
}

impl Listed {
    fn names(&self, classes: usize) -> Result<Vec<String>, String> {
        match &self.names {
            Names::Text => label_text::parse(&self.said.value, classes, false),
            Names::Lines => label_text::lines(&self.said.value),
            Names::Read(names) => names.clone(),
        }
    }
}

/// The labels in the file itself: `labels` of its own, `names` by Ultralytics, `character` by Paddle.
fn own_labels(graph: &Graph) -> impl Iterator<Item = Listed> {
    let keys = [
        ("labels", Names::Text),
        ("names", Names::Text),
        ("character", Names::Lines),
    ];
    keys.into_iter().filter_map(|(key, names)| {
        let said = said(value(graph, key)?);
        Some(Listed { said, names })
    })
}

/// All labels that the network's files have, the better known first.
pub fn labels(graph: &Graph, beside: &Beside) -> Vec<Listed> {
    let of_beside = beside.labels().map(|(said, names)| Listed {
        said,
        names: Names::Read(names),
    });
    own_labels(graph).chain(of_beside).collect()
}

/// How many labels each list in the file has.
pub fn label_counts(graph: &Graph) -> Vec<usize> {
    let lists = own_labels(graph);
    lists
        .filter_map(|listed| Some(listed.names(0).ok()?.len()))
        .collect()
}

/// The first of the labels `listed` that has one for each of the `classes`; numbers where none has.
pub fn choose_labels(listed: &[Listed], classes: usize, warnings: &mut Warnings) -> Labels {
    let mut chosen = None;
    let mut faults = Vec::new();
    for listed in listed {
        let labels = listed.names(classes).map(Labels::from_iter);
        let fault = match labels {
            Ok(labels) if labels.len() == classes => {
                chosen = Some((&listed.said, labels));
                break;
            }
            Ok(labels) => {
                let count = labels.len();
                format!("which is not one label for each of its {classes} classes but {count}")
            }
            Err(fault) => format!("which is not understood ({fault})"),
        };
        faults.push((&listed.said, fault));
    }
    let (taken, remedy) = match &chosen {
        Some((said, _)) => (format!("what {} says is taken instead", said.key), None),
        None => (
            format!(
                "“class 0” to “class {}” are taken instead",
                classes.saturating_sub(1)
            ),
            Some(Remedy::SetLabels),
        ),
    };
    for (said, fault) in &faults {
        warnings.add(said, fault, &taken, remedy);
    }
    chosen.map_or_else(|| Labels::numbered(classes), |(_, labels)| labels)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::inference::PreprocessOrigin;
    use crate::inference::transform::Sources;
    use crate::inference::warnings::Warning;
    use crate::model::image_input::Picture;
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
            let picture = Picture::of(&graph, Path::new("a.onnx")).unwrap();
            let sources = Sources {
                options: &options("a.onnx".into()),
                entry: None,
                metadata: Metadata::of(&graph),
                beside: &Beside::default(),
                picture: &picture,
            };
            let taken = sources.preprocessing(&mut warnings);
            (
                (taken.preset().unwrap(), taken.origin),
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
            let listed: Vec<Listed> = said
                .iter()
                .map(|pair| Listed {
                    said: super::said(*pair),
                    names: match pair.0 {
                        "character" => Names::Lines,
                        _ => Names::Text,
                    },
                })
                .collect();
            let labels = choose_labels(&listed, 2, &mut warnings);
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
