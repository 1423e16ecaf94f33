//! The window: a video sink on whatever display there is, and the keys and the mouse that arrive in it.

use camoverlay_programs::Failure;
use gst::prelude::*;
use gst_video::NavigationEvent;

use crate::pointer::Mouse;

/// Names of the application messages that carry a key and what the mouse does.
const KEY: &str = "key";
const MOUSE: &str = "mouse";

/// A sink that shows a window at once whatever the time stamps say.
///
/// # Errors
/// There is no display, or none that can be opened.
pub fn sink() -> Result<gst::Element, Failure> {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let (x11, wayland) = (is_set("DISPLAY"), is_set("WAYLAND_DISPLAY"));
    if !x11 && !wayland {
        return Err("There is no display to show a window on (neither DISPLAY nor WAYLAND_DISPLAY is set). \
                    Run it on a desktop, or write a file instead, with camoverlay-record."
            .into());
    }
    // Through X11 first, where Wayland's desktops have it too: there, keys are sure to arrive.
    let names = [
        ("xvimagesink", x11),
        ("ximagesink", x11),
        ("glimagesink", wayland),
        ("waylandsink", wayland),
    ];
    let mut found_any = false;
    for (name, _) in names.into_iter().filter(|(_, suits)| *suits) {
        let Ok(sink) = gst::ElementFactory::make(name).name("window").build() else {
            continue;
        };
        found_any = true;
        // To be ready, it opens the display.
        let opens = sink.set_state(gst::State::Ready).is_ok();
        let _ = sink.set_state(gst::State::Null);
        if opens {
            sink.set_property("sync", false);
            return Ok(sink);
        }
    }
    Err(match found_any {
        true => "The display cannot be opened. Is the DISPLAY or WAYLAND_DISPLAY that is set still there, and may this \
                 user use it?",
        false => "GStreamer has no sink for this display. Install its plugins for X11 (Debian: gstreamer1.0-x).",
    }
    .into())
}

/// Posts every key pressed in the window, and every move and click of the mouse, on the bus.
///
/// # Errors
/// The sink has no pad.
pub fn watch(sink: &gst::Element) -> Result<(), Failure> {
    let pad = sink.static_pad("sink").and_then(|pad| pad.peer());
    let pad = pad.ok_or("The window is linked to nothing.")?;
    let sink = sink.downgrade();
    pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        let Some(event) = info.event() else {
            return gst::PadProbeReturn::Ok;
        };
        let Ok(event) = NavigationEvent::parse(event) else {
            return gst::PadProbeReturn::Ok;
        };
        let mouse = |x: f64, y: f64, clicks: bool| {
            let fields = gst::Structure::builder(MOUSE).field("x", x).field("y", y);
            Some(fields.field("clicks", clicks).build())
        };
        let fields = match event {
            NavigationEvent::KeyPress { key, .. } => {
                Some(gst::Structure::builder(KEY).field("name", key).build())
            }
            NavigationEvent::MouseMove { x, y, .. } => mouse(x, y, false),
            NavigationEvent::MouseButtonPress {
                button: 1, x, y, ..
            } => mouse(x, y, true),
            _ => None,
        };
        if let (Some(fields), Some(sink)) = (fields, sink.upgrade()) {
            // Nobody reads the bus of a pipeline that is being taken down.
            let _ = sink.post_message(gst::message::Application::new(fields));
        }
        // Nobody further up knows what to do with a key or the mouse. (Dropped instead, GStreamer 1.22 complains.)
        gst::PadProbeReturn::Handled
    });
    Ok(())
}

/// The key that `message` carries.
pub fn key(message: &gst::MessageRef) -> Option<String> {
    fields(message, KEY)?.get("name").ok()
}

/// What the mouse does, if `message` carries that.
pub fn mouse(message: &gst::MessageRef) -> Option<Mouse> {
    let fields = fields(message, MOUSE)?;
    Some(Mouse {
        x: fields.get("x").ok()?,
        y: fields.get("y").ok()?,
        clicks: fields.get("clicks").ok()?,
    })
}

fn fields<'a>(message: &'a gst::MessageRef, name: &str) -> Option<&'a gst::StructureRef> {
    let gst::MessageView::Application(message) = message.view() else {
        return None;
    };
    message.structure().filter(|fields| fields.name() == name)
}

/// Whether `message` says that the user has closed the window of `sink`.
pub fn is_closed(message: &gst::MessageRef, sink: &gst::Element) -> bool {
    let gst::MessageView::Error(error) = message.view() else {
        return false;
    };
    // Some sinks are bins, and it is an element inside that says so.
    let from_window = error
        .src()
        .is_some_and(|source| source == sink || source.has_as_ancestor(sink));
    from_window && error.error().matches(gst::ResourceError::NotFound)
}
