//! Turning frames as their orientation tag says.

use std::sync::{Mutex, PoisonError};

use gst::prelude::*;

use crate::failure::Failure;
use crate::input::Input;
use crate::track_header;

/// A converter, and behind it what turns frames of `input` as the file says, or their orientation tag. The tag says
/// afterwards that they are upright, which videoflip of GStreamer 1.22 leaves as it was.
///
/// # Errors
/// GStreamer lacks one.
pub fn upright(input: &Input) -> Result<[gst::Element; 2], Failure> {
    let convert = gst::ElementFactory::make("videoconvert").build()?;
    let told = match input {
        Input::File(path) => track_header::direction(path),
        Input::Pipe { .. } | Input::Uri(_) | Input::FirstCamera | Input::Camera(_) => None,
    };
    let flip = gst::ElementFactory::make("videoflip")
        .property_from_str("video-direction", told.unwrap_or("auto"))
        .build()?;
    let exit = flip.static_pad("src").ok_or("videoflip has lost a pad.")?;
    exit.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &mut info.data
            && let gst::EventView::Tag(tag) = event.view()
            && tag.tag().index::<gst::tags::ImageOrientation>(0).is_some()
        {
            let mut tags = tag.tag_owned();
            let turned = tags.make_mut();
            turned.add::<gst::tags::ImageOrientation>(&"rotate-0", gst::TagMergeMode::Replace);
            *event = gst::event::Tag::new(tags);
        }
        gst::PadProbeReturn::Ok
    });
    Ok([convert, flip])
}

/// Holds back what is said of the first frame on `pad` until that frame comes: a turned picture changes its size after
/// its first caps, to which compositor would keep.
pub fn settle(pad: &gst::Pad) {
    let held = Mutex::new(Some(Vec::<gst::Event>::new()));
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(kinds, move |pad, info| {
        // The data is as good after another thread's panic as before it.
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(events) = held.as_mut() else {
            return gst::PadProbeReturn::Remove;
        };
        if let Some(event) = info.event() {
            let kind = event.type_();
            match kind {
                gst::EventType::StreamStart => return gst::PadProbeReturn::Ok,
                gst::EventType::Caps | gst::EventType::Segment | gst::EventType::Tag => {
                    let earlier = events.iter_mut().find(|event| event.type_() == kind);
                    match earlier.filter(|_| kind != gst::EventType::Tag) {
                        Some(earlier) => *earlier = event.clone(),
                        None => events.push(event.clone()),
                    }
                    return gst::PadProbeReturn::Handled;
                }
                _ => {}
            }
        }
        let events = held.take().unwrap_or_default();
        drop(held);
        if let Some(peer) = pad.peer() {
            for event in events {
                // Whoever does not take it does not take the frame either, and says so.
                let _ = peer.send_event(event);
            }
        }
        gst::PadProbeReturn::Ok
    });
}
