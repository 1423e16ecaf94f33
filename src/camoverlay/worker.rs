//! `inference=latest`: a thread that runs the network while frames pass by.

use std::{
    io, mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use super::job::Job;
use camoverlay::Error;
use camoverlay::inference::SharedClassifier;

/// A job, and whether what it was made for succeeded.
type Finished = (Box<Job>, Result<(), Error>);

/// Where the one job is.
#[derive(Default)]
enum JobSlot {
    #[default]
    Empty,
    Waiting(Box<Job>),
    Running,
    Done(Box<Job>, Result<(), Error>),
    Closed,
}

#[derive(Default)]
struct Shared {
    slot: Mutex<JobSlot>,
    changed: Condvar,
    /// Nobody may wait for a run: a flush or a stop is on its way. Set under the lock of the slot.
    hurried: AtomicBool,
}

impl Shared {
    fn slot(&self) -> MutexGuard<'_, JobSlot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, network: &SharedClassifier) {
        let mut slot = self.slot();
        loop {
            match mem::replace(&mut *slot, JobSlot::Running) {
                JobSlot::Waiting(mut job) => {
                    drop(slot);
                    let result = job.run(&mut network.lease());
                    slot = self.slot();
                    if matches!(*slot, JobSlot::Closed) {
                        return;
                    }
                    *slot = JobSlot::Done(job, result);
                    self.changed.notify_all();
                }
                JobSlot::Closed => {
                    *slot = JobSlot::Closed;
                    return;
                }
                other => {
                    *slot = other;
                    slot = self
                        .changed
                        .wait(slot)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn close(&self) {
        *self.slot() = JobSlot::Closed;
        self.changed.notify_all();
    }
}

/// Closes the slot when the thread ends, so that nobody waits for one that panicked.
struct AtTheEnd<'a>(&'a Shared);

impl Drop for AtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// How waiting for the run under way ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Waited {
    /// No run is under way any more.
    Finished,
    /// Somebody hurried.
    CutOff,
}

/// The thread has ended on its own.
#[derive(Debug)]
pub struct Gone;

/// Sends home, from any thread, who waits for the run under way.
#[derive(Clone)]
pub struct Usher(Arc<Shared>);

impl Usher {
    /// Ends waiting and lets nobody wait, or allows it again.
    pub fn hurry(&self, hurried: bool) {
        let _desk = self.0.slot();
        self.0.hurried.store(hurried, Ordering::Relaxed);
        self.0.changed.notify_all();
    }
}

/// The thread; dropping it waits for the inference under way, if any.
pub struct Worker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub fn start(network: Arc<SharedClassifier>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = thread::Builder::new().name("camoverlay".into()).spawn({
            let shared = shared.clone();
            move || {
                let _at_the_end = AtTheEnd(&shared);
                shared.work(&network);
            }
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Whether a job can be handed over; it stays so until then.
    pub fn is_idle(&self) -> bool {
        matches!(*self.shared.slot(), JobSlot::Empty)
    }

    /// Hands over a job to an idle worker.
    pub fn submit(&self, job: Box<Job>) {
        *self.shared.slot() = JobSlot::Waiting(job);
        self.shared.changed.notify_all();
    }

    /// The finished job, if there is one; never waits.
    pub fn collect(&self) -> Result<Option<Finished>, Gone> {
        let mut slot = self.shared.slot();
        match mem::replace(&mut *slot, JobSlot::Empty) {
            JobSlot::Done(job, result) => Ok(Some((job, result))),
            JobSlot::Closed => {
                *slot = JobSlot::Closed;
                Err(Gone)
            }
            other @ (JobSlot::Empty | JobSlot::Waiting(_) | JobSlot::Running) => {
                *slot = other;
                Ok(None)
            }
        }
    }

    /// Waits for the run under way, if any, unless somebody hurries.
    pub fn wait(&self) -> Waited {
        let mut slot = self.shared.slot();
        while matches!(*slot, JobSlot::Waiting(_) | JobSlot::Running) {
            if self.shared.hurried.load(Ordering::Relaxed) {
                return Waited::CutOff;
            }
            slot = self
                .shared
                .changed
                .wait(slot)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Waited::Finished
    }

    pub fn usher(&self) -> Usher {
        Usher(self.shared.clone())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the worker was printed when it happened, and there is no one else to tell.
            let _ = thread.join();
        }
    }
}
