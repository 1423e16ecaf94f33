//! One of the places at which the network is at work on a frame, and the frame itself where it is kept meanwhile.

use std::{io, sync::Arc};

use super::job::Job;
use super::kept::Kept;
use super::worker::Worker;
use camoverlay::inference::SharedClassifier;
use camoverlay::preprocess::GrayBounds;

pub struct Lane {
    pub worker: Worker,
    /// The job, unless the worker has it; none before there are caps.
    pub job: Option<Box<Job>>,
    /// The worker's job is about a frame that was dropped, or from before a seek or a change of caps.
    pub stale: bool,
    /// That the worker's job failed is known already.
    pub given_up: bool,
    pub kept: Option<Kept>,
    /// What the gray of the kept frame lies in, as sampling found it.
    pub bounds: Option<GrayBounds>,
}

impl Lane {
    /// # Errors
    /// The system's, where there can be no further thread.
    pub fn open(network: &Arc<SharedClassifier>) -> io::Result<Self> {
        Ok(Self {
            worker: Worker::start(network.clone())?,
            job: None,
            stale: false,
            given_up: false,
            kept: None,
            bounds: None,
        })
    }

    /// Drops the frame, and ends the run under way, of which nobody wants to know any more.
    pub fn let_go(&mut self) {
        self.kept = None;
        // Not told by the job: after a change of caps there is one beside the worker's.
        self.stale = !self.worker.is_idle();
        self.worker.cancel();
    }
}
