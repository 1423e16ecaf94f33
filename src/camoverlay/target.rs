//! What is asked of the network: the properties `target`, `method` and `top-k`, and what they mean
//! for the network that is open.

use std::sync::Arc;

use super::errors::ElementError;
use super::properties::Live;
use super::words;
use camoverlay::cam::{Method, Query};
use camoverlay::inference::{PreprocessOrigin, Resolved, SharedClassifier, resolve};

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
    target: Resolved,
    method_asked: Method,
    method: Method,
}

impl TargetSelection {
    /// # Errors
    /// A target that names no class, a method that makes no sense for the network.
    pub fn new(live: &Live, network: &SharedClassifier) -> Result<Self, ElementError> {
        let method = Method::from(live.method).resolve(network.traits());
        method.map_err(camoverlay::Error::from)?;
        let target = resolve(&live.target, network.labels()).map_err(ElementError::Target)?;
        Ok(Self {
            target_text: live.target.clone(),
            target,
            method_asked: live.method.into(),
            method: live.method.into(),
        })
    }

    /// Follows the properties. What makes no sense leaves the last that did in place.
    pub fn follow(&mut self, live: &Live, network: &SharedClassifier) -> Vec<Notice> {
        let mut notices = Vec::new();
        if self.target_text != live.target {
            self.target_text = live.target.clone();
            match resolve(&live.target, network.labels()) {
                Ok(target) => {
                    notices.extend(target.ambiguity.clone().map(Notice::Info));
                    self.target = target;
                }
                Err(error) => notices.push(Notice::Warning(format!(
                    "{error} The last good target stays."
                ))),
            }
        }
        let method = live.method.into();
        if self.method_asked != method {
            self.method_asked = method;
            match method.resolve(network.traits()) {
                Ok(_) => self.method = method,
                Err(error) => notices.push(Notice::Warning(format!(
                    "{} The last good method stays.",
                    words::of_error(&error.into())
                ))),
            }
        }
        notices
    }

    /// What is left to say at the start, about the selection and the network it goes to.
    pub fn notices(&self, network: &SharedClassifier) -> Vec<Notice> {
        let warnings = network.warnings().iter().map(words::of_warning);
        let warnings = warnings.map(Notice::Warning);
        let notices = network.notices().iter().map(words::of_warning);
        let ambiguity = self.target.ambiguity.clone().map(Notice::Info);
        warnings
            .chain(notices.map(Notice::Info))
            .chain(ambiguity)
            .chain(assumption(network))
            .chain(outputs(network))
            .collect()
    }

    /// The selection to one inference.
    pub fn query(&self, live: &Live) -> Query {
        Query {
            target: self.target.target,
            top_k: live.top_k,
            method: self.method,
        }
    }
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
