//! One classifier for all who open it alike: weights, memory and threads exist once a process.

use std::mem;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::batch::Batch;
use super::error::RuntimeError;
use super::kept_run::KeptRun;
use super::network::Network;
use super::options::Options;
use super::provider::fastest;
use super::session::{Cancellation, Outputs};
use crate::error::Error;
use crate::file::Ingredient;
use crate::model::{Activation, Detail, Target};

/// A classifier that several threads may ask. The last one to drop it frees it.
pub struct SharedClassifier {
    network: Network,
    /// Room for what runs return that may begin now.
    free: Mutex<Vec<Outputs>>,
    given_back: Condvar,
}

/// What is known of the network.
impl Deref for SharedClassifier {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}

/// How soon who waits for a run to begin sees that it is cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// The right to run the network; what it returned is freed when the lease ends.
pub struct Lease<'a> {
    shared: &'a SharedClassifier,
    outputs: Outputs,
}

impl Lease<'_> {
    /// As [`Classifier::run`](super::Classifier::run).
    ///
    /// # Errors
    /// As [`Classifier::run`](super::Classifier::run), and [`RuntimeError::Cancelled`].
    pub fn run(
        &mut self,
        tensor: &[f32],
        width: usize,
        height: usize,
        target: Target,
        detail: Detail,
    ) -> Result<Activation<'_>, Error> {
        let outputs = &mut self.outputs;
        let network = &self.shared.network;
        network.run(tensor, (width, height), target, detail, outputs)
    }
}

impl Lease<'_> {
    /// As [`Classifier::run_each`](super::Classifier::run_each).
    ///
    /// # Errors
    /// As [`Classifier::run_each`](super::Classifier::run_each), and [`RuntimeError::Cancelled`].
    pub fn run_each(
        &mut self,
        tensor: &[f32],
        size: (usize, usize),
        targets: &[Target],
        detail: Detail,
        take: &mut dyn FnMut(usize, &Activation) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let network = &self.shared.network;
        network.run_each(tensor, size, targets, detail, &mut self.outputs, take)
    }

    /// Runs the network on as many `tensors` as there are, one behind the other, each as [`run`](Self::run) takes it; at most
    /// [`Network::batch_size`].
    ///
    /// # Errors
    /// [`RuntimeError::Run`], [`RuntimeError::Cancelled`].
    pub fn run_batch(
        &mut self,
        tensors: &[f32],
        width: usize,
        height: usize,
    ) -> Result<Batch<'_>, Error> {
        let network = &self.shared.network;
        network.run_batch(tensors, width, height, &mut self.outputs)
    }

    /// Leaves what the last run returned in `kept`, and frees what was there.
    pub fn keep(&mut self, kept: &mut KeptRun) {
        kept.0.clear();
        mem::swap(&mut kept.0, &mut self.outputs);
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
        let mut outputs = mem::take(&mut self.outputs);
        outputs.clear();
        lock(&self.shared.free).push(outputs);
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

/// A classifier that is open or, while it is locked, being opened.
type Place = Arc<Mutex<Weak<SharedClassifier>>>;

static OPEN: Mutex<Vec<(Key, Place)>> = Mutex::new(Vec::new());

impl SharedClassifier {
    /// The classifier that was opened with the same options from files that have not changed since
    /// and is still in use, or a new one.
    ///
    /// # Errors
    /// As [`Classifier::open`](super::Classifier::open).
    pub fn open(options: &Options) -> Result<Arc<Self>, Error> {
        Self::open_until(options, &Cancellation::default())
    }

    /// The same, unless it is cancelled: opening may run the network.
    ///
    /// # Errors
    /// As [`Classifier::open`](super::Classifier::open), and [`RuntimeError::Cancelled`].
    pub fn open_until(options: &Options, cancellation: &Cancellation) -> Result<Arc<Self>, Error> {
        let place = Self::place((options.clone(), options.locate()?.0));
        // Held while opening, so that elements that start together share too. Other networks are opened meanwhile.
        let mut place = lock(&place);
        let current = place.upgrade();
        if let Some(classifier) =
            current.filter(|classifier| classifier.files.iter().all(Ingredient::is_current))
        {
            return Ok(classifier);
        }
        let network = fastest::network(options, cancellation)?;
        let classifier = Arc::new(Self {
            free: Mutex::new(
                (0..network.runs(options.threads))
                    .map(|_| Outputs::default())
                    .collect(),
            ),
            network,
            given_back: Condvar::new(),
        });
        *place = Arc::downgrade(&classifier);
        Ok(classifier)
    }

    /// Where the classifier of `key` is, or is to be. Places that nobody needs any more are forgotten.
    fn place(key: Key) -> Place {
        let mut open = lock(&OPEN);
        open.retain(|(_, place)| {
            let is_in_use = |place: MutexGuard<Weak<Self>>| place.strong_count() > 0;
            Arc::strong_count(place) > 1 || place.try_lock().is_ok_and(is_in_use)
        });
        if let Some((_, place)) = open.iter().find(|(other, _)| *other == key) {
            return place.clone();
        }
        let place = Place::default();
        open.push((key, place.clone()));
        place
    }

    /// Waits until fewer others run the network than can at the same time: two, or as many as their threads leave cores for,
    /// or one where its provider is made for that. `cancellation` ends the lease's runs, and the waiting too.
    ///
    /// # Errors
    /// [`RuntimeError::Cancelled`].
    pub fn lease(&self, cancellation: &Cancellation) -> Result<Lease<'_>, Error> {
        let mut free = lock(&self.free);
        while !cancellation.is_cancelled() {
            if let Some(outputs) = free.pop() {
                return Ok(Lease {
                    shared: self,
                    outputs: outputs.ended_by(cancellation),
                });
            }
            let waited = self.given_back.wait_timeout(free, LOOK);
            free = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Err(RuntimeError::Cancelled.into())
    }
}
