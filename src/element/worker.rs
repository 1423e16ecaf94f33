//! `inference=latest`: a thread that runs the network while frames pass by.

use std::{
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use super::job::Job;
use crate::network::{Error, SharedClassifier};

/// Where the one job is.
#[derive(Default)]
enum Desk {
    #[default]
    Empty,
    Waiting(Box<Job>),
    Running,
    Done(Box<Job>, Result<(), Error>),
    Closed,
}

#[derive(Default)]
struct Shared {
    desk: Mutex<Desk>,
    changed: Condvar,
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, network: &SharedClassifier) {
        let mut desk = self.desk();
        loop {
            match mem::replace(&mut *desk, Desk::Running) {
                Desk::Waiting(mut job) => {
                    drop(desk);
                    let result = job.run(&mut network.turn());
                    desk = self.desk();
                    if matches!(*desk, Desk::Closed) {
                        return;
                    }
                    *desk = Desk::Done(job, result);
                }
                Desk::Closed => return,
                other => {
                    *desk = other;
                    desk = self
                        .changed
                        .wait(desk)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
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
            move || shared.work(&network)
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Whether a job can be handed over; it stays so until then.
    pub fn is_idle(&self) -> bool {
        matches!(*self.shared.desk(), Desk::Empty)
    }

    /// Hands over a job to an idle worker.
    pub fn submit(&self, job: Box<Job>) {
        *self.shared.desk() = Desk::Waiting(job);
        self.shared.changed.notify_one();
    }

    /// The finished job, if there is one; never waits.
    pub fn collect(&self) -> Option<(Box<Job>, Result<(), Error>)> {
        let mut desk = self.shared.desk();
        match mem::replace(&mut *desk, Desk::Empty) {
            Desk::Done(job, result) => Some((job, result)),
            other => {
                *desk = other;
                None
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        *self.shared.desk() = Desk::Closed;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the worker was printed when it happened, and there is no one else to tell.
            let _ = thread.join();
        }
    }
}
