//! What a network's files say that could not be taken as it stands.

use std::fmt;
use std::path::Path;

use super::printable::{printable, shortened};
use super::provider::outcome::Measured;
use crate::remedy::Remedy;

/// Something that a network's files say and that was not taken as it stands.
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

/// Where something is said of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In its own file.
    Metadata,
    /// In a file of this name beside it.
    Beside(&'static str),
}

/// A key, its value, and where they stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub place: Place,
    pub key: String,
    pub value: String,
}

/// What is wrong with what is said: a subordinate clause that begins with “which”.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub said: Said,
    pub what: String,
}

/// What there is to tell of one network.
#[derive(Default)]
pub struct Warnings {
    /// What is likely to be a mistake.
    pub list: Vec<Warning>,
    /// What is in order, and done in another way here.
    pub notices: Vec<Warning>,
    file: String,
}

impl Warnings {
    /// About the network in the file at `path`.
    pub fn new(path: &Path) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str());
        Self {
            file: printable(&name.to_string_lossy()),
            ..Self::default()
        }
    }

    /// `taken` is what is taken instead, and `remedy` how to have something else.
    pub fn add(&mut self, said: &Said, fault: &str, taken: &str, remedy: Option<Remedy>) {
        let fault = self.sentence(said, fault, taken);
        self.list.push(Warning { fault, remedy });
    }

    /// As [`add`](Self::add), of what is in order.
    pub fn note(&mut self, said: &Said, what: &str, taken: &str) {
        let fault = self.sentence(said, what, taken);
        self.notices.push(Warning {
            fault,
            remedy: None,
        });
    }

    /// That changes anywhere in the picture change all tokens of `features` alike.
    pub fn note_of_places(&mut self, features: &str) {
        let fault = format!(
            "In {} a change anywhere in the picture changes all tokens of “{features}” alike: its graph tells which token \
             stands for which place, but with these weights attention makes little of places, and so does the heat.",
            self.file
        );
        self.notices.push(Warning {
            fault,
            remedy: None,
        });
    }

    /// That a file beside the network is not used at all.
    pub fn leave_aside(&mut self, name: &str, why: &str) {
        self.list.push(Warning {
            fault: format!("The {name} of {} is left aside: {why}.", self.file),
            remedy: Some(Remedy::Words("Mend it, or take it away.")),
        });
    }

    /// That a provider does not give what ONNX Runtime's own processor code gives, or leaves most of the network to that.
    pub fn of_provider(&mut self, nick: &str, measured: &Measured) {
        let Measured {
            score_difference,
            correlation,
            steps: [taken, all],
            ..
        } = measured;
        if !measured.is_right() {
            self.list.push(Warning {
                fault: format!(
                    "The execution provider {nick} gives other classes or scores of {} than cpu: on test pictures scores differ by \
                     up to {score_difference:.3}, and feature maps correlate by {correlation:.3}.",
                    self.file
                ),
                remedy: Some(Remedy::ChooseProvider),
            });
        }
        if taken * 2 < *all {
            self.notices.push(Warning {
                fault: format!(
                    "The execution provider {nick} computes {taken} of {all} steps of {}, cpu the others.",
                    self.file
                ),
                remedy: None,
            });
        }
    }

    /// That each picture has a run of its own though more were asked for at a time; whether that was tried.
    pub fn of_batch(&mut self, is_tried: bool) {
        let why = match is_tried {
            true => "its layers do not compute several pictures apart from each other",
            false => "its head has layers whose gradient is of one picture",
        };
        self.notices.push(Warning {
            fault: format!("{} is run on one picture at a time: {why}.", self.file),
            remedy: None,
        });
    }

    fn sentence(&self, said: &Said, what: &str, taken: &str) -> String {
        let place = match said.place {
            Place::Metadata => "metadata",
            Place::Beside(name) => name,
        };
        format!(
            "The {place} of {} says {}=“{}”, {what}: {taken}.",
            self.file,
            shortened(&said.key),
            shortened(&said.value)
        )
    }
}
