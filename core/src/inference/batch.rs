//! Several pictures in one run of a network.

use super::error::RuntimeError;
use super::network::Network;
use super::probe;
use super::session::{Failure, Outputs, Session};
use crate::error::Error;
use crate::model::{Activation, FeatureMap, MOST_LAYERS, Target};

/// Share of the largest value by which pictures may come out otherwise together than alone: other kernels round otherwise.
const ROUNDING: f32 = 1e-3;

/// What a run on several pictures returned.
pub struct Batch<'a> {
    network: &'a Network,
    /// Pictures x channels x height x width.
    features: FeatureMap<'a>,
    /// Pictures x classes.
    logits: &'a [f32],
}

impl<'a> Batch<'a> {
    /// What the run returned of the picture of that number, counted from 0.
    ///
    /// # Panics
    /// Where there is no such picture.
    pub fn activation(&self, picture: usize, target: Target) -> Activation<'a> {
        let Self {
            network,
            features,
            logits,
        } = self;
        let values = features.channels * features.height * features.width;
        Activation {
            target,
            logits: &logits[picture * network.classes..][..network.classes],
            scores: network.scores,
            features: FeatureMap {
                values: &features.values[picture * values..][..values],
                ..*features
            },
            head: &network.head,
            similar: &network.similar,
            gradient: None,
            attention: None,
            beside: [None; MOST_LAYERS - 1],
            sums: None,
            alone: None,
        }
    }
}

impl Network {
    /// As [`Lease::run_batch`](super::Lease::run_batch), into `outputs`.
    ///
    /// # Errors
    /// [`RuntimeError::Run`], [`RuntimeError::Cancelled`].
    pub(super) fn run_batch<'a>(
        &'a self,
        tensors: &[f32],
        width: usize,
        height: usize,
        outputs: &'a mut Outputs,
    ) -> Result<Batch<'a>, Error> {
        let failed = |message: String| Error::from(RuntimeError::Run { message });
        let run = self.session.run(tensors, width, height, None, outputs);
        run.map_err(|failure| match failure {
            Failure::Cancelled => RuntimeError::Cancelled.into(),
            Failure::Words(message) => failed(message),
        })?;
        let outputs = &*outputs;
        let (features, logits) = (
            outputs.get(0).map_err(failed)?,
            outputs.get(1).map_err(failed)?,
        );
        let pictures = tensors.len() / (self.channels() * width * height).max(1);
        match *features.shape {
            [count, channels, height, width]
                if count as usize == pictures
                    && logits.values.len() == pictures * self.classes
                    && !features.values.is_empty() =>
            {
                Ok(Batch {
                    network: self,
                    features: FeatureMap {
                        values: features.values,
                        channels: channels as usize,
                        height: height as usize,
                        width: width as usize,
                    },
                    logits: logits.values,
                })
            }
            _ => Err(failed(format!(
                "of {pictures} pictures it returned {} logits for {} classes and a feature map of the shape {:?}",
                logits.values.len(),
                self.classes,
                features.shape
            ))),
        }
    }
}

/// Whether the network computes of two pictures at once what it computes of each alone, but for rounding. One that does not run on
/// two does not.
pub fn are_kept_apart(session: &Session, frame: &probe::Frame, outputs: &mut Outputs) -> bool {
    let pictures = probe::tensors(frame, session.channels());
    let mut run = |tensors: &[f32]| -> Result<[Vec<f32>; 2], String> {
        let [height, width] = frame.size;
        let run = session.run(tensors, width, height, None, outputs);
        run.map_err(Failure::words)?;
        Ok([
            outputs.get(0)?.values.to_vec(),
            outputs.get(1)?.values.to_vec(),
        ])
    };
    let mut alone = [Vec::new(), Vec::new()];
    for picture in &pictures {
        let Ok(values) = run(picture) else {
            return false;
        };
        for (all, values) in alone.iter_mut().zip(values) {
            all.extend(values);
        }
    }
    run(&pictures.concat()).is_ok_and(|together| {
        let mut both = together.iter().zip(&alone);
        both.all(|(together, alone)| are_alike(together, alone))
    })
}

fn are_alike(a: &[f32], b: &[f32]) -> bool {
    let largest = b
        .iter()
        .fold(0.0, |largest: f32, value| largest.max(value.abs()));
    let mut pairs = a.iter().zip(b);
    a.len() == b.len() && pairs.all(|(a, b)| (a - b).abs() <= ROUNDING * largest)
}
