//! What the mouse asks of the explained picture: which classes are there? Their names stand beside the pointer; a click
//! explains the best one.

use std::sync::{Arc, Mutex, PoisonError};

use gst::glib;
use gst::prelude::*;
use gst_video::NavigationEvent;

use crate::texts;

/// Name of the element's message that answers.
const ANSWER: &str = "camoverlay-at";
/// Classes beside the pointer.
const LINES: usize = 3;
/// The longest of their names, in characters.
const COLUMNS: usize = 30;

/// Where the explained picture lies in the window, on the right of the original and at the bottom, in pixels.
#[derive(Clone, Copy)]
pub struct Area {
    pub left: i32,
    pub top: i32,
    pub width: i32,
    pub height: i32,
    /// Of the texts.
    pub font: i32,
}

/// That, once there is a picture.
pub type Place = Arc<Mutex<Option<Area>>>;

/// Pixels between the pointer and the words.
const GAP: f64 = 16.0;

/// What the mouse does, in pixels of the window's picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mouse {
    pub x: f64,
    pub y: f64,
    pub clicks: bool,
}

pub struct Pointer {
    overlay: gst::Element,
    /// A textoverlay over everything.
    words: gst::Element,
    place: Place,
    /// Where the pointer is, in pixels of the explained picture; none elsewhere.
    at: Option<(f64, f64)>,
    /// Where it has clicked.
    clicked: Option<(f64, f64)>,
}

impl Pointer {
    pub fn new(overlay: &gst::Element, words: &gst::Element, place: &Place) -> Self {
        Self {
            overlay: overlay.clone(),
            words: words.clone(),
            place: Arc::clone(place),
            at: None,
            clicked: None,
        }
    }

    /// Asks for the place to which the mouse has come. Whether the words that stood there have to go.
    pub fn go(&mut self, mouse: Mouse) -> bool {
        let inside = self.area().and_then(|area| {
            let (x, y) = (
                mouse.x - f64::from(area.left),
                mouse.y - f64::from(area.top),
            );
            let is_inside = (0.0..f64::from(area.width)).contains(&x)
                && (0.0..f64::from(area.height)).contains(&y);
            is_inside.then_some((x, y))
        });
        self.at = inside;
        let Some((x, y)) = inside else {
            return self.hide();
        };
        let event = match mouse.clicks {
            true => {
                self.clicked = inside;
                NavigationEvent::new_mouse_button_press(1, x, y)
            }
            false => NavigationEvent::new_mouse_move(x, y),
        };
        if let Some(pad) = self.overlay.static_pad("src") {
            // Who is asked answers on the bus; what is further up knows nothing of a mouse.
            pad.send_event(event.build());
        }
        false
    }

    /// Writes the classes of an answer beside the pointer. The best one, if it was clicked on.
    pub fn answer(&mut self, answer: &gst::StructureRef) -> Option<i32> {
        let place = answer.get("x").ok().zip(answer.get("y").ok());
        let ids: Vec<i32> = array(answer, "ids");
        if let Some(at) = self.at {
            let labels: Vec<String> = array(answer, "labels");
            let classes = labels.iter().zip(array::<f64>(answer, "scores"));
            let lines = classes.take(LINES).map(|(label, score)| {
                let name = label.split(',').next().unwrap_or(label);
                format!("{} {score:.2}", texts::escaped(name, COLUMNS))
            });
            self.show(&lines.collect::<Vec<_>>().join("\n"), at);
        }
        let is_clicked = self.clicked.is_some() && self.clicked == place;
        if is_clicked {
            self.clicked = None;
        }
        ids.first().copied().filter(|_| is_clicked)
    }

    fn area(&self) -> Option<Area> {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes `text` on the side of the pointer on which there is more room.
    fn show(&self, text: &str, (x, y): (f64, f64)) {
        let Some(area) = self.area() else {
            return;
        };
        // As wide as the titles reckon with.
        let columns = text.lines().map(|line| line.chars().count()).max();
        let half = columns.unwrap_or(0) as f64 * f64::from(area.font) * 0.3 + GAP;
        let middle = match x < f64::from(area.width) / 2.0 {
            true => x + half,
            false => x - half,
        };
        let share = |at: f64, whole: i32| (at / f64::from(whole)).clamp(0.0, 1.0);
        let across = share(f64::from(area.left) + middle, area.left + area.width);
        let down = share(f64::from(area.top) + y, area.top + area.height);
        self.words.set_property("text", text);
        self.words.set_property("xpos", across);
        self.words.set_property("ypos", down);
        self.words.set_property("silent", false);
    }

    fn hide(&self) -> bool {
        let was_shown = !self.words.property::<bool>("silent");
        self.words.set_property("silent", true);
        was_shown
    }
}

/// The answer that `message` carries.
pub fn answer(message: &gst::MessageRef) -> Option<&gst::StructureRef> {
    let gst::MessageView::Element(message) = message.view() else {
        return None;
    };
    message.structure().filter(|fields| fields.name() == ANSWER)
}

/// The values of an array field.
fn array<T: for<'a> glib::value::FromValue<'a>>(said: &gst::StructureRef, field: &str) -> Vec<T> {
    let array = said.get::<gst::Array>(field).unwrap_or_default();
    array.iter().filter_map(|value| value.get().ok()).collect()
}
