//! One inference: from a tensor to an explanation, on whichever thread runs it.

use std::time::{Duration, Instant};

use super::asked::Asked;
use camoverlay::Error;
use camoverlay::cam::{ClassMap, Explanation, Query};
use camoverlay::frame::Plane;
use camoverlay::inference::{KeptRun, Lease};
use camoverlay::model::{Activation, Target};
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
    /// The frame shows another picture than the one before.
    pub is_cut: bool,
    pub asked: Asked,
    /// Presentation time of the frame that the tensor shows.
    pub pts: Option<gst::ClockTime>,
    pub explanation: Explanation,
    /// Of the further targets.
    pub further: Vec<Explanation>,
    /// Least and greatest value of the best class's map, where that was asked.
    pub common: Option<(f64, f64)>,
    /// What the network returned.
    pub kept: KeptRun,
    /// Of a class that is not shown.
    other: Explanation,
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
            is_cut: true,
            asked: Asked::one(Query {
                top_k: 0,
                ..Query::default()
            }),
            pts: None,
            explanation: Explanation::default(),
            further: Vec::new(),
            common: None,
            kept: KeptRun::default(),
            other: Explanation::default(),
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
        let start = Instant::now();
        let mut infer_time = Duration::ZERO;
        let result = self.explain(lease, &mut infer_time);
        lease.keep(&mut self.kept);
        self.infer_time = infer_time;
        self.map_time = start.elapsed().saturating_sub(infer_time);
        result
    }

    fn explain(&mut self, lease: &mut Lease, infer_time: &mut Duration) -> Result<(), Error> {
        let (width, height) = self.size;
        let Asked {
            query,
            further,
            versus,
            common,
        } = self.asked;
        let Query {
            target,
            top_k,
            method,
        } = query;
        let tensor = &self.tensor;
        let mut run =
            |lease: &mut Lease,
             target,
             explain: &mut dyn FnMut(&Activation) -> Result<(), Error>| {
                let start = Instant::now();
                let activation = lease.run(tensor, width, height, target, method.detail());
                *infer_time += start.elapsed();
                explain(&activation?)
            };
        let others = further.iter().flatten().count();
        self.further.resize_with(others, Explanation::default);
        let (first, rest, other) = (&mut self.explanation, &mut self.further, &mut self.other);
        let mut best = None;
        if lease.head().is_affine() {
            // One run has it all.
            run(lease, target, &mut |activation| {
                first.update_against(activation, versus, top_k, method)?;
                let of = |target| Activation {
                    target,
                    ..*activation
                };
                for (explanation, target) in rest.iter_mut().zip(further.into_iter().flatten()) {
                    explanation.update(&of(target), 1, method)?;
                }
                if common {
                    other.update(&of(Target::Rank(0)), 1, method)?;
                    best = Some(span(&other.map));
                }
                Ok(())
            })?;
        } else {
            run(lease, target, &mut |activation| {
                first.update(activation, top_k, method)
            })?;
            for (explanation, target) in rest.iter_mut().zip(further.into_iter().flatten()) {
                run(lease, target, &mut |activation| {
                    explanation.update(activation, 1, method)
                })?;
            }
            if let Some(versus) = versus {
                run(lease, versus, &mut |activation| {
                    other.update(activation, 1, method)
                })?;
                first.less(other);
            }
            if common {
                let best_id = first.top.first().map(|class| class.id);
                let shown = [&*first].into_iter().chain(rest.iter());
                let shown = shown.filter(|explanation| Some(explanation.target.id) == best_id);
                best = match shown.map(|explanation| span(&explanation.map)).next() {
                    Some(span) => Some(span),
                    None => {
                        run(lease, Target::Rank(0), &mut |activation| {
                            other.update(activation, 1, method)
                        })?;
                        Some(span(&other.map))
                    }
                };
            }
        }
        self.common = best;
        if self.tiles_frame {
            for explanation in [first].into_iter().chain(rest) {
                explanation.map.lay_over(self.placement, &mut self.placer);
            }
        }
        Ok(())
    }
}

/// Least and greatest value of a map.
fn span(map: &ClassMap) -> (f64, f64) {
    let values = map.values.iter().map(|value| f64::from(*value));
    values.fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), value| (least.min(value), most.max(value)),
    )
}
