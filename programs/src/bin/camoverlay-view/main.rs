//! Shows a video and, beside it, what a classifier sees in it.

mod arguments;
mod controls;
mod find;
mod gate;
mod keys;
mod photo;
mod pointer;
mod stage;
mod texts;
mod window;

use camoverlay::inference::SharedClassifier;
use camoverlay_programs::{self, Event, Failure, Input, Next, print};
use gst::prelude::*;
use gstcamoverlay::camoverlay::CamOverlay;

use arguments::Arguments;
use controls::Controls;
use stage::Stage;

fn main() {
    camoverlay_programs::main(run)
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    camoverlay_programs::start()?;
    if arguments.list {
        return list();
    }
    gst::glib::set_application_name("camoverlay-view");
    let overlay = overlay(&arguments)?;
    let named = arguments.input.as_deref();
    let input = Input::parse(named)?.video(&arguments.camera, &Input::name(named))?;
    let sink = window::sink()?;
    // Held for the labels, and shared with the element.
    let network = overlay
        .downcast_ref::<CamOverlay>()
        .ok_or("camoverlay is another element here.")?;
    let network = SharedClassifier::open(&network.options())?;
    let restless = arguments.overlay.inference.as_deref() == Some("latest");
    let stage = Stage::new(
        &input.element,
        &overlay,
        &sink,
        arguments.camera.size,
        restless,
    )?;
    window::watch(&sink)?;
    let pipeline = stage.pipeline.clone();
    let mut controls = Controls::new(stage, network, !arguments.overlay.no_labels)?;
    camoverlay_programs::run(&pipeline, Some(&input), |event| {
        Ok(match event {
            Event::Message(message) if window::is_closed(message, &sink) => Next::Stop,
            Event::Message(message) => {
                if let Some(mouse) = window::mouse(message) {
                    controls.point(mouse);
                } else if let Some(answer) = pointer::answer(message) {
                    controls.tell(answer);
                }
                match window::key(message) {
                    Some(key) => controls.press(&key),
                    None => Next::Continue,
                }
            }
            Event::Tick => {
                controls.fit();
                Next::Continue
            }
            Event::Interrupted => Next::Stop,
            Event::Stalled(_) => Next::Continue,
        })
    })
}

/// The element, with its labels left to the title and every frame explained in its own time.
fn overlay(arguments: &Arguments) -> Result<gst::Element, Failure> {
    let overlay = arguments.overlay.element()?;
    if overlay.has_property("draw-labels") {
        overlay.set_property("draw-labels", false);
    }
    overlay.set_property("qos", false);
    overlay.set_property_from_str("post-messages", "none");
    Ok(overlay)
}

fn list() -> Result<(), Failure> {
    let cameras = camoverlay_programs::cameras()?;
    if cameras.is_empty() {
        return print(&format!("{}\n", camoverlay_programs::no_camera()));
    }
    let mut list = String::new();
    for camera in cameras {
        let fields = camera.properties();
        let path = ["api.v4l2.path", "device.path", "object.path"]
            .iter()
            .find_map(|key| fields.as_ref()?.get::<String>(*key).ok());
        let path = path.unwrap_or_default();
        list.push_str(&format!("{path}  {}\n", camera.display_name()));
    }
    print(&list)
}
