//! One inference: from a tensor to an explanation, on whichever thread runs it.

use std::time::{Duration, Instant};

use camoverlay::Error;
use camoverlay::cam::{Explanation, Method, Query};
use camoverlay::frame::Plane;
use camoverlay::inference::Lease;
use camoverlay::model::Target;
use camoverlay::preprocess::{GrayBounds, MapPlacer, Placement, Sampler};

/// An inference to be done, then done, with buffers that serve again and again.
pub struct Job {
    /// 1 x channels x height x width, normalised for the network.
    pub tensor: Vec<f32>,
    /// Width and height of the tensor.
    pub size: (usize, usize),
    /// Where the upright frame lies in it.
    pub placement: Placement,
    placer: MapPlacer,
    /// The map is to be laid over the frame, so that its cells tile that; otherwise it stays the tensor's.
    pub tiles_frame: bool,
    pub query: Query,
    /// Presentation time of the frame that the tensor shows.
    pub pts: Option<gst::ClockTime>,
    pub explanation: Explanation,
    /// What the network took.
    pub infer_time: Duration,
    /// What the class map and the scores took.
    pub map_time: Duration,
}

impl Job {
    /// A job with tensors of `size`, in which frames lie as `placement` says; room for one is made when it is sampled.
    pub fn new(size: (usize, usize), placement: Placement) -> Self {
        Self {
            tensor: Vec::new(),
            size,
            placement,
            placer: MapPlacer::default(),
            tiles_frame: true,
            query: Query {
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

    /// Samples the frame in `planes`.
    pub fn sample<'a>(&mut self, sampler: &'a mut Sampler, planes: &[Plane]) -> &'a GrayBounds {
        self.tensor.resize(sampler.values(), 0.0);
        sampler.sample(planes, &mut self.tensor)
    }

    /// Runs the network on the tensor and explains the result.
    pub fn run(&mut self, lease: &mut Lease) -> Result<(), Error> {
        let (width, height) = self.size;
        let start = Instant::now();
        let Query {
            target,
            top_k,
            method,
        } = self.query;
        let activation = lease.run(&self.tensor, width, height, target, method.detail())?;
        self.infer_time = start.elapsed();
        self.explanation.update(&activation, top_k, method)?;
        if self.tiles_frame {
            self.explanation
                .map
                .lay_over(self.placement, &mut self.placer);
        }
        self.map_time = start.elapsed() - self.infer_time;
        Ok(())
    }
}
