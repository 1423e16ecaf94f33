//! One classifier for all who open it alike: weights, memory and threads exist once a process.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak};

use super::classifier::Classifier;
use super::network::Network;
use super::options::Options;
use crate::error::Error;
use crate::file::Ingredient;

/// A classifier that several threads may ask. The last one to drop it frees it.
pub struct SharedClassifier {
    network: Arc<Network>,
    slots: [Mutex<Slot>; RUNS],
    /// How many of them are free.
    free_slots: Mutex<usize>,
    left: Condvar,
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
struct Slot {
    /// One of several of the same network.
    classifier: Classifier,
    tensor: Vec<f32>,
}

/// A classifier that nobody else runs; what it returned is freed when the lease ends.
pub struct Lease<'a> {
    // Given back before the next one in the queue is called.
    slot: MutexGuard<'a, Slot>,
    _call: Call<'a>,
}

impl Lease<'_> {
    /// Room for a tensor, which serves whoever has the next lease again: many streams need but few.
    pub fn tensor(&mut self) -> &mut Vec<f32> {
        &mut self.slot.tensor
    }
}

/// Calls the next one in the queue when it is dropped.
struct Call<'a>(&'a SharedClassifier);

impl Deref for Lease<'_> {
    type Target = Classifier;

    fn deref(&self) -> &Classifier {
        &self.slot.classifier
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Classifier {
        &mut self.slot.classifier
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.slot.classifier.free_outputs();
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        *lock(&self.0.free_slots) += 1;
        self.0.left.notify_one();
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
    /// As [`Classifier::open`].
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
        let classifier = Arc::new(Self::new(Classifier::open(options)?));
        open.push((key, Arc::downgrade(&classifier)));
        Ok(classifier)
    }

    fn new(classifier: Classifier) -> Self {
        Self {
            network: classifier.network().clone(),
            slots: std::array::from_fn(|_| {
                Mutex::new(Slot {
                    classifier: classifier.another(),
                    tensor: Vec::new(),
                })
            }),
            free_slots: Mutex::new(RUNS),
            left: Condvar::new(),
        }
    }

    /// Waits until fewer than two others run the network.
    pub fn lease(&self) -> Lease<'_> {
        let mut free_slots = lock(&self.free_slots);
        while *free_slots == 0 {
            free_slots = self
                .left
                .wait(free_slots)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free_slots -= 1;
        drop(free_slots);
        let free = self.slots.iter().find_map(|slot| match slot.try_lock() {
            Ok(slot) => Some(slot),
            Err(TryLockError::Poisoned(panicked)) => Some(panicked.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        Lease {
            slot: free.unwrap_or_else(|| lock(&self.slots[0])),
            _call: Call(self),
        }
    }
}
