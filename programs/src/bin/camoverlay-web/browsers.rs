//! All browsers that watch, and the frames that they get.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camoverlay_programs::{Encoded, Failure};

use super::peer::Peer;

/// Hands the encoded frames of the program's one pipeline to every browser.
#[derive(Clone)]
pub struct Browsers(Arc<Inner>);

struct Inner {
    encoded: Encoded,
    most: usize,
    watching: Mutex<Watching>,
}

#[derive(Default)]
struct Watching {
    /// By number; those that are still being made have none yet.
    peers: HashMap<u64, Option<Arc<Peer>>>,
    next: u64,
}

/// A browser's place, for as long as this lives.
pub struct Place {
    inner: Arc<Inner>,
    number: u64,
}

impl Browsers {
    /// Takes what comes to the appsink `encoded` of `pipeline`, for so many browsers at `most`.
    pub fn new(pipeline: &gst::Pipeline, encoded: &gst_app::AppSink, most: usize) -> Self {
        let inner = Arc::new(Inner {
            encoded: Encoded::new(pipeline, encoded),
            most,
            watching: Mutex::default(),
        });
        let owner = Arc::downgrade(&inner);
        inner
            .encoded
            .follow(owner, |inner| &inner.encoded, Inner::hand_on);
        Self(inner)
    }

    /// Whether the pipeline makes frames.
    pub fn is_ready(&self) -> bool {
        self.0.encoded.is_ready()
    }

    /// Whether there are browsers.
    pub fn is_watched(&self) -> bool {
        !self.0.watching().peers.is_empty()
    }

    /// The connection of this number, if it is still there.
    pub fn peer(&self, number: u64) -> Option<Arc<Peer>> {
        self.0.watching().peers.get(&number).cloned().flatten()
    }

    /// A place for another browser; none where all are taken.
    pub fn enter(&self) -> Option<Place> {
        let mut watching = self.0.watching();
        if watching.peers.len() >= self.0.most {
            return None;
        }
        let number = watching.next;
        watching.next += 1;
        watching.peers.insert(number, None);
        drop(watching);
        self.0.encoded.announce();
        Some(Place {
            inner: self.0.clone(),
            number,
        })
    }
}

impl Place {
    /// The number of its connection.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Connects the browser, which came to this machine's address `here`; what to offer it, as SDP.
    ///
    /// # Errors
    /// GStreamer lacks something.
    pub fn connect(&self, here: IpAddr) -> Result<String, Failure> {
        let (peer, offer) = Peer::new(here, &self.inner.encoded.key_frames)?;
        let peer = Some(Arc::new(peer));
        self.inner.watching().peers.insert(self.number, peer);
        Ok(offer)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let peer = self.inner.watching().peers.remove(&self.number);
        // Here, outside of the lock, and not where a frame on its way to it may be held.
        if let Some(peer) = peer.flatten() {
            peer.close();
        }
        self.inner.encoded.announce();
    }
}

impl Inner {
    fn watching(&self) -> MutexGuard<'_, Watching> {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_on(&self, sample: &gst::Sample, base: gst::ClockTime) {
        let peers: Vec<Arc<Peer>> = self.watching().peers.values().flatten().cloned().collect();
        for peer in peers {
            peer.take(sample, base);
        }
    }
}
