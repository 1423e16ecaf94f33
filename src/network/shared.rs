//! One classifier for all who open it alike: weights, memory and threads exist once a process.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::SystemTime;

use crate::explain::Method;
use crate::picture::{Fit, Normalization};

use super::{Classifier, Error, Labels, Options, Preprocess, PreprocessOrigin, Source};

/// A classifier that several threads may ask. The last one to drop it frees it.
pub struct SharedClassifier {
    pub name: String,
    pub labels: Labels,
    pub fit: Fit,
    pub normalization: Normalization,
    pub preprocess: (Preprocess, PreprocessOrigin),
    refused: Vec<(Method, Error)>,
    /// One for each run at the same time, all of one network.
    classifiers: [Mutex<Classifier>; RUNS],
    /// How many of them are at rest.
    resting: Mutex<usize>,
    rested: Condvar,
}

/// Most runs at the same time. While one waits for the slower of its threads another goes on; more
/// would only take more memory.
const RUNS: usize = 2;

/// A classifier that nobody else runs; what it returned is freed when the turn ends.
pub struct Turn<'a> {
    // Given back before the next one in the queue is called.
    classifier: MutexGuard<'a, Classifier>,
    _call: Call<'a>,
}

/// Calls the next one in the queue when it is dropped.
struct Call<'a>(&'a SharedClassifier);

impl Deref for Turn<'_> {
    type Target = Classifier;

    fn deref(&self) -> &Classifier {
        &self.classifier
    }
}

impl DerefMut for Turn<'_> {
    fn deref_mut(&mut self) -> &mut Classifier {
        &mut self.classifier
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.classifier.free_outputs();
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        *lock(&self.0.resting) += 1;
        self.0.rested.notify_one();
    }
}

/// No value behind these locks is left half-changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What two openings must have in common to share: the options, and the file's date where it is
/// named.
type Key = (Options, Option<SystemTime>);

static OPEN: Mutex<Vec<(Key, Weak<SharedClassifier>)>> = Mutex::new(Vec::new());

impl SharedClassifier {
    /// The classifier that was opened with the same options and is still in use, or a new one.
    ///
    /// # Errors
    /// As [`Classifier::open`].
    pub fn open(options: &Options) -> Result<Arc<Self>, Error> {
        let key = (options.clone(), modified(&options.source));
        // Held while opening, so that elements that start together share too.
        let mut open = lock(&OPEN);
        open.retain(|(_, classifier)| classifier.strong_count() > 0);
        let found = open.iter().find(|(other, _)| *other == key);
        if let Some(classifier) = found.and_then(|(_, classifier)| classifier.upgrade()) {
            return Ok(classifier);
        }
        let classifier = Arc::new(Self::new(Classifier::open(options)?));
        open.push((key, Arc::downgrade(&classifier)));
        Ok(classifier)
    }

    fn new(classifier: Classifier) -> Self {
        let refused = |method: Method| Some((method, method.resolve(classifier.head()).err()?));
        Self {
            name: classifier.name().to_owned(),
            labels: classifier.labels().clone(),
            fit: classifier.fit(),
            normalization: classifier.normalization(),
            preprocess: classifier.preprocess(),
            refused: Method::ALL.into_iter().filter_map(refused).collect(),
            classifiers: std::array::from_fn(|_| Mutex::new(classifier.another())),
            resting: Mutex::new(RUNS),
            rested: Condvar::new(),
        }
    }

    /// Waits until fewer than [`RUNS`] others run the network.
    pub fn turn(&self) -> Turn<'_> {
        let mut resting = lock(&self.resting);
        while *resting == 0 {
            resting = self
                .rested
                .wait(resting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *resting -= 1;
        drop(resting);
        let free = self
            .classifiers
            .iter()
            .find_map(|one| match one.try_lock() {
                Ok(classifier) => Some(classifier),
                Err(TryLockError::Poisoned(panicked)) => Some(panicked.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            });
        Turn {
            classifier: free.unwrap_or_else(|| lock(&self.classifiers[0])),
            _call: Call(self),
        }
    }

    /// # Errors
    /// Why `method` makes no sense for the network's head.
    pub fn check(&self, method: Method) -> Result<(), Error> {
        match self.refused.iter().find(|(refused, _)| *refused == method) {
            Some((_, error)) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

fn modified(source: &Source) -> Option<SystemTime> {
    match source {
        Source::File(path) => std::fs::metadata(path).ok()?.modified().ok(),
        Source::Catalogue(_) => None,
    }
}
