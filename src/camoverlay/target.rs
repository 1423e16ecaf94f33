//! What is asked of the network: the properties `target`, `method` and `top-k`, and what they mean
//! for the network that is open.

use std::sync::Arc;

use super::Scale;
use super::asked::Asked;
use super::errors::ElementError;
use super::properties::Live;
use super::words;
use camoverlay::cam::{Method, Query};
use camoverlay::inference::{PreprocessOrigin, Resolved, SharedClassifier, resolve, split_targets};
use camoverlay::model::Target;
use camoverlay::render::MOST_CLASSES;

/// What the application should be told although all goes on.
pub enum Notice {
    /// A property was set to something that cannot be.
    Warning(String),
    /// Something was taken in one of several ways.
    Info(String),
    /// The network had no answer to a frame.
    Failure(String),
}

/// The selection as last put: text and meaning, so that only a change is looked up.
pub struct TargetSelection {
    target_text: Arc<str>,
    /// One or more.
    targets: Vec<Resolved>,
    versus_text: Option<Arc<str>>,
    versus: Option<Resolved>,
    method_asked: Method,
    method: Method,
}

impl TargetSelection {
    /// # Errors
    /// A target that names no class, a method that makes no sense for the network, a comparison that it cannot make.
    pub fn new(live: &Live, network: &SharedClassifier) -> Result<Self, ElementError> {
        let method = Method::from(live.method).resolve(network.traits());
        method.map_err(camoverlay::Error::from)?;
        let selection = Self {
            target_text: live.target.clone(),
            targets: targets(&live.target, network)?,
            versus_text: live.heat.versus.clone(),
            versus: versus(live.heat.versus.as_deref(), network)?,
            method_asked: live.method.into(),
            method: live.method.into(),
        };
        match selection.conflict(network) {
            Some(conflict) => Err(ElementError::Selection(conflict)),
            None => Ok(selection),
        }
    }

    /// Follows the properties. What makes no sense leaves the last that did in place.
    pub fn follow(&mut self, live: &Live, network: &SharedClassifier) -> Vec<Notice> {
        let mut notices = Vec::new();
        if self.target_text != live.target {
            self.target_text = live.target.clone();
            match targets(&live.target, network) {
                Ok(targets) => {
                    notices.extend(ambiguities(&targets));
                    self.targets = targets;
                    notices.extend(self.end_conflict(network));
                }
                Err(error) => notices.push(Notice::Warning(format!(
                    "{error} The last good target stays."
                ))),
            }
        }
        if self.versus_text != live.heat.versus {
            self.versus_text = live.heat.versus.clone();
            match versus(live.heat.versus.as_deref(), network) {
                Ok(versus) => {
                    self.versus = versus;
                    notices.extend(self.end_conflict(network));
                }
                Err(error) => notices.push(Notice::Warning(format!(
                    "{error} What target is compared with stays."
                ))),
            }
        }
        let method = live.method.into();
        if self.method_asked != method {
            self.method_asked = method;
            match method.resolve(network.traits()) {
                Ok(_) => {
                    self.method = method;
                    notices.extend(self.end_conflict(network));
                }
                Err(error) => notices.push(Notice::Warning(format!(
                    "{} The last good method stays.",
                    words::of_error(&error.into())
                ))),
            }
        }
        notices
    }

    /// Why there can be no comparison, if one is asked for.
    fn conflict(&self, network: &SharedClassifier) -> Option<String> {
        let versus = self.versus.as_ref()?;
        if self.targets.len() > 1 {
            return Some(
                "versus compares one target with another class, and target names several. Give one target, or leave \
                 versus unset."
                    .into(),
            );
        }
        if self.targets.iter().any(|one| one.target == versus.target) {
            return Some(
                "versus names what target names, and nothing speaks for a class rather than for itself. Give another \
                 class, or leave versus unset."
                    .into(),
            );
        }
        if !self.method.compares(network.head()) {
            return Some(format!(
                "versus cannot be explained by method={} with {}. Set method to auto, gradcam, hirescam or xgradcam.",
                self.method.name(),
                network.name()
            ));
        }
        let features = &network.structure().features;
        (features.contains(" + ") && !network.head().is_affine()).then(|| {
            format!(
                "versus cannot be explained at several layers at once ({features}). Set layer to one of them."
            )
        })
    }

