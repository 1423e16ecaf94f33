//! How many connections there may be, in all and from one address, and who has to go when they are too many.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The most connections there may be.
#[derive(Clone, Copy)]
pub struct Limits {
    pub in_all: usize,
    /// From one IPv4 address, or from one /64 of IPv6, which is what one subscriber has.
    pub per_address: usize,
}

/// The connections there are.
pub struct Admission {
    limits: Limits,
    guests: Mutex<Guests>,
}

#[derive(Default)]
struct Guests {
    /// In the order they came.
    by_number: BTreeMap<u64, Guest>,
    next: u64,
}

struct Guest {
    address: IpAddr,
    /// Whether it has shown that it may watch; until then it has to give way to newcomers.
    inside: bool,
    sent_away: Arc<Notify>,
}

/// A connection's place, for as long as this lives.
pub struct Place {
    admission: Arc<Admission>,
    number: u64,
    sent_away: Arc<Notify>,
}

impl Admission {
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            guests: Mutex::default(),
        })
    }

    /// A place for who comes from `address`. Where there is none left, whoever has been waiting longest before the login
    /// has to go: those who say nothing, and those who guess, cannot shut out others. None where all are inside.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = subscriber(address);
        let mut guests = self.guests();
        guests.make_room(self.limits.per_address, |guest| guest.address == address)?;
        guests.make_room(self.limits.in_all, |_| true)?;
        let number = guests.next;
        guests.next += 1;
        let sent_away = Arc::new(Notify::new());
        let guest = Guest {
            address,
            inside: false,
            sent_away: sent_away.clone(),
        };
        guests.by_number.insert(number, guest);
        Some(Place {
            admission: self.clone(),
            number,
            sent_away,
        })
    }

    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guests {
    /// Sees to it that fewer than `limit` guests are `counted`; none if that cannot be.
    fn make_room(&mut self, limit: usize, counted: impl Fn(&Guest) -> bool) -> Option<()> {
        if self.by_number.values().filter(|g| counted(g)).count() < limit {
            return Some(());
        }
        let oldest = self
            .by_number
            .iter()
            .find(|(_, guest)| counted(guest) && !guest.inside)
            .map(|(number, _)| *number)?;
        self.by_number.remove(&oldest)?.sent_away.notify_one();
        Some(())
    }
}

impl Place {
    /// It may watch: nobody takes its place any more.
    pub fn settle(&self) {
        if let Some(guest) = self.admission.guests().by_number.get_mut(&self.number) {
            guest.inside = true;
        }
    }

    /// Comes back when the place is another's.
    pub async fn is_lost(&self) {
        self.sent_away.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.guests().by_number.remove(&self.number);
    }
}

/// What stands for whoever has this address.
pub fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}
