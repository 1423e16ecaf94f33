//! What a frame's explanation looks like from outside: metadata on the buffer, a message on the bus.

use gst::glib;

use camoverlay::cam::{ClassMap, Explanation};
use camoverlay::inference::SharedClassifier;
use camoverlay::render::Region;

/// Name under which the metadata is registered, for [`gst::meta::CustomMeta::from_buffer`].
pub const META_NAME: &str = "CamOverlayMeta";

/// Name of the element message's structure.
const MESSAGE_NAME: &str = "camoverlay";

/// The fields that metadata and message share.
///
/// `map` (float32, native endian, row by row) is there with `attach_map` only, `targets` with `further` ones, and `regions` where
/// those of each target are given.
pub fn structure(
    network: &SharedClassifier,
    (explanation, further): (&Explanation, &[Explanation]),
    regions: Option<&[Vec<Region>]>,
    pts: Option<gst::ClockTime>,
    attach_map: bool,
) -> gst::Structure {
    let label = |id| network.labels().get(id).map_or("", |label| &**label);
    let top = &explanation.top;
    let target = &explanation.target;
    let mut structure = gst::Structure::builder(MESSAGE_NAME)
        .field("net", network.name())
        .field("provider", network.provider_nick())
        .field(
            "top-ids",
            gst::Array::new(top.iter().map(|class| class.id as i32)),
        )
        .field(
            "top-labels",
            gst::Array::new(top.iter().map(|class| label(class.id))),
        )
        .field(
            "top-scores",
            gst::Array::new(top.iter().map(|class| f64::from(class.score))),
        )
        .field("target-id", target.id as i32)
        .field("target-label", label(target.id))
        .field("target-score", f64::from(target.score))
        .field("inference-pts", pts.map_or(u64::MAX, |pts| pts.nseconds()))
        .build();
    if let Some(other) = &explanation.other {
        structure.set("versus-id", other.id as i32);
    }
    let all = || [explanation].into_iter().chain(further);
    if !further.is_empty() {
        let targets = all().map(|explanation| {
            let class = &explanation.target;
            let mut target = gst::Structure::builder("target")
                .field("id", class.id as i32)
                .field("label", label(class.id))
                .field("score", f64::from(class.score))
                .build();
            if attach_map {
                set_map(&mut target, &explanation.map);
            }
            target
        });
        structure.set("targets", gst::Array::new(targets));
    }
    if let Some(regions) = regions {
        let boxes = regions
            .iter()
            .zip(all())
            .flat_map(|(regions, explanation)| {
                let class = explanation.target;
                regions.iter().map(move |region| {
                    gst::Structure::builder("region")
                        .field("x", region.x as i32)
                        .field("y", region.y as i32)
                        .field("width", region.width as i32)
                        .field("height", region.height as i32)
                        .field("id", class.id as i32)
                        .field("score", f64::from(class.score))
                        .build()
                })
            });
        structure.set("regions", gst::Array::new(boxes));
    }
    if attach_map {
        set_map(&mut structure, &explanation.map);
    }
    structure
}

/// Adds a class map.
fn set_map(structure: &mut gst::StructureRef, map: &ClassMap) {
    let bytes: Vec<u8> = map
        .values
        .iter()
        .flat_map(|value| value.to_ne_bytes())
        .collect();
    structure.set("map-width", map.width as i32);
    structure.set("map-height", map.height as i32);
    structure.set("map", glib::Bytes::from_owned(bytes));
}

/// Adds a box of what is hot, called as its class is.
pub fn attach_region(buffer: &mut gst::BufferRef, label: &str, region: &Region) {
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    let place = (
        side(region.x),
        side(region.y),
        side(region.width),
        side(region.height),
    );
    gst_video::VideoRegionOfInterestMeta::add(buffer, label, place);
}

/// Field of `CamOverlayMeta` that holds what an element further up has said.
const PREVIOUS: &str = "previous";

/// Most results of earlier elements that a frame carries on: in a loop they would grow for ever.
const MAX_PREVIOUS: usize = 32;

/// Adds `fields` to `buffer` as `CamOverlayMeta`, with what earlier elements have said as its field `previous`, since
/// readers get the first metadata of that name.
pub fn attach(
    buffer: &mut gst::BufferRef,
    fields: &gst::StructureRef,
) -> Result<(), glib::BoolError> {
    let previous = take_previous(buffer)?;
    let mut meta = gst::meta::CustomMeta::add(buffer, META_NAME)?;
    let structure = meta.mut_structure();
    copy_fields(fields, structure);
    if let Some(previous) = previous {
        structure.set(PREVIOUS, previous);
    }
    Ok(())
}

/// Takes the results of earlier elements off `buffer`: the newest, each with the one before it as its field `previous`.
fn take_previous(buffer: &mut gst::BufferRef) -> Result<Option<gst::Structure>, glib::BoolError> {
    let mut results = Vec::new();
    while let Ok(meta) = gst::meta::CustomMeta::from_mut_buffer(buffer, META_NAME) {
        let mut next = Some(meta.structure());
        while let Some(fields) = next.filter(|_| results.len() < MAX_PREVIOUS) {
            let mut result = gst::Structure::new_empty(META_NAME);
            copy_fields(fields, &mut result);
            results.push(result);
            next = fields.get::<&gst::StructureRef>(PREVIOUS).ok();
        }
        meta.remove()?;
    }
    Ok(results.into_iter().rev().reduce(|previous, mut result| {
        result.set(PREVIOUS, previous);
        result
    }))
}

/// Copies what one element has said.
fn copy_fields(from: &gst::StructureRef, to: &mut gst::StructureRef) {
    for (name, value) in from.iter().filter(|(name, _)| *name != PREVIOUS) {
        to.set_value(name, (*value).clone());
    }
}

/// Times of a frame, as its buffer has them.
#[derive(Clone, Copy, Default)]
pub struct Times {
    pub pts: Option<gst::ClockTime>,
    pub duration: Option<gst::ClockTime>,
}

/// The element message: `fields` and the frame's times in `segment`.
pub fn message(
    element: &crate::camoverlay::CamOverlay,
    fields: &gst::StructureRef,
    times: Times,
    segment: &gst::FormattedSegment<gst::ClockTime>,
) -> gst::Message {
    let Times { pts, duration } = times;
    let mut structure = fields.to_owned();
    structure.set("timestamp", pts);
    structure.set("duration", duration);
    structure.set(
        "stream-time",
        pts.and_then(|pts| segment.to_stream_time(pts)),
    );
    structure.set(
        "running-time",
        pts.and_then(|pts| segment.to_running_time(pts)),
    );
    gst::message::Element::builder(structure)
        .src(element)
        .build()
}
