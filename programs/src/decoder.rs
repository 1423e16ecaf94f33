//! What reads and decodes a URI.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Once, PoisonError};

use gst::glib;
use gst::prelude::*;

use crate::failure::Failure;

/// A uridecodebin for `uri` that tells how photos are turned, and decodes those that only its lesser decoders can.
///
/// # Errors
/// GStreamer lacks it.
pub fn decoder(uri: &str) -> Result<gst::Element, Failure> {
    prefer();
    let decoder = gst::ElementFactory::make("uridecodebin")
        .property("uri", uri)
        // Those of graphics cards leave frames where camoverlay cannot reach them.
        .property("force-sw-decoders", true)
        .build()?;
    decoder.connect("autoplug-select", false, |values| {
        let caps = values.get(2).and_then(|caps| caps.get::<gst::Caps>().ok());
        let factory = values
            .get(3)
            .and_then(|factory| factory.get::<gst::ElementFactory>().ok());
        let suits = caps
            .zip(factory)
            .is_none_or(|(caps, factory)| suits(&caps, &factory.name()));
        let choice = glib::Type::from_name("GstAutoplugSelectResult")
            .and_then(glib::EnumClass::with_type)?;
        // The one tries the factory, the other skips it.
        choice.to_value_by_nick(if suits { "try" } else { "skip" })
    });
    if let Some(bin) = decoder.downcast_ref::<gst::Bin>() {
        bin.connect_deep_element_added(|_, _, element| {
            if element.factory().is_some_and(|f| f.name() == "avdec_gif") {
                keep_times(element);
            }
        });
    }
    Ok(decoder)
}

/// Has each buffer that leaves `decoder`, which makes one of each, carry the times of the one that entered: libav's decoder of
/// GIF forgets them in GStreamer 1.22, and gives all frames the time of the first.
fn keep_times(decoder: &gst::Element) {
    let (Some(entry), Some(exit)) = (decoder.static_pad("sink"), decoder.static_pad("src")) else {
        return;
    };
    let times = Arc::new(Mutex::new(VecDeque::new()));
    let entered = Arc::clone(&times);
    let entry_types = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_FLUSH;
    entry.add_probe(entry_types, move |_, info| {
        let mut entered = entered.lock().unwrap_or_else(PoisonError::into_inner);
        match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => {
                entered.push_back((buffer.pts(), buffer.duration()));
            }
            // What is on its way is dropped.
            _ => entered.clear(),
        }
        gst::PadProbeReturn::Ok
    });
    exit.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
            && let Some((pts, duration)) = times.pop_front()
        {
            let buffer = buffer.make_mut();
            buffer.set_pts(pts);
            buffer.set_duration(duration);
        }
        gst::PadProbeReturn::Ok
    });
}

/// Has decodebin find the parser of JPEG, which reads the orientation and has no rank in GStreamer 1.22, and decode BMP
/// and TIFF by gdk-pixbuf: libav's decoders want a whole picture in one buffer, which nothing there makes.
fn prefer() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (name, rank) in [
            ("jpegparse", gst::Rank::PRIMARY),
            ("gdkpixbufdec", gst::Rank::MARGINAL + 1),
        ] {
            if let Some(factory) = gst::ElementFactory::find(name)
                && factory.rank() == gst::Rank::NONE
            {
                factory.set_rank(rank);
            }
        }
    });
}

/// Whether decodebin shall try the element called `factory` on `caps`.
fn suits(caps: &gst::CapsRef, factory: &str) -> bool {
    let Some(structure) = caps.structure(0) else {
        return true;
    };
    match factory {
        // The frames of a container are whole as they come.
        "jpegparse" => structure.has_field("sof-marker"),
        // It knows no CMYK; libav's decoder does.
        "jpegdec" => {
            let colours = structure.get::<&str>("colorspace");
            !colours.is_ok_and(|colours| ["CMYK", "YCCK"].contains(&colours))
        }
        _ => true,
    }
}
