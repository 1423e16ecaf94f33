//! One classifier for all who open it alike: weights, memory and threads exist once a process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use crate::explain::Method;
use crate::picture::{Fit, Normalization};

use super::{Classifier, Error, Labels, Options, Preprocess, PreprocessOrigin, Source};

/// A classifier that several threads may ask, one at a time.
///
/// Runs of one network side by side would share the same cores and gain nothing, so they follow each
/// other. The last one to drop it frees it.
pub struct SharedClassifier {
    pub name: String,
    pub labels: Labels,
    pub fit: Fit,
    pub normalization: Normalization,
    pub preprocess: (Preprocess, PreprocessOrigin),
    refused: Vec<(Method, Error)>,
    classifier: Mutex<Classifier>,
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
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
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
            classifier: Mutex::new(classifier),
        }
    }

    /// Waits for the others' runs and holds them off until the guard is dropped.
    pub fn lock(&self) -> MutexGuard<'_, Classifier> {
        self.classifier
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
