//! Puts the original of each explained frame beside it: one picture, twice as wide, goes to the encoder, so that no browser can
//! show an explanation with another frame than its own.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use camoverlay_programs::Failure;
use gst::glib;
use gst::prelude::*;
use gst_base::subclass::prelude::*;
use gst_video::prelude::*;

/// Most originals that wait for their explanations: many more than are explained at once.
const MOST: usize = 64;

glib::wrapper! {
    /// An element of I420 frames of even sizes: the original on the left, the explanation on the right.
    pub struct Beside(ObjectSubclass<imp::Beside>)
        @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

impl Beside {
    /// One that pairs what comes to it with what goes into `overlay`.
    ///
    /// # Errors
    /// The overlay has no pad.
    pub fn of(overlay: &gst::Element) -> Result<Self, Failure> {
        let beside: Self = glib::Object::new();
        let pad = overlay.static_pad("sink");
        let pad = pad.ok_or("camoverlay has lost a pad.")?;
        let pairing = beside.downgrade();
        let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_FLUSH;
        pad.add_probe(kinds, move |_, info| {
            if let Some(beside) = pairing.upgrade() {
                let mut originals = beside.imp().originals();
                match info.buffer() {
                    Some(buffer) => {
                        if originals.len() == MOST {
                            originals.pop_front();
                        }
                        originals.push_back(buffer.to_owned());
                    }
                    // A flush.
                    None => originals.clear(),
                }
            }
            gst::PadProbeReturn::Ok
        });
        Ok(beside)
    }
}

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct Beside {
        /// In the order in which their explanations come.
        originals: Mutex<VecDeque<gst::Buffer>>,
        /// How frames come in and go out.
        infos: Mutex<Option<[gst_video::VideoInfo; 2]>>,
    }

    impl Beside {
        pub fn originals(&self) -> MutexGuard<'_, VecDeque<gst::Buffer>> {
            lock(&self.originals)
        }

        /// The original of the frame at `time`; none where a flush has taken it away.
        fn original(&self, time: Option<gst::ClockTime>) -> Option<gst::Buffer> {
            let mut originals = self.originals();
            let at = originals
                .iter()
                .position(|original| original.pts() == time)?;
            originals.drain(..=at).next_back()
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Beside {
        const NAME: &'static str = "CamOverlayBeside";
        type Type = super::Beside;
        type ParentType = gst_base::BaseTransform;
    }

    impl ObjectImpl for Beside {}
    impl GstObjectImpl for Beside {}

    impl ElementImpl for Beside {
        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: std::sync::LazyLock<Vec<gst::PadTemplate>> =
                std::sync::LazyLock::new(|| {
                    let caps = gst_video::VideoCapsBuilder::new()
                        .format(gst_video::VideoFormat::I420)
                        .build();
                    let template = |name, direction| {
                        gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps)
                    };
                    let templates = [
                        template("sink", gst::PadDirection::Sink),
                        template("src", gst::PadDirection::Src),
                    ];
                    templates.into_iter().flatten().collect()
                });
            &TEMPLATES
        }
    }

    impl BaseTransformImpl for Beside {
        const MODE: gst_base::subclass::BaseTransformMode =
            gst_base::subclass::BaseTransformMode::NeverInPlace;
        const PASSTHROUGH_ON_SAME_CAPS: bool = false;
        const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

        fn transform_caps(
            &self,
            direction: gst::PadDirection,
            caps: &gst::Caps,
            filter: Option<&gst::Caps>,
        ) -> Option<gst::Caps> {
            let mut other = caps.clone();
            for structure in other.make_mut().iter_mut() {
                // What is no one width yet is settled when it is.
                match structure.get::<i32>("width") {
                    Ok(width) if direction == gst::PadDirection::Sink => {
                        structure.set("width", 2 * width);
                    }
                    Ok(width) => structure.set("width", width / 2),
                    Err(_) => structure.remove_field("width"),
                }
            }
            Some(match filter {
                Some(filter) => filter.intersect_with_mode(&other, gst::CapsIntersectMode::First),
                None => other,
            })
        }

        fn set_caps(
            &self,
            incaps: &gst::Caps,
            outcaps: &gst::Caps,
        ) -> Result<(), gst::LoggableError> {
            let info = |caps| {
                gst_video::VideoInfo::from_caps(caps)
                    .map_err(|_| gst::loggable_error!(gst::CAT_RUST, "{caps} are no video's"))
            };
            *lock(&self.infos) = Some([info(incaps)?, info(outcaps)?]);
            Ok(())
        }

        fn unit_size(&self, caps: &gst::Caps) -> Option<usize> {
            Some(gst_video::VideoInfo::from_caps(caps).ok()?.size())
        }

        fn transform(
            &self,
            explained: &gst::Buffer,
            pair: &mut gst::BufferRef,
        ) -> Result<gst::FlowSuccess, gst::FlowError> {
            let Some(original) = self.original(explained.pts()) else {
                return Ok(gst_base::BASE_TRANSFORM_FLOW_DROPPED);
            };
            let infos = lock(&self.infos).clone();
            let [one, both] = infos.ok_or(gst::FlowError::NotNegotiated)?;
            let painted = paint(&[&original, explained], &one, pair, &both);
            painted.map(|()| gst::FlowSuccess::Ok).map_err(|_| {
                gst::element_imp_error!(
                    self,
                    gst::StreamError::Failed,
                    ["A frame cannot be mapped."]
                );
                gst::FlowError::Error
            })
        }
    }

    /// Copies two frames as `one` says into `pair`, beside each other.
    fn paint(
        frames: &[&gst::BufferRef; 2],
        one: &gst_video::VideoInfo,
        pair: &mut gst::BufferRef,
        both: &gst_video::VideoInfo,
    ) -> Result<(), glib::BoolError> {
        let mut pair = gst_video::VideoFrameRef::from_buffer_ref_writable(pair, both)?;
        for (side, frame) in frames.iter().enumerate() {
            let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(frame, one)?;
            for plane in 0..frame.n_planes() {
                let component = plane as usize;
                let width = frame.comp_width(plane) as usize;
                let height = frame.comp_height(plane) as usize;
                let (from, to) = (
                    frame.plane_stride()[component] as usize,
                    pair.plane_stride()[component] as usize,
                );
                let rows = frame.plane_data(plane)?.chunks(from).take(height);
                for (row, copy) in rows.zip(pair.plane_data_mut(plane)?.chunks_mut(to)) {
                    copy[side * width..][..width].copy_from_slice(&row[..width]);
                }
            }
        }
        Ok(())
    }

    /// The data is as good after another thread's panic as before it.
    fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
