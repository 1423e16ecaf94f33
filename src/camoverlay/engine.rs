//! Who runs the network.

use std::{io, sync::Arc};

use super::Inference;
use super::worker::{Usher, Waited, Worker};
use camoverlay::inference::SharedClassifier;

pub enum Engine {
    /// The streaming thread, frame by frame.
    Inline,
    /// A thread beside it.
    Worker(Worker),
}

impl Engine {
    /// # Errors
    /// The system's, where there can be no further thread.
    pub fn start(inference: Inference, network: &Arc<SharedClassifier>) -> io::Result<Self> {
        Ok(match inference {
            Inference::EveryFrame => Self::Inline,
            Inference::Latest => Self::Worker(Worker::start(network.clone())?),
        })
    }

    /// Whether a job can be handed over.
    pub fn is_idle(&self) -> bool {
        match self {
            Self::Inline => true,
            Self::Worker(worker) => worker.is_idle(),
        }
    }

    /// Waits for the run under way, if any; false when that was cut off.
    pub fn wait(&self) -> bool {
        match self {
            Self::Inline => true,
            Self::Worker(worker) => worker.wait() == Waited::Finished,
        }
    }

    /// Who can cut off waiting for the network, if anybody ever waits.
    pub fn usher(&self) -> Option<Usher> {
        match self {
            Self::Inline => None,
            Self::Worker(worker) => Some(worker.usher()),
        }
    }
}
