//! One classifier for all who open it alike: weights, memory and threads exist once a process.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak};

use super::classifier::{Classifier, Options};
use super::network::Network;
use crate::error::Error;
use crate::file::Ingredient;

/// A classifier that several threads may ask. The last one to drop it frees it.
pub struct SharedClassifier {
    network: Arc<Network>,
    seats: [Mutex<Seat>; RUNS],
    /// How many of them are free.
    free_seats: Mutex<usize>,
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
struct Seat {
    /// One of several of the same network.
    classifier: Classifier,
    tensor: Vec<f32>,
}

/// A classifier that nobody else runs; what it returned is freed when the turn ends.
pub struct Turn<'a> {
    // Given back before the next one in the queue is called.
    seat: MutexGuard<'a, Seat>,
    _call: Call<'a>,
}

impl Turn<'_> {
    /// Room for a tensor, which serves whoever has the next turn again: many streams need but few.
    pub fn tensor(&mut self) -> &mut Vec<f32> {
        &mut self.seat.tensor
    }
}

/// Calls the next one in the queue when it is dropped.
struct Call<'a>(&'a SharedClassifier);

impl Deref for Turn<'_> {
    type Target = Classifier;

    fn deref(&self) -> &Classifier {
        &self.seat.classifier
    }
}

impl DerefMut for Turn<'_> {
    fn deref_mut(&mut self) -> &mut Classifier {
        &mut self.seat.classifier
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.seat.classifier.free_outputs();
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        *lock(&self.0.free_seats) += 1;
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
            seats: std::array::from_fn(|_| {
                Mutex::new(Seat {
                    classifier: classifier.another(),
                    tensor: Vec::new(),
                })
            }),
            free_seats: Mutex::new(RUNS),
            left: Condvar::new(),
        }
    }

    /// Waits until fewer than [`RUNS`] others run the network.
    pub fn turn(&self) -> Turn<'_> {
        let mut free_seats = lock(&self.free_seats);
        while *free_seats == 0 {
            free_seats = self
                .left
                .wait(free_seats)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free_seats -= 1;
        drop(free_seats);
        let free = self.seats.iter().find_map(|seat| match seat.try_lock() {
            Ok(seat) => Some(seat),
            Err(TryLockError::Poisoned(panicked)) => Some(panicked.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        Turn {
            seat: free.unwrap_or_else(|| lock(&self.seats[0])),
            _call: Call(self),
        }
    }
}
