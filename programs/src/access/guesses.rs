//! What guessing passwords costs: a pause after each wrong one, which grows with their number.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::admission::subscriber;

/// The pause after an address's first wrong password; each further one doubles it.
pub const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a login waits until it is looked at again, while others are.
const WAIT: Duration = Duration::from_millis(50);
/// How many wrong passwords of one address may be in their pause at once; more are not even looked at.
const AT_ONCE: usize = 8;
/// How many passwords may be looked at at once, from wherever: they take a core.
const AT_ONCE_IN_ALL: usize = 64;
/// After so long without a wrong password an address begins anew.
const FORGET: Duration = Duration::from_secs(600);
/// The most addresses that are remembered; those that have been quiet for longest are forgotten first.
const MAX_ADDRESSES: usize = 4096;
/// The most logins that are remembered of one address.
const MAX_KNOWN: usize = 16;

/// Who has guessed, from where, and how often.
#[derive(Clone, Default)]
pub struct Guesses(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Keyed by chance: what is remembered of a login says nothing about the password.
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    addresses: HashMap<IpAddr, Record>,
    looked_at: usize,
}

struct Record {
    wrong: u32,
    looked_at: usize,
    in_pause: usize,
    /// Logins that were right, hashed: who has got in from here gets in again, whatever others guess meanwhile.
    known: VecDeque<u64>,
    last: Instant,
}

/// What may be done with a password.
pub enum Permit {
    /// It was right before.
    Known,
    /// It may be looked at.
    Check(Check),
    /// Too many were wrong.
    Never,
}

/// One password that is being looked at.
pub struct Check {
    inner: Arc<Inner>,
    address: IpAddr,
    login: u64,
    open: bool,
}

impl Guesses {
    /// Before the `login`, whatever proves it, of who comes from `address` is looked at; comes back when it may be.
    pub async fn permit(&self, address: IpAddr, login: &[&str]) -> Permit {
        loop {
            match self.permit_now(address, login) {
                Some(permit) => return permit,
                None => tokio::time::sleep(WAIT).await,
            }
        }
    }

    /// None while others are being looked at.
    fn permit_now(&self, address: IpAddr, login: &[&str]) -> Option<Permit> {
        let address = subscriber(address);
        let login = self.0.hasher.hash_one(login);
        let mut state = self.0.state();
        let record = state.record(address);
        if record.known.contains(&login) {
            return Some(Permit::Known);
        }
        if record.in_pause >= AT_ONCE {
            return Some(Permit::Never);
        }
        if record.in_pause + record.looked_at >= AT_ONCE || state.looked_at >= AT_ONCE_IN_ALL {
            return None;
        }
        state.looked_at += 1;
        state.record(address).looked_at += 1;
        Some(Permit::Check(Check {
            inner: self.0.clone(),
            address,
            login,
            open: true,
        }))
    }
}

impl Check {
    /// It was right.
    pub fn right(mut self) {
        self.open = false;
        let mut state = self.inner.state();
        state.looked_at -= 1;
        let record = state.record(self.address);
        record.looked_at = record.looked_at.saturating_sub(1);
        if record.known.len() == MAX_KNOWN {
            record.known.pop_front();
        }
        record.known.push_back(self.login);
    }

    /// It was wrong, or nobody waited for the answer: how long the answer has to wait. The pause is the address's, not
    /// the connection's: it goes on where the client does not wait for it.
    pub fn wrong(mut self) -> Duration {
        self.close()
    }

    fn close(&mut self) -> Duration {
        self.open = false;
        let mut state = self.inner.state();
        state.looked_at -= 1;
        let record = state.record(self.address);
        record.looked_at = record.looked_at.saturating_sub(1);
        record.in_pause += 1;
        record.wrong = record.wrong.saturating_add(1);
        let pause = FIRST_PAUSE
            .saturating_mul(1 << (record.wrong - 1).min(10))
            .min(LONGEST_PAUSE);
        let (inner, address) = (self.inner.clone(), self.address);
        // Where there is no runtime any more, nobody is served either.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(pause).await;
                let mut state = inner.state();
                let record = state.record(address);
                record.in_pause = record.in_pause.saturating_sub(1);
            });
        }
        pause
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        if self.open {
            self.close();
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is remembered of `address`.
    fn record(&mut self, address: IpAddr) -> &mut Record {
        let now = Instant::now();
        if self.addresses.len() >= MAX_ADDRESSES && !self.addresses.contains_key(&address) {
            self.forget(now);
        }
        let record = self.addresses.entry(address).or_insert_with(|| Record {
            wrong: 0,
            looked_at: 0,
            in_pause: 0,
            known: VecDeque::new(),
            last: now,
        });
        if now.duration_since(record.last) > FORGET {
            record.wrong = 0;
        }
        record.last = now;
        record
    }

    /// Makes room: for a quarter, so that this is seldom.
    fn forget(&mut self, now: Instant) {
        let mut quiet: Vec<Duration> = self
            .addresses
            .values()
            .map(|record| now.duration_since(record.last))
            .collect();
        quiet.sort_unstable();
        let limit = quiet[quiet.len() * 3 / 4];
        self.addresses
            .retain(|_, record| now.duration_since(record.last) < limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn many_addresses_take_bounded_memory() {
        let guesses = Guesses::default();
        for number in 0..3 * MAX_ADDRESSES as u32 {
            let Some(Permit::Check(check)) = guesses.permit_now(address(number), &["ada", "x"])
            else {
                panic!("{number} is not looked at");
            };
            check.wrong();
            assert!(guesses.0.state().addresses.len() <= MAX_ADDRESSES);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_bound_the_guesses_of_an_address() {
        let guesses = Guesses::default();
        let (bad, good) = (address(1), address(2));
        let check = |from| guesses.permit_now(from, &["ada", "x"]);
        let mut pauses = Vec::new();
        for _ in 0..AT_ONCE {
            let Some(Permit::Check(check)) = check(bad) else {
                panic!("{pauses:?}");
            };
            pauses.push(check.wrong());
        }
        assert_eq!(pauses[0], FIRST_PAUSE);
        assert!(pauses.is_sorted() && pauses[AT_ONCE - 1] == LONGEST_PAUSE);
        assert!(matches!(check(bad), Some(Permit::Never)));
        assert!(matches!(check(good), Some(Permit::Check(_))));
        tokio::time::sleep(LONGEST_PAUSE + FIRST_PAUSE).await;
        assert!(matches!(check(bad), Some(Permit::Check(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn who_got_in_before_gets_in_while_others_guess() {
        let guesses = Guesses::default();
        let Some(Permit::Check(check)) = guesses.permit_now(address(1), &["ada", "engine"]) else {
            panic!("it is not looked at");
        };
        check.right();
        while let Some(Permit::Check(check)) = guesses.permit_now(address(1), &["ada", "x"]) {
            check.wrong();
        }
        let known = guesses.permit_now(address(1), &["ada", "engine"]);
        assert!(matches!(known, Some(Permit::Known)));
    }
}
