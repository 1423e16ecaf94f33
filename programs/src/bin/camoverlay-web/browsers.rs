//! All browsers that watch, and the frames that they get.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camoverlay_programs::{Failure, KeyFrames};
use gst::prelude::*;

use super::peer::Peer;

/// Hands the encoded frames of the program's one pipeline to every browser.
#[derive(Clone)]
pub struct Browsers(Arc<Inner>);

struct Inner {
    pipeline: gst::Pipeline,
    key_frames: KeyFrames,
    most: usize,
    /// The frames that have come through.
    frames: AtomicU64,
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
        let browsers = Self(Arc::new(Inner {
            pipeline: pipeline.clone(),
            key_frames: KeyFrames::of(encoded),
            most,
            frames: AtomicU64::new(0),
            watching: Mutex::default(),
        }));
        let weak = Arc::downgrade(&browsers.0);
        encoded.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Flushing)?;
                    if let Some(inner) = weak.upgrade() {
                        inner.hand_on(&sample);
                    }
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        browsers
    }

    /// Whether the pipeline makes frames: the second one is through.
    pub fn is_ready(&self) -> bool {
        self.0.frames.load(Ordering::Relaxed) > 1
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
        self.0.announce();
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
        let (peer, offer) = Peer::new(here, &self.inner.key_frames)?;
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
        self.inner.announce();
    }
}

impl Inner {
    fn watching(&self) -> MutexGuard<'_, Watching> {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits at the pipeline's bus: there are browsers now, or none any more.
    fn announce(&self) {
        let message = gst::message::Application::new(gst::Structure::new_empty("clients"));
        // A pipeline that is being taken down needs no waking.
        let _ = self.pipeline.post_message(message);
    }

    fn hand_on(&self, sample: &gst::Sample) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        let Some(base) = self.pipeline.base_time() else {
            return;
        };
        let peers: Vec<Arc<Peer>> = self.watching().peers.values().flatten().cloned().collect();
        for peer in peers {
            peer.take(sample, base);
        }
    }
}
