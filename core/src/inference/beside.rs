//! What stands in files beside a network: what Transformers, Optimum and timm write where they save one.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::fields::Fields;
use super::label_index::index_of;
use super::label_json::{json_or_python, told};
use super::label_text;
use super::warnings::{Place, Said, Warnings};
use super::{image_processor, label_json, pretrained_cfg};
use crate::file::{self, Ingredient, Trouble};
use crate::model::Scores;

/// The network's description: classes, kind of problem, and all of timm's.
pub const CONFIG: &str = "config.json";

/// Most bytes of either file: ImageNet's 21,843 classes take two million.
const LARGEST: u64 = 16 << 20;

/// Where hubs keep what others exported: `onnx/model.onnx`, below the files that describe it.
const HUB_FOLDER: &str = "onnx";

/// Keys of which a network's description has one; other programs call their files `config.json` too.
const MARKS: [&str; 6] = [
    "id2label",
    "problem_type",
    "architectures",
    "model_type",
    "architecture",
    pretrained_cfg::KEY,
];

/// The files beside a network, as far as they are there.
#[derive(Default)]
pub struct Beside {
    config: Option<Map<String, Value>>,
    processor: Option<Map<String, Value>>,
    folder: PathBuf,
    /// Which files were read, or looked for in vain.
    pub files: Vec<Ingredient>,
}

impl Beside {
    /// Reads what stands beside the network file `network`.
    pub fn of(network: &Path, warnings: &mut Warnings) -> Self {
        let mut beside = Self::default();
        let is_of_network = |config: &Map<_, _>| MARKS.iter().any(|key| config.contains_key(*key));
        for folder in folders(network) {
            let config = beside.read(&folder, CONFIG, warnings);
            beside.config = config.filter(is_of_network);
            beside.processor = beside.read(&folder, image_processor::FILE, warnings);
            beside.folder = folder;
            if beside.is_there() {
                break;
            }
        }
        beside
    }

    fn read(
        &mut self,
        folder: &Path,
        name: &str,
        warnings: &mut Warnings,
    ) -> Option<Map<String, Value>> {
        let path = folder.join(name);
        let parsed = match file::read(&path, LARGEST) {
            Err(Trouble::Missing) => {
                self.files.push(Ingredient::absent(path));
                return None;
            }
            Err(trouble) => Err(format!("it {trouble}")),
            Ok((bytes, ingredient)) => {
                self.files.push(ingredient);
                parse(bytes)
            }
        };
        parsed.map_err(|why| warnings.leave_aside(name, &why)).ok()
    }

    /// Whether any of the files is there.
    pub fn is_there(&self) -> bool {
        self.config.is_some() || self.processor.is_some()
    }

    /// Where they stand.
    pub fn folder(&self) -> Option<&Path> {
        self.is_there().then_some(self.folder.as_path())
    }

    /// The network's description.
    pub fn config(&self) -> Option<Fields<'_>> {
        let object = self.config.as_ref()?;
        Some(Fields {
            place: Place::Beside(CONFIG),
            object,
        })
    }

    /// The image processor.
    pub fn processor(&self) -> Option<Fields<'_>> {
        let object = self.processor.as_ref()?;
        Some(Fields {
            place: Place::Beside(image_processor::FILE),
            object,
        })
    }

    /// timm's part of the description.
    pub fn pretrained_cfg(&self) -> Option<Fields<'_>> {
        let object = self
            .config
            .as_ref()?
            .get(pretrained_cfg::KEY)?
            .as_object()?;
        Some(Fields {
            place: Place::Beside(CONFIG),
            object,
        })
    }

    /// The classes' names, and the key that has them; what is wrong with them as the end of a sentence.
    pub fn labels(&self) -> Option<(Said, Result<Vec<String>, String>)> {
        let fields = self.config()?;
        let config = fields.object;
        if config.get("id2label").is_some_and(|value| !value.is_null()) {
            let pairs = ["id2label", "label2id"].iter().filter_map(|key| {
                let value = config.get(*key).filter(|value| !value.is_null())?;
                Some(((*key).to_owned(), value.clone()))
            });
            let names = label_json::from_value(&Value::Object(pairs.collect()));
            return Some((fields.said("id2label"), names.and_then(label_text::capped)));
        }
        let of_timm = |key| {
            let inner = || config.get(pretrained_cfg::KEY)?.get(key);
            config
                .get(key)
                .or_else(inner)
                .filter(|value| !value.is_null())
        };
        let names = label_json::from_value(of_timm("label_names")?);
        let described = names.map(|names| {
            let descriptions = of_timm("label_descriptions").and_then(Value::as_object);
            let describe = |name: String| {
                let words = descriptions.and_then(|all| all.get(&name)?.as_str());
                // WordNet's numbers stay, by which a class is found too.
                match words {
                    Some(words) if label_text::is_synset(&name) => format!("{name} {words}"),
                    Some(words) => words.to_owned(),
                    None => name,
                }
            };
            names.into_iter().map(describe).collect()
        });
        Some((
            fields.said("label_names"),
            described.and_then(label_text::capped),
        ))
    }
}

impl Beside {
    /// How scores follow from logits, of a network that `ends` in a function that makes them, or in logits.
    pub fn scores(&self, ends: Option<Scores>, warnings: &mut Warnings) -> Scores {
        let taken = ends.unwrap_or_default();
        let Some(config) = self.config() else {
            return taken;
        };
        let Some(problem) = config.get("problem_type") else {
            return taken;
        };
        let (of_network, name) = match taken {
            Scores::Softmax => ("softmax", "single_label_classification"),
            Scores::Sigmoid => ("logistic function", "multi_label_classification"),
        };
        let fault = match problem.as_str() {
            Some("multi_label_classification") if ends.is_none() => return Scores::Sigmoid,
            Some(same) if same == name => return taken,
            Some("single_label_classification" | "multi_label_classification") => {
                "which contradicts what the network ends in"
            }
            _ => "which is no kind of classification that is known",
        };
        let instead = format!("scores come of the {of_network}");
        warnings.add(&config.said("problem_type"), fault, &instead, None);
        taken
    }

    /// Tells where the description is that of a network with other classes.
    pub fn check_classes(&self, classes: usize, warnings: &mut Warnings) {
        let counts = [
            (self.config(), "num_labels"),
            (self.config(), "num_classes"),
            (self.pretrained_cfg(), "num_classes"),
        ];
        let said = counts.into_iter().find_map(|(fields, key)| {
            let fields = fields?;
            fields.get(key).map(|count| (fields.said(key), count))
        });
        if let Some((said, count)) = said
            && index_of(count) != Some(classes)
        {
            let fault = "which is not how many classes the network has";
            warnings.add(&said, fault, &format!("its {classes} are taken"), None);
        }
    }
}

/// Where the files may stand that belong to the network file `network`.
fn folders(network: &Path) -> Vec<PathBuf> {
    let own = match network.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    // “.” has a name too.
    let named = own.canonicalize();
    let is_of_hub = named.is_ok_and(|own| own.file_name().is_some_and(|name| name == HUB_FOLDER));
    let above = is_of_hub.then(|| own.join(".."));
    [own].into_iter().chain(above).collect()
}

fn parse(bytes: Vec<u8>) -> Result<Map<String, Value>, String> {
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    label_text::check_values(&text)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match json_or_python(text).map_err(told)? {
        Value::Object(object) => Ok(object),
        _ => Err("it holds no object".to_owned()),
    }
}
