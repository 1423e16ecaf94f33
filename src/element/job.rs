//! One inference: from a tensor to an explanation, on whichever thread runs it.

use std::time::{Duration, Instant};

use crate::{
    explain::{Explanation, Method, Request},
    network::{Error, SharedClassifier, Target},
};

/// An inference to be done, then done, with buffers that serve again and again.
pub struct Job {
    /// 1 x 3 x height x width, normalised for the network.
    pub tensor: Vec<f32>,
    /// Width and height of the tensor.
    pub size: (usize, usize),
    pub request: Request,
    /// Presentation time of the frame that the tensor shows.
    pub pts: Option<gst::ClockTime>,
    pub explanation: Explanation,
    /// What the network took.
    pub infer_time: Duration,
    /// What the class map and the scores took.
    pub map_time: Duration,
}

impl Job {
    /// Buffers for tensors of `size`.
    pub fn new(size: (usize, usize)) -> Self {
        Self {
            tensor: vec![0.0; 3 * size.0 * size.1],
            size,
            request: Request {
                target: Target::Rank(0),
                top_k: 0,
                method: Method::default(),
            },
            pts: None,
            explanation: Explanation::default(),
            infer_time: Duration::ZERO,
            map_time: Duration::ZERO,
        }
    }

    /// Runs `network` on the tensor and explains the result.
    pub fn run(&mut self, network: &SharedClassifier) -> Result<(), Error> {
        let (width, height) = self.size;
        let mut classifier = network.turn();
        let start = Instant::now();
        let Request { target, method, .. } = self.request;
        let activation = classifier.run(&self.tensor, width, height, target, method.detail())?;
        self.infer_time = start.elapsed();
        self.explanation.update(&activation, &self.request)?;
        self.map_time = start.elapsed() - self.infer_time;
        Ok(())
    }
}
