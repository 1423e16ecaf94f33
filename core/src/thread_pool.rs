//! Threads that share out the work on a frame.

#![allow(
    unsafe_code,
    reason = "threads borrow a task that its caller waits for"
)]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Most threads on one frame, the caller's included: more would wait for each other's memory.
const MOST: usize = 4;

/// The threads of this process that help those who call: one pool for all, since frames of several
/// streams want the same cores. Who finds it busy works alone.
///
/// A caller starts at once and helpers join when they have woken up, so that sharing never takes
/// longer than working alone by more than the last part.
pub(crate) struct ThreadPool {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
}

/// How long a helper looks out for the next task before it sleeps: the steps of a frame follow each
/// other, and to be woken takes longer than some of them.
const LOOKOUT: Duration = Duration::from_micros(50);

#[derive(Default)]
struct Shared {
    board: Mutex<Board>,
    /// The board's `posted`, to be read without its lock.
    news: AtomicU64,
    posted: Condvar,
    finished: Condvar,
}

#[derive(Default)]
struct Board {
    /// What can be joined.
    task: Option<Task>,
    /// Tasks posted so far: nobody joins one twice.
    posted: u64,
    /// Helpers who joined and have not finished.
    at_work: usize,
    /// What a helper's panic left.
    panic: Option<Box<dyn Any + Send>>,
    closed: bool,
}

/// Works until nothing is left to do.
type Task = &'static (dyn Fn() + Sync);

static POOL: Mutex<Weak<ThreadPool>> = Mutex::new(Weak::new());

impl ThreadPool {
    /// The pool of this process; its threads end with the last one who holds it.
    pub fn get() -> Arc<Self> {
        let mut pool = lock(&POOL);
        if let Some(pool) = pool.upgrade() {
            return pool;
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let new = Arc::new(Self::new(cores.min(MOST) - 1));
        *pool = Arc::downgrade(&new);
        new
    }

    /// A pool of as many `helpers` as the system lets it have.
    fn new(helpers: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let helper = |_| {
            let shared = shared.clone();
            let thread = thread::Builder::new().name("camoverlay-rows".into());
            thread.spawn(move || shared.help()).ok()
        };
        Self {
            helpers: (0..helpers).map_while(helper).collect(),
            shared,
        }
    }

    /// How many work at once at most, the caller included.
    pub fn workers(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Does `work` on each of the `parts`, several at once where there are helpers. Allocates nothing.
    ///
    /// # Panics
    /// Where `work` does.
    pub fn each<T: Send>(&self, parts: &mut [T], work: impl Fn(&mut T) + Sync) {
        self.each_at(&mut [(); MOST], parts, |(), part| work(part));
    }

    /// The same, each worker having one of the `desks` for itself.
    pub fn each_at<D: Send, T: Send>(
        &self,
        desks: &mut [D],
        parts: &mut [T],
        work: impl Fn(&mut D, &mut T) + Sync,
    ) {
        let shareable = !self.helpers.is_empty() && parts.len() > 1;
        let (desks, left) = (Mutex::new(desks.iter_mut()), Mutex::new(parts.iter_mut()));
        #[cfg(test)]
        let level = crate::simd::forced::LEVEL.get();
        let turn = || {
            #[cfg(test)]
            crate::simd::forced::LEVEL.set(level);
            let Some(desk) = lock(&desks).next() else {
                return;
            };
            loop {
                let Some(part) = lock(&left).next() else {
                    break;
                };
                work(desk, part);
            }
        };
        if shareable {
            self.shared.share(&turn);
        } else {
            turn();
        }
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        lock(&self.shared.board).closed = true;
        self.shared.posted.notify_all();
        for helper in self.helpers.drain(..) {
            // Panics of the work were handed to its caller.
            let _ = helper.join();
        }
    }
}

impl Shared {
    /// Runs `turn` here, and on the helpers that have nothing else to do.
    fn share(&self, turn: &(dyn Fn() + Sync)) {
        let mut board = lock(&self.board);
        if board.task.is_some() || board.at_work > 0 {
            drop(board);
            return turn();
        }
        // SAFETY: a task is called only by helpers that joined while it was on the board. It is
        // taken off below, and all who joined are waited for, before `turn` goes: unwinding is held
        // up until then too.
        board.task = Some(unsafe { std::mem::transmute::<&(dyn Fn() + Sync), Task>(turn) });
        board.posted += 1;
        self.news.store(board.posted, Ordering::Release);
        drop(board);
        self.posted.notify_all();
        let own = catch_unwind(AssertUnwindSafe(turn));
        let mut board = lock(&self.board);
        board.task = None;
        while board.at_work > 0 {
            board = wait(&self.finished, board);
        }
        let other = board.panic.take();
        drop(board);
        if let Some(panic) = own.err().or(other) {
            resume_unwind(panic);
        }
    }

    /// A helper's life.
    fn help(&self) {
        let mut seen = 0;
        let mut board = lock(&self.board);
        while !board.closed {
            match board.task {
                Some(task) if board.posted != seen => {
                    seen = board.posted;
                    board.at_work += 1;
                    drop(board);
                    let result = catch_unwind(AssertUnwindSafe(task));
                    board = lock(&self.board);
                    board.at_work -= 1;
                    if let Err(panic) = result {
                        board.panic = Some(panic);
                    }
                    if board.at_work == 0 {
                        self.finished.notify_all();
                    }
                    drop(board);
                    let start = Instant::now();
                    while self.news.load(Ordering::Acquire) == seen && start.elapsed() < LOOKOUT {
                        std::hint::spin_loop();
                    }
                    board = lock(&self.board);
                }
                _ => board = wait(&self.posted, board),
            }
        }
    }
}

/// No value behind these locks is left half-changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_done_once() {
        for helpers in [0, 1, 3] {
            let pool = ThreadPool::new(helpers);
            for count in (0..20).chain([1000]) {
                let mut parts: Vec<usize> = (0..count).collect();
                pool.each(&mut parts, |part| *part += 1);
                assert!(parts.into_iter().eq(1..=count));
            }
        }
    }

    #[test]
    fn several_callers_share_a_crew() {
        let pool = ThreadPool::new(2);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let mut parts = [0; 7];
                        pool.each(&mut parts, |part| *part += 1);
                        assert_eq!(parts, [1; 7]);
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_leaves_the_crew_in_order() {
        let pool = ThreadPool::new(2);
        for panicking in 0..8 {
            let mut parts: Vec<usize> = (0..8).collect();
            let result = catch_unwind(AssertUnwindSafe(|| {
                pool.each(&mut parts, |part| assert_ne!(*part, panicking));
            }));
            assert!(result.is_err());
        }
        let mut parts = [0; 8];
        pool.each(&mut parts, |part| *part += 1);
        assert_eq!(parts, [1; 8]);
    }
}
