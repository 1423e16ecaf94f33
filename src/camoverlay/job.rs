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
    /// All classes that one run is asked for.
    targets: Vec<Target>,
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
            targets: Vec::new(),
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
        let is_affine = lease.head().is_affine();
        let targets = &mut self.targets;
        targets.clear();
        targets.push(target);
        targets.extend(further.into_iter().flatten());
        let shown = targets.len();
        // Of heads that are not affine one map is taken from the other.
        targets.extend(versus.filter(|_| !is_affine));
        let differs = versus.filter(|_| is_affine);
        let best_class = Target::Rank(0);
        let own_maps = &targets[usize::from(differs.is_some())..];
        if common && lease.tells_of_several() && !own_maps.contains(&best_class) {
            targets.push(best_class);
        }
        self.further.resize_with(shown - 1, Explanation::default);
        let (first, rest, other) = (&mut self.explanation, &mut self.further, &mut self.other);
        let mut best = None;
        let mut map_time = Duration::ZERO;
        let mut explain = |number: usize, activation: &Activation| {
            let start = Instant::now();
            let explanation = match number {
                0 => {
                    first.update_against(activation, differs, top_k, method)?;
                    &*first
                }
                number if number < shown => {
                    let further = &mut rest[number - 1];
                    further.update(activation, 1, method)?;
                    further
                }
                number => {
                    other.update(activation, 1, method)?;
                    if number == shown && versus.is_some() && !is_affine {
                        first.less(other);
                    }
                    &*other
                }
            };
            let is_best =
                explanation.top.first().map(|class| class.id) == Some(explanation.target.id);
            if common && is_best && (number > 0 || differs.is_none()) {
                best = Some(span(&explanation.map));
            }
            map_time += start.elapsed();
            Ok(())
        };
        let start = Instant::now();
        let (tensor, size, detail) = (&self.tensor, self.size, method.detail());
        let mut result = lease.run_each(tensor, size, targets, detail, &mut explain);
        if result.is_ok() && common && best.is_none() {
            result = lease.run_each(tensor, size, &[best_class], detail, &mut |_, activation| {
                let start = Instant::now();
                other.update(activation, 1, method)?;
                best = Some(span(&other.map));
                map_time += start.elapsed();
                Ok(())
            });
        }
        *infer_time = start.elapsed().saturating_sub(map_time);
        result?;
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
