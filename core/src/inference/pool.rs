//! One classifier for all who open it alike: weights, memory and threads exist once a process.

use std::mem;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use super::network::Network;
use super::open;
use super::options::Options;
use super::session::Outputs;
use crate::error::Error;
use crate::file::Ingredient;
use crate::model::{Activation, Detail, Target};

/// A classifier that several threads may ask. The last one to drop it frees it.
pub struct SharedClassifier {
    network: Network,
    /// Those that nobody has.
    slots: Mutex<Vec<Slot>>,
    given_back: Condvar,
}

/// What is known of the network.
impl Deref for SharedClassifier {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}

/// Most runs at the same time. While one waits for the slower of its threads another goes on; more
/// would only take more memory.
const RUNS: usize = 2;

/// What a run takes.
#[derive(Default)]
struct Slot {
    tensor: Vec<f32>,
    outputs: Outputs,
}

/// The right to run the network; what it returned is freed when the lease ends.
pub struct Lease<'a> {
    shared: &'a SharedClassifier,
    slot: Slot,
}

impl Lease<'_> {
    /// Room for a tensor, which serves whoever has the next lease again: many streams need but few.
    pub fn tensor(&mut self) -> &mut Vec<f32> {
        &mut self.slot.tensor
    }

    /// As [`Classifier::run`](super::Classifier::run).
    ///
    /// # Errors
    /// As [`Classifier::run`](super::Classifier::run).
    pub fn run(
        &mut self,
        tensor: &[f32],
        width: usize,
        height: usize,
        target: Target,
        detail: Detail,
    ) -> Result<Activation<'_>, Error> {
        let outputs = &mut self.slot.outputs;
        let network = &self.shared.network;
        network.run(tensor, width, height, target, detail, outputs)
    }
}

impl Deref for Lease<'_> {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.shared.network
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut slot = mem::take(&mut self.slot);
        slot.outputs.free();
        lock(&self.shared.slots).push(slot);
        self.shared.given_back.notify_one();
    }
}

/// No value behind these locks is left half-changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What two openings must have in common to share: the options, and the network's path where these
/// give only its name. The files must be what they were, too.
type Key = (Options, PathBuf);

static OPEN: Mutex<Vec<(Key, Weak<SharedClassifier>)>> = Mutex::new(Vec::new());

impl SharedClassifier {
    /// The classifier that was opened with the same options from files that have not changed since
    /// and is still in use, or a new one.
    ///
    /// # Errors
    /// As [`Classifier::open`](super::Classifier::open).
    pub fn open(options: &Options) -> Result<Arc<Self>, Error> {
        let key = (options.clone(), options.locate()?.0);
        // Held while opening, so that elements that start together share too.
        let mut open = lock(&OPEN);
        open.retain(|(_, classifier)| classifier.strong_count() > 0);
        let alike = open.iter().filter(|(other, _)| *other == key);
        let current = alike
            .filter_map(|(_, classifier)| classifier.upgrade())
            .find(|classifier| classifier.files.iter().all(Ingredient::is_current));
        if let Some(classifier) = current {
            return Ok(classifier);
        }
        let classifier = Arc::new(Self {
            network: open::network(options)?,
            slots: Mutex::new((0..RUNS).map(|_| Slot::default()).collect()),
            given_back: Condvar::new(),
        });
        open.push((key, Arc::downgrade(&classifier)));
        Ok(classifier)
    }

    /// Waits until fewer than two others run the network.
    pub fn lease(&self) -> Lease<'_> {
        let mut slots = lock(&self.slots);
        loop {
            if let Some(slot) = slots.pop() {
                return Lease { shared: self, slot };
            }
            let waited = self.given_back.wait(slots);
            slots = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}
