//! A classifier that can be asked why.

use std::ops::Deref;

use super::network::Network;
use super::options::Options;
use super::provider::fastest;
use super::session::{Cancellation, Outputs};
use crate::error::Error;
use crate::model::{Activation, Detail, Target};

/// An opened network.
pub struct Classifier {
    network: Network,
    outputs: Outputs,
}

/// What is known of the network.
impl Deref for Classifier {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}

impl Classifier {
    /// Loads ONNX Runtime if that has not happened yet, reads the network, finds its feature map
    /// and its head.
    ///
    /// # Errors
    /// Any [`Error`] but those of a run.
    pub fn open(options: &Options) -> Result<Self, Error> {
        Ok(Self {
            network: fastest::network(options, &Cancellation::default())?,
            outputs: Outputs::default(),
        })
    }

    /// Runs the network on `tensor`, 1 x channels x `height` x `width`, fitted as [`fit`](Network::fit) says
    /// and normalised as [`normalization`](Network::normalization) says. `detail` is what a head of
    /// layers is to tell about `target`.
    ///
    /// # Errors
    /// [`ModelError::NoSuchClass`](crate::ModelError::NoSuchClass),
    /// [`RuntimeError::Run`](crate::RuntimeError::Run).
    pub fn run(
        &mut self,
        tensor: &[f32],
        width: usize,
        height: usize,
        target: Target,
        detail: Detail,
    ) -> Result<Activation<'_>, Error> {
        let outputs = &mut self.outputs;
        self.network
            .run(tensor, (width, height), target, detail, outputs)
    }

    /// Runs the network as [`run`](Self::run) does, and hands what it returned for each of the `targets`, in their order, to `take`
    /// with its number: one run where the network [tells of several classes](Network::tells_of_several), otherwise one each.
    ///
    /// # Errors
    /// As [`run`](Self::run), and those of `take`, of the first class that has one.
    pub fn run_each(
        &mut self,
        tensor: &[f32],
        size: (usize, usize),
        targets: &[Target],
        detail: Detail,
        take: &mut dyn FnMut(usize, &Activation) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let outputs = &mut self.outputs;
        self.network
            .run_each(tensor, size, targets, detail, outputs, take)
    }
}
