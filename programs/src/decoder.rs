//! What reads and decodes a URI.

use std::sync::Once;

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
    Ok(decoder)
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
