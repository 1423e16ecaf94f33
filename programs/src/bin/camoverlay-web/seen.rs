//! What the network sees, from the frames that the browsers get.

use camoverlay_programs::Failure;
use gst::glib;
use gst::prelude::*;
use gstcamoverlay::camoverlay::META_NAME;
use serde::Serialize;
use tokio::sync::watch;

/// What is said of the newest explained frame, with the fields of `CamOverlayMeta`.
pub type Seen = watch::Receiver<Option<gst::Structure>>;

/// Follows what `overlay` says of its frames.
///
/// # Errors
/// It has no pad.
pub fn follow(overlay: &gst::Element) -> Result<Seen, Failure> {
    let (sender, seen) = watch::channel(None);
    let pad = overlay.static_pad("src");
    let pad = pad.ok_or("camoverlay has lost a pad.")?;
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if sender.receiver_count() > 1
            && let Some(buffer) = info.buffer()
            && let Ok(meta) = gst::meta::CustomMeta::from_buffer(buffer, META_NAME)
        {
            sender.send_replace(Some(meta.structure().to_owned()));
        }
        gst::PadProbeReturn::Ok
    });
    Ok(seen)
}

/// A class, and how likely it is.
#[derive(Debug, PartialEq, Serialize)]
pub struct Class {
    pub id: i32,
    pub label: String,
    /// 0..1.
    pub score: f64,
}

/// A box of what is hot, in pixels of one picture.
#[derive(Serialize)]
struct Region {
    x: i32,
    y: i32,
    width: i32,
    height: i32,
    id: i32,
}

/// What a page is told of a frame.
#[derive(Serialize)]
pub struct Told {
    top: Vec<Class>,
    /// Those that are explained.
    targets: Vec<Class>,
    /// The class that they are explained against.
    versus: Option<i32>,
    regions: Vec<Region>,
    /// Width and height of one picture, in pixels.
    size: Option<(u32, u32)>,
}

impl Told {
    /// From the fields of `CamOverlayMeta`, of a frame of `size`.
    pub fn new(said: &gst::StructureRef, size: Option<(u32, u32)>) -> Self {
        let of_one = || {
            Some(Class {
                id: said.get("target-id").ok()?,
                label: said.get("target-label").ok()?,
                score: said.get("target-score").ok()?,
            })
        };
        let several = structures(said, "targets");
        let several = several.iter().filter_map(|target| {
            Some(Class {
                id: target.get("id").ok()?,
                label: target.get("label").ok()?,
                score: target.get("score").ok()?,
            })
        });
        let mut targets: Vec<Class> = several.collect();
        if targets.is_empty() {
            targets.extend(of_one());
        }
        let regions = structures(said, "regions");
        let regions = regions.iter().filter_map(|region| {
            let side = |name| region.get(name).ok();
            Some(Region {
                x: side("x")?,
                y: side("y")?,
                width: side("width")?,
                height: side("height")?,
                id: side("id")?,
            })
        });
        Self {
            top: classes(said, "top-"),
            targets,
            versus: said.get("versus-id").ok(),
            regions: regions.collect(),
            size,
        }
    }
}

/// The classes in the arrays `ids`, `labels` and `scores` of `said`, whose names begin with `prefix`.
pub fn classes(said: &gst::StructureRef, prefix: &str) -> Vec<Class> {
    let ids = array(said, &format!("{prefix}ids")).into_iter();
    let classes = ids
        .zip(array(said, &format!("{prefix}labels")))
        .zip(array(said, &format!("{prefix}scores")));
    classes
        .map(|((id, label), score)| Class { id, label, score })
        .collect()
}

fn structures(said: &gst::StructureRef, field: &str) -> Vec<gst::Structure> {
    array(said, field)
}

/// The values of an array field.
fn array<T: for<'a> glib::value::FromValue<'a>>(said: &gst::StructureRef, field: &str) -> Vec<T> {
    let array = said.get::<gst::Array>(field).unwrap_or_default();
    array.iter().filter_map(|value| value.get().ok()).collect()
}