    /// Compares no more where there can be no comparison.
    fn end_conflict(&mut self, network: &SharedClassifier) -> Option<Notice> {
        let conflict = self.conflict(network)?;
        self.versus = None;
        Some(Notice::Warning(format!(
            "{conflict} target is explained by itself."
        )))
    }

    /// What is left to say at the start, about the selection and the network it goes to.
    pub fn notices(&self, network: &SharedClassifier) -> Vec<Notice> {
        let warnings = network.warnings().iter().map(words::of_warning);
        let warnings = warnings.map(Notice::Warning);
        let notices = network.notices().iter().map(words::of_warning);
        let ambiguity = ambiguities(&self.targets);
        warnings
            .chain(notices.map(Notice::Info))
            .chain(ambiguity)
            .chain(assumption(network))
            .chain(outputs(network))
            .collect()
    }

    /// The selection to one inference.
    pub fn ask(&self, live: &Live) -> Asked {
        let mut targets = self.targets.iter().map(|resolved| resolved.target);
        let target = targets.next().unwrap_or(Target::Rank(0));
        let further = std::array::from_fn(|_| targets.next());
        let is_several = self.targets.len() > 1;
        Asked {
            query: Query {
                target,
                top_k: live.top_k,
                method: self.method,
            },
            further,
            versus: self.versus.as_ref().map(|resolved| resolved.target),
            common: is_several || live.heat.scale == Scale::Common,
        }
    }
}

/// The classes that the property `target` names.
fn targets(text: &str, network: &SharedClassifier) -> Result<Vec<Resolved>, ElementError> {
    let texts = split_targets(text);
    if texts.len() > 1 && texts.iter().any(|text| text.trim().is_empty()) {
        return Err(ElementError::Selection(format!(
            "target={text:?} names no class between two semicolons. Separate classes by one, and write a semicolon of a label \
             as \\;."
        )));
    }
    if texts.len() > MOST_CLASSES {
        return Err(ElementError::Selection(format!(
            "target={text:?} names {} classes, and at most {MOST_CLASSES} have colours that can be told apart. Give fewer.",
            texts.len()
        )));
    }
    let resolved = texts.iter().map(|text| resolve(text, network.labels()));
    resolved
        .collect::<Result<_, _>>()
        .map_err(ElementError::Target)
}

/// The class that the property `versus` names, if any.
fn versus(
    text: Option<&str>,
    network: &SharedClassifier,
) -> Result<Option<Resolved>, ElementError> {
    let Some(text) = text else {
        return Ok(None);
    };
    // A label that holds semicolons by themselves is one, too.
    let texts = split_targets(text);
    let one = match &*texts {
        [one] => one,
        _ => text,
    };
    let resolved = resolve(one, network.labels()).map_err(|error| {
        ElementError::Selection(match texts.len() > 1 {
            true => {
                format!("versus={text:?} names several classes. Give the one that the target is to be compared with.")
            }
            // Its words are those of the target.
            false => error.to_string().replacen("target=", "versus=", 1),
        })
    })?;
    Ok(Some(resolved))
}

fn ambiguities(targets: &[Resolved]) -> impl Iterator<Item = Notice> {
    targets
        .iter()
        .filter_map(|target| target.ambiguity.clone())
        .map(Notice::Info)
}

/// Says which preprocessing was taken where nothing tells the right one.
fn assumption(network: &SharedClassifier) -> Option<Notice> {
    let preprocessing = network.preprocessing();
    (preprocessing.origin == PreprocessOrigin::Assumed).then(|| {
        Notice::Info(format!(
            "{} does not say how it wants its pictures: preprocess={} is assumed ({}). If the scores look \
             wrong, set preprocess to another, or store it in the file as the metadata key “preprocess”.",
            network.name(),
            preprocessing.name(),
            preprocessing.description()
        ))
    })
}

/// Says which output was taken where several may tell the classes.
fn outputs(network: &SharedClassifier) -> Option<Notice> {
    let outputs = &network.structure().outputs;
    (!outputs.is_asked && !outputs.others.is_empty()).then(|| {
        Notice::Info(format!(
            "{} has several outputs that may tell its classes: “{}” is explained, not “{}”. Set output to the name \
             of another to explain that.",
            network.name(),
            outputs.taken,
            outputs.others.join("”, “")
        ))
    })
}
