//! The pipeline: every frame once as it is, once as the classifier sees it, side by side under two titles.
//!
//! ```text
//! input ─▶ convert, scale ─▶ clock ─▶ queue ─▶ gate ─▶ tee ─▶ ─────────────── box ─▶ text ─▶ compositor ─▶ keys ─▶ window
//!                                                       └───▶ camoverlay ─▶ box ─▶ text ─────┘
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use camoverlay_programs::{Failure, find, launch};
use gst::prelude::*;

use crate::gate::{self, Gate};
use crate::pointer::{Area, Place};

/// Largest picture of the two, unless the user asks for a size: both fit beside each other on a usual screen.
const LARGEST: (i32, i32) = (640, 480);
/// Most lines that a title has room for.
const LINES_MAX: i32 = 8;

/// Where the texts go over a picture of `width` pixels, for so many lines above it.
struct Layout {
    /// Pixels.
    font: i32,
    /// Pixels above the picture.
    band: i32,
    /// Characters that are sure to fit beside each other over one picture.
    columns: usize,
}

impl Layout {
    fn new(width: i32, lines: i32) -> Self {
        let font = (width / 28).clamp(9, 22);
        Self {
            font,
            band: lines * font * 13 / 10 + font,
            columns: usize::try_from(10 * (width - font) / (6 * font)).unwrap_or(0),
        }
    }
}

pub struct Stage {
    pub pipeline: gst::Pipeline,
    pub overlay: gst::Element,
    pub gate: Arc<Gate>,
    /// Text above the original, text above the overlay, text over everything.
    pub left: gst::Element,
    pub right: gst::Element,
    pub middle: gst::Element,
    /// Text beside the pointer.
    pub beside: gst::Element,
    /// Where the overlay lies.
    pub place: Place,
    /// Characters that fit above one picture; 0 before the first.
    pub columns: Arc<AtomicUsize>,
    /// The last frame that went to the window, for the PNG.
    shown: Arc<Mutex<Option<gst::Sample>>>,
}

impl Stage {
    /// `restless` is said of the [`Gate`].
    ///
    /// # Errors
    /// An element that is not installed.
    pub fn new(
        input: &gst::Element,
        overlay: &gst::Element,
        sink: &gst::Element,
        size: Option<(i32, i32)>,
        restless: bool,
    ) -> Result<Self, Failure> {
        let (width, height) = size.unwrap_or(LARGEST);
        let title = "textoverlay wait-text=false auto-resize=false wrap-mode=none draw-shadow=false draw-outline=false \
                     halignment=left valignment=top line-alignment=left";
        let caps = gate::CAPS;
        let pipeline = launch(&format!(
            "videoconvert name=first ! videoscale \
             ! video/x-raw,format=BGRx,pixel-aspect-ratio=1/1,width=[1,{width}],height=[1,{height}] \
             ! clocksync name=clock ! queue name=waiting leaky=downstream max-size-buffers=1 \
             ! capssetter caps={caps} ! tee name=both \
             both. ! queue max-size-buffers=2 ! videobox name=box-left ! {title} name=left ! canvas.sink_0 \
             both. ! queue name=seen max-size-buffers=2 \
             videobox name=box-right ! {title} name=right ! canvas.sink_1 \
             compositor name=canvas ! video/x-raw,format=BGRx \
             ! textoverlay name=middle wait-text=false auto-resize=false wrap-mode=none shaded-background=true \
             draw-shadow=false halignment=center valignment=center line-alignment=left silent=true \
             ! textoverlay name=beside wait-text=false auto-resize=false wrap-mode=none shaded-background=true \
             draw-shadow=false halignment=position valignment=position line-alignment=left silent=true \
             ! videoconvert name=last"
        ))?;
        let element = |name| find::<gst::Element>(&pipeline, name);
        pipeline.add_many([input, overlay, sink])?;
        input.link(&element("first")?)?;
        gst::Element::link_many([&element("seen")?, overlay, &element("box-right")?])?;
        element("last")?.link(sink)?;

        let lines = i32::try_from(overlay.property::<u32>("top-k")).unwrap_or(LINES_MAX);
        let lines = lines.clamp(3, LINES_MAX);
        let columns = Arc::new(AtomicUsize::new(0));
        let texts = [
            element("left")?,
            element("right")?,
            element("middle")?,
            element("beside")?,
        ];
        let place = Place::default();
        let boxes = [element("box-left")?, element("box-right")?];
        let second = element("canvas")?
            .static_pad("sink_1")
            .ok_or("The compositor has lost a pad.")?;
        let fitting = Arc::clone(&columns);
        let arrange = {
            let (texts, place) = (texts.clone(), Arc::clone(&place));
            move |caps: &gst::CapsRef| {
                let caps = caps.structure(0);
                let side = |name| caps.and_then(|caps| caps.get::<i32>(name).ok());
                let (Some(width), Some(height)) = (side("width"), side("height")) else {
                    return;
                };
                let layout = Layout::new(width, lines);
                fitting.store(layout.columns, Ordering::Relaxed);
                *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(Area {
                    left: width,
                    top: layout.band,
                    width,
                    height,
                    font: layout.font,
                });
                second.set_property("xpos", width);
                for element in &boxes {
                    element.set_property("top", -layout.band);
                }
                for text in &texts {
                    text.set_property("font-desc", format!("Sans {}px", layout.font));
                    text.set_property("xpad", layout.font / 2);
                    text.set_property("ypad", layout.font / 2);
                }
            }
        };
        let gate = Gate::behind(element("clock")?, element("waiting")?, restless, arrange)?;
        let shown = Arc::new(Mutex::new(None));
        let last = element("last")?
            .static_pad("sink")
            .ok_or("A converter has no pad.")?;
        let slot = Arc::clone(&shown);
        last.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if let (Some(buffer), Some(caps)) = (info.buffer(), pad.current_caps()) {
                let sample = gst::Sample::builder().buffer(buffer).caps(&caps).build();
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(sample);
            }
            gst::PadProbeReturn::Ok
        });
        let [left, right, middle, beside] = texts;
        Ok(Self {
            pipeline,
            overlay: overlay.clone(),
            gate,
            left,
            right,
            middle,
            beside,
            place,
            columns,
            shown,
        })
    }

    /// What the window shows, if anything yet.
    pub fn shown(&self) -> Option<gst::Sample> {
        self.shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
