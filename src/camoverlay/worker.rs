//! The thread that runs the network, beside the one that frames come on: who waits for a run can be sent home, and a run
//! that does not end is left behind.

use std::{
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::job::Job;
use camoverlay::Error;
use camoverlay::inference::{Cancellation, SharedClassifier};

/// How long the thread is waited for when nobody needs it any more. A run that was told to end does so after one operator;
/// one that takes longer is left to the thread, which ends with it.
const FAREWELL: Duration = Duration::from_millis(200);

/// A job, and what came of it.
pub struct Finished {
    pub job: Box<Job>,
    /// Whether what it was made for succeeded.
    pub result: Result<(), Error>,
    /// Whether somebody hurried meanwhile: that it was cancelled is no failure then.
    pub cut_off: bool,
}

/// Where the one job is.
#[derive(Default)]
enum JobSlot {
    #[default]
    Empty,
    Waiting(Box<Job>),
    Running,
    Done(Box<Job>, Result<(), Error>),
    /// No further job is taken.
    Closed,
    /// The thread has ended, or is about to.
    Ended,
}

#[derive(Default)]
struct State {
    slot: JobSlot,
    /// When the job was handed over.
    submitted: Option<Instant>,
    /// Nobody may wait for a run: a flush or a stop is on its way.
    hurried: bool,
    /// Somebody has hurried since the job was handed over, or before and still does.
    cut_off: bool,
    /// When the thread was told that nobody needs it any more.
    closed: Option<Instant>,
}

impl State {
    fn is_busy(&self) -> bool {
        matches!(self.slot, JobSlot::Waiting(_) | JobSlot::Running)
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    cancellation: Cancellation,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        until: Option<Instant>,
    ) -> MutexGuard<'a, State> {
        match until {
            None => self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner),
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                let waited = self.changed.wait_timeout(state, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    fn work(&self, network: &SharedClassifier) {
        let mut state = self.state();
        loop {
            match mem::replace(&mut state.slot, JobSlot::Running) {
                JobSlot::Waiting(mut job) => {
                    drop(state);
                    let lease = network.lease(&self.cancellation);
                    let result = lease.and_then(|mut lease| job.run(&mut lease));
                    state = self.state();
                    if matches!(state.slot, JobSlot::Closed) {
                        return;
                    }
                    state.slot = JobSlot::Done(job, result);
                    self.changed.notify_all();
                }
                closed @ (JobSlot::Closed | JobSlot::Ended) => {
                    state.slot = closed;
                    return;
                }
                other @ (JobSlot::Empty | JobSlot::Running | JobSlot::Done(..)) => {
                    state.slot = other;
                    state = self.wait(state, None);
                }
            }
        }
    }
}

/// Says when the thread ends, so that nobody waits for one that panicked.
struct AtTheEnd<'a>(&'a Shared);

impl Drop for AtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.state().slot = JobSlot::Ended;
        self.0.changed.notify_all();
    }
}

/// How waiting for the run under way ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Waited {
    /// No run is under way any more.
    Finished,
    /// Somebody hurried.
    CutOff,
    /// It took too long, and was told to end.
    TimedOut,
}

/// The thread has ended on its own.
#[derive(Debug)]
pub struct Gone;

/// Sends home, from any thread, who waits for the run under way.
#[derive(Clone)]
pub struct Usher(Arc<Shared>);

impl Usher {
    /// Ends the run under way and waiting for it, and lets nobody wait, or allows it again.
    pub fn hurry(&self, hurried: bool) {
        let mut state = self.0.state();
        state.hurried = hurried;
        if hurried {
            state.cut_off |= state.is_busy();
            self.0.cancellation.cancel();
        }
        self.0.changed.notify_all();
    }
}

