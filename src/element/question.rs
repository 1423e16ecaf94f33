//! What is asked of the network: the properties `target`, `method` and `top-k`, and what they mean
//! for the network that is open.

use std::{fmt, sync::Arc};

use super::{failure::Failure, settings::Live};
use crate::{
    explain::{Method, Request},
    network::{Labels, PreprocessOrigin, SharedClassifier, Target},
};

/// What the application should be told although all goes on.
pub enum Notice {
    /// A property was set to something that cannot be.
    Warning(String),
    /// Something was taken in one of several ways.
    Info(String),
}

/// The question as last put: text and meaning, so that only a change is looked up.
pub struct Question {
    target_text: Arc<str>,
    target: Target,
    method_asked: Method,
    method: Method,
}

impl Question {
    /// # Errors
    /// A target that names no class, a method that makes no sense for the network.
    pub fn new(live: &Live, network: &SharedClassifier) -> Result<Self, Failure> {
        network.check(live.method.into())?;
        let target = resolve(&live.target, &network.labels).map_err(Failure::Target)?;
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
            match resolve(&live.target, &network.labels) {
                Ok(target) => {
                    self.target = target;
                    notices.extend(ambiguity(&live.target, target, &network.labels));
                }
                Err(error) => notices.push(Notice::Warning(format!(
                    "{error} The last good target stays."
                ))),
            }
        }
        let method = live.method.into();
        if self.method_asked != method {
            self.method_asked = method;
            match network.check(method) {
                Ok(()) => self.method = method,
                Err(error) => notices.push(Notice::Warning(format!(
                    "{error} The last good method stays."
                ))),
            }
        }
        notices
    }

    /// What is left to say at the start, about the question and the network it goes to.
    pub fn notices(&self, network: &SharedClassifier) -> Vec<Notice> {
        let ambiguity = ambiguity(&self.target_text, self.target, &network.labels);
        ambiguity
            .into_iter()
            .chain(assumption(network))
            .chain(outputs(network))
            .collect()
    }

    /// The question to one inference.
    pub fn request(&self, live: &Live) -> Request {
        Request {
            target: self.target,
            top_k: live.top_k,
            method: self.method,
        }
    }
}

/// A target that names no class of the network.
#[derive(Debug)]
pub struct UnknownTarget {
    text: String,
    classes: usize,
}

impl fmt::Display for UnknownTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "target={:?} names none of the network's {} classes. Give top-1, top-2 or top-3, an \
             index from 0 to {}, or a label of the network.",
            self.text,
            self.classes,
            self.classes.saturating_sub(1)
        )
    }
}

const RANKS: [&str; 3] = ["top-1", "top-2", "top-3"];

/// The class that `text` stands for: `top-1` to `top-3`, an index, or a label.
fn resolve(text: &str, labels: &Labels) -> Result<Target, UnknownTarget> {
    let (text, classes) = (text.trim(), labels.len());
    let target = match RANKS.iter().position(|rank| *rank == text) {
        Some(rank) => Some(Target::Rank(rank)).filter(|_| rank < classes),
        None => match text.parse() {
            Ok(index) => Some(Target::Class(index)).filter(|_| index < classes),
            Err(_) => labels.find(text).map(Target::Class),
        },
    };
    target.ok_or_else(|| UnknownTarget {
        text: text.into(),
        classes,
    })
}

/// Says which preprocessing was taken where nothing tells the right one.
fn assumption(network: &SharedClassifier) -> Option<Notice> {
    let (preprocess, origin) = network.preprocess;
    (origin == PreprocessOrigin::Assumed).then(|| {
        Notice::Info(format!(
            "{} does not say how it wants its pictures: preprocess={} is assumed ({}). If the scores look \
             wrong, set preprocess to another, or store it in the file as the metadata key “preprocess”.",
            network.name,
            preprocess.name(),
            preprocess.description()
        ))
    })
}

/// Says which output was taken where several may tell the classes.
fn outputs(network: &SharedClassifier) -> Option<Notice> {
    let outputs = &network.outputs;
    (!outputs.is_asked && !outputs.others.is_empty()).then(|| {
        Notice::Info(format!(
            "{} has several outputs that may tell its classes: “{}” is explained, not “{}”. Set output to the name \
             of another to explain that.",
            network.name,
            outputs.taken,
            outputs.others.join("”, “")
        ))
    })
}

/// Says which class was taken where a label names several, as two of ImageNet's do.
fn ambiguity(text: &str, target: Target, labels: &Labels) -> Option<Notice> {
    let Target::Class(taken) = target else {
        return None;
    };
    if text.trim().parse::<usize>().is_ok() {
        return None;
    }
    let others: Vec<String> = labels
        .matches(text)
        .into_iter()
        .filter(|class| *class != taken)
        .map(|class| class.to_string())
        .collect();
    (!others.is_empty()).then(|| {
        Notice::Info(format!(
            "target={text:?} names class {taken} and also {}: class {taken} is explained. Give the \
             index to explain another.",
            others.join(", ")
        ))
    })
}
