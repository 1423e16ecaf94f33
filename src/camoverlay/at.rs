//! Which classes a place of the last frame speaks for: the action signal `classes-at`, and navigation events.

use std::sync::{Arc, Mutex};

use gst::{glib, prelude::*, subclass::prelude::*};
use gst_video::NavigationEvent;

use super::imp::{CamOverlay, lock};
use super::log::CAT;
use camoverlay::cam;
use camoverlay::frame::Orientation;
use camoverlay::inference::{KeptRun, SharedClassifier};
use camoverlay::preprocess::Placement;
use camoverlay::render::CellGrid;

/// Name of the message that answers a mouse.
const MESSAGE_NAME: &str = "camoverlay-at";

/// The last frame that the network saw.
#[derive(Default)]
pub struct LastRun {
    /// What the network returned.
    pub kept: KeptRun,
    pub view: Option<View>,
}

/// How a frame lies in the network's map.
pub struct View {
    pub network: Arc<SharedClassifier>,
    pub top_k: usize,
    /// Width and height of the frame as it is stored.
    pub frame: (usize, usize),
    pub orientation: Orientation,
    /// Where it lies in the tensor, upright, whose cells tile that unless they lie as `grid` says.
    pub placement: Placement,
    pub grid: Option<CellGrid>,
}

pub type Shared = Arc<Mutex<LastRun>>;

impl View {
    /// The place of a pixel of the stored frame in a map of `cells`, width and height, in cells from its left and top edge.
    /// None outside of what the network saw.
    fn place(&self, (x, y): (f64, f64), cells: (usize, usize)) -> Option<(f64, f64)> {
        let (width, height) = (self.frame.0 as f64, self.frame.1 as f64);
        if !((0.0..width).contains(&x) && (0.0..height).contains(&y)) {
            return None;
        }
        let x = if self.orientation.mirrored_x {
            width - x
        } else {
            x
        };
        let y = if self.orientation.mirrored_y {
            height - y
        } else {
            y
        };
        let (x, y) = self.orientation.sides((x, y));
        let upright = self.orientation.sides((width, height));
        let in_tensor = |[start, end]: [f64; 2], at: f64, length: f64| {
            let place = start + (end - start) * at / length;
            (0.0..=1.0).contains(&place).then_some(place)
        };
        let across = in_tensor(self.placement.across, x, upright.0)?;
        let down = in_tensor(self.placement.down, y, upright.1)?;
        Some(match &self.grid {
            Some(grid) => (grid.across.cell(x), grid.down.cell(y)),
            None => (across * cells.0 as f64, down * cells.1 as f64),
        })
    }
}

impl LastRun {
    /// The fields of an answer.
    fn classes_at(&self, x: f64, y: f64) -> Result<gst::Structure, String> {
        let view = self.view.as_ref().ok_or("no frame was explained yet")?;
        let features = self.kept.features().ok_or("no frame was explained yet")?;
        let cells = (features.width, features.height);
        let place = view
            .place((x, y), cells)
            .ok_or_else(|| format!("the network did not see the frame at {x}, {y}"))?;
        let network = &view.network;
        let classes = cam::classes_at(
            &features,
            network.head(),
            network.scores(),
            place,
            view.top_k,
        );
        let classes =
            classes.ok_or("the head has layers between which features do not add up to logits")?;
        let label = |id: usize| view.network.labels().get(id).map_or("", |label| &**label);
        Ok(gst::Structure::builder(MESSAGE_NAME)
            .field("x", x)
            .field("y", y)
            .field(
                "ids",
                gst::Array::new(classes.iter().map(|class| class.id as i32)),
            )
            .field(
                "labels",
                gst::Array::new(classes.iter().map(|class| label(class.id))),
            )
            .field(
                "scores",
                gst::Array::new(classes.iter().map(|class| f64::from(class.score))),
            )
            .build())
    }
}

/// The action signal.
pub fn signal() -> glib::subclass::Signal {
    glib::subclass::Signal::builder("classes-at")
        .param_types([f64::static_type(), f64::static_type()])
        .return_type::<Option<gst::Structure>>()
        .action()
        .class_handler(|arguments| {
            let element: super::CamOverlay = arguments.first()?.get().ok()?;
            let (x, y) = (arguments.get(1)?.get().ok()?, arguments.get(2)?.get().ok()?);
            Some(element.imp().classes_at(x, y).to_value())
        })
        .build()
}

impl CamOverlay {
    /// Which classes the last frame speaks for at a place, in pixels of the frame as it is stored, if that can be told.
    pub fn classes_at(&self, x: f64, y: f64) -> Option<gst::Structure> {
        let last = lock(&self.last_run).clone()?;
        let answer = lock(&last).classes_at(x, y);
        answer
            .map_err(|why| gst::info!(CAT, imp = self, "no classes at {x}, {y}: {why}"))
            .ok()
    }

    /// Answers a mouse that moves or clicks on the picture.
    pub fn navigate(&self, event: &gst::EventRef) {
        let place = match NavigationEvent::parse(event) {
            Ok(NavigationEvent::MouseMove { x, y, .. }) => (x, y),
            Ok(NavigationEvent::MouseButtonPress { x, y, .. }) => (x, y),
            _ => return,
        };
        if let Some(answer) = self.classes_at(place.0, place.1) {
            let obj = self.obj();
            let message = gst::message::Element::builder(answer).src(&*obj).build();
            // A bus that is flushing takes none.
            let _ = obj.post_message(message);
        }
    }
}
