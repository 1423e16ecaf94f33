//! From the input to VP8, with the original beside what is seen in it.

use std::sync::{Arc, Mutex, PoisonError};

use camoverlay_programs::{self, Failure, Feed, OverlayOptions, RegionOptions, Wish};
use gst::prelude::*;

use super::beside::Beside;

/// Largest picture of the two, unless the user asks for a size.
const LARGEST: (i32, i32) = (640, 480);

/// Bits that a pixel takes a second, and the fewest and most that a picture does.
const BITS: u32 = 3;
const FEWEST: u32 = 500_000;
const MOST: u32 = 8_000_000;

/// What the browsers get, before it is encoded.
#[derive(Clone, Default)]
pub struct Shown(Arc<Mutex<Option<gst::Sample>>>);

/// A picture that browsers can see.
pub struct Picture {
    pub feed: Feed,
    pub encoded: gst_app::AppSink,
    pub shown: Shown,
}

impl Picture {
    /// The pipeline from the input that is wished for to VP8; an input that is to come `back` is opened again whenever it
    /// breaks off.
    ///
    /// # Errors
    /// There is no such camera, an option cannot be, or an element is missing.
    pub fn new(
        wish: Wish,
        comes_back: bool,
        overlay: &OverlayOptions,
        regions: &RegionOptions,
    ) -> Result<Self, Failure> {
        let (width, height) = wish.camera.size.unwrap_or(LARGEST);
        // Of I420, even sizes, whose halves are the chroma's: not with a black line for what is left over.
        let chain = format!(
            "videoconvert ! videoscale add-borders=false ! video/x-raw,format=I420,pixel-aspect-ratio=1/1,width=[2,{width},2],height=[2,{height},2] \
             ! camoverlay name=camoverlay ! vp8enc name=encoder deadline=1 cpu-used=4 threads=2 end-usage=cbr \
             keyframe-max-dist=300"
        );
        let feed = Feed::new(wish, comes_back, overlay, &chain)?;
        feed.hold_stills()?;
        let element = &feed.overlay;
        regions.configure(element)?;
        if element.has_property("draw-labels") {
            element.set_property("draw-labels", false);
        }
        element.set_property_from_str("post-messages", "none");
        let encoder: gst::Element = camoverlay_programs::find(&feed.pipeline, "encoder")?;
        let beside = Beside::of(element)?;
        element.unlink(&encoder);
        feed.pipeline.add(&beside)?;
        gst::Element::link_many([element, beside.upcast_ref(), &encoder])?;
        let shown = Shown::default();
        shown.follow(&beside, encoder)?;
        Ok(Self {
            encoded: camoverlay_programs::find(&feed.pipeline, "encoded")?,
            feed,
            shown,
        })
    }
}

impl Shown {
    /// Keeps what leaves `beside`, and sets the bit rate of the `encoder` by its size.
    fn follow(&self, beside: &Beside, encoder: gst::Element) -> Result<(), Failure> {
        let pad = beside.static_pad("src");
        let pad = pad.ok_or("An element has lost a pad.")?;
        let slot = Arc::clone(&self.0);
        let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        pad.add_probe(kinds, move |pad, info| {
            if let Some(buffer) = info.buffer()
                && let Some(caps) = pad.current_caps()
            {
                let sample = gst::Sample::builder()
                    .buffer(&buffer.to_owned())
                    .caps(&caps)
                    .build();
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(sample);
            } else if let Some(event) = info.event()
                && let gst::EventView::Caps(caps) = event.view()
                && let Ok(info) = gst_video::VideoInfo::from_caps(caps.caps())
            {
                let bits = (info.width() * info.height()).saturating_mul(BITS);
                let bits = bits.clamp(FEWEST, MOST).cast_signed();
                encoder.set_property("target-bitrate", bits);
            }
            gst::PadProbeReturn::Ok
        });
        Ok(())
    }

    /// The picture that was encoded last, if there is one yet.
    pub fn sample(&self) -> Option<gst::Sample> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The width and height of one of the two, in pixels, if there is one yet.
    pub fn size(&self) -> Option<(u32, u32)> {
        let sample = self.sample()?;
        let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
        Some((info.width() / 2, info.height()))
    }

    /// The picture as a PNG.
    ///
    /// # Errors
    /// There is none yet, or it cannot be encoded.
    pub fn png(&self) -> Result<Vec<u8>, Failure> {
        let shown = self.sample().ok_or("There is nothing to save yet.")?;
        let caps = gst::Caps::builder("image/png").build();
        let png = gst_video::convert_sample(&shown, &caps, Some(gst::ClockTime::from_seconds(10)))?;
        let png = png.buffer().ok_or("The PNG is empty.")?.map_readable()?;
        Ok(png.to_vec())
    }
}