/// The thread. Dropping it ends the run under way, if any.
pub struct Worker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// # Errors
    /// The system's, where there can be no further thread.
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
        matches!(self.shared.state().slot, JobSlot::Empty)
    }

    /// Hands over a job to an idle worker.
    pub fn submit(&self, job: Box<Job>) {
        let mut state = self.shared.state();
        if !state.hurried {
            self.shared.cancellation.renew();
        }
        state.cut_off = state.hurried;
        state.slot = JobSlot::Waiting(job);
        state.submitted = Some(Instant::now());
        self.shared.changed.notify_all();
    }

    /// The finished job, if there is one; never waits.
    pub fn collect(&self) -> Result<Option<Finished>, Gone> {
        let mut state = self.shared.state();
        match mem::replace(&mut state.slot, JobSlot::Empty) {
            JobSlot::Done(job, result) => Ok(Some(Finished {
                job,
                result,
                cut_off: mem::take(&mut state.cut_off),
            })),
            ended @ (JobSlot::Closed | JobSlot::Ended) => {
                state.slot = ended;
                Err(Gone)
            }
            other @ (JobSlot::Empty | JobSlot::Waiting(_) | JobSlot::Running) => {
                state.slot = other;
                Ok(None)
            }
        }
    }

    /// Waits for the run under way, if any, unless somebody hurries. One that takes longer than `patience` is told to end.
    pub fn wait(&self, patience: Option<Duration>) -> Waited {
        let until = patience.and_then(|patience| Instant::now().checked_add(patience));
        let mut state = self.shared.state();
        loop {
            // Also where the run has ended for it, before whoever waits has woken up.
            if state.hurried && state.cut_off {
                return Waited::CutOff;
            }
            if !state.is_busy() {
                return Waited::Finished;
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                self.shared.cancellation.cancel();
                return Waited::TimedOut;
            }
            state = self.shared.wait(state, until);
        }
    }

    /// How long the run under way, if any, has taken.
    pub fn run_time(&self) -> Option<Duration> {
        let state = self.shared.state();
        state
            .submitted
            .filter(|_| state.is_busy())
            .map(|since| since.elapsed())
    }

    /// Tells the run under way, if any, to end.
    pub fn cancel(&self) {
        // Under the lock, so that it is not the next one.
        let state = self.shared.state();
        if state.is_busy() {
            self.shared.cancellation.cancel();
        }
    }

    pub fn usher(&self) -> Usher {
        Usher(self.shared.clone())
    }

    /// Tells the thread to end, and does not wait for it: who has several tells all before one is waited for.
    pub fn close(&self) {
        let mut state = self.shared.state();
        state.closed.get_or_insert_with(Instant::now);
        self.shared.cancellation.cancel();
        if !matches!(state.slot, JobSlot::Ended) {
            state.slot = JobSlot::Closed;
        }
        self.shared.changed.notify_all();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.close();
        let mut state = self.shared.state();
        let until = state.closed.and_then(|closed| closed.checked_add(FAREWELL));
        while !matches!(state.slot, JobSlot::Ended) {
            if until.is_none_or(|until| until <= Instant::now()) {
                return;
            }
            state = self.shared.wait(state, until);
        }
        drop(state);
        if let Some(thread) = self.thread.take() {
            // A panic of the worker was printed when it happened, and there is no one else to tell.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use camoverlay::preprocess::Placement;

    use super::*;
    use camoverlay::RuntimeError;

    #[test]
    fn who_waits_is_sent_home_also_from_a_run_that_has_ended_for_it() {
        let worker = Worker {
            shared: Arc::default(),
            thread: None,
        };
        let ends = |result| {
            let mut state = worker.shared.state();
            assert!(state.is_busy());
            state.slot = JobSlot::Done(Box::new(Job::new((1, 1), Placement::WHOLE)), result);
        };
        let cancelled = || Err(Error::Runtime(RuntimeError::Cancelled));
        let job = || Box::new(Job::new((1, 1), Placement::WHOLE));
        let collected = || worker.collect().unwrap().unwrap();

        // Hurried while it runs, and before it begins.
        for is_early in [false, true] {
            if is_early {
                worker.usher().hurry(true);
            }
            worker.submit(job());
            worker.usher().hurry(true);
            ends(cancelled());
            assert_eq!(worker.wait(None), Waited::CutOff);
            worker.usher().hurry(false);
            assert_eq!(worker.wait(None), Waited::Finished);
            assert!(collected().cut_off);
        }
        // After it, which changes nothing, and without.
        for is_hurried in [true, false] {
            worker.submit(job());
            ends(Ok(()));
            worker.usher().hurry(is_hurried);
            assert_eq!(worker.wait(None), Waited::Finished);
            worker.usher().hurry(false);
            assert!(!collected().cut_off);
        }
        worker.shared.state().slot = JobSlot::Ended;
    }
}
