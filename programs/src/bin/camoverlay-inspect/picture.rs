//! Explains one picture, upright: GStreamer decodes and encodes it, the library does the rest in between.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use camoverlay::Explainer;
use camoverlay::cam::{Explanation, Query};
use camoverlay::faithfulness::Faithfulness;
use camoverlay::frame::{Frame, FrameMut, Geometry, Layout, Orientation, Plane, PlaneMut};
use camoverlay::inference::{Network, resolve, split_targets};
use camoverlay::model::Target;
use camoverlay::preprocess::MAX_TENSOR_PIXELS;
use camoverlay::render::Colormap;
use camoverlay_programs::{self, CameraOptions, Event, Failure, Input, Next, Source, find, launch};
use gst::prelude::*;
use gst_video::prelude::*;
use gstcamoverlay::camoverlay::{presentation, words};

use super::arguments::Arguments;

/// What was found on a picture.
pub struct Found {
    pub explanation: Explanation,
    /// If asked.
    pub faithfulness: Vec<Faithfulness>,
}

/// Explains the picture at `path` and, if asked, writes its overlay.
///
/// # Errors
/// A sentence on why the picture cannot be read, explained or written.
pub fn explain(
    path: &Path,
    arguments: &Arguments,
    explainer: &mut Explainer,
) -> Result<Found, Failure> {
    let query = Query {
        target: target(
            arguments.question.target.as_deref().unwrap_or("top-1"),
            explainer.classifier(),
        )?,
        top_k: arguments.question.top_k.unwrap_or(5) as usize,
        method: arguments.method(),
    };
    camoverlay_programs::start()?;
    let named = Some(path.as_os_str());
    let source = Input::parse(named)?.video(&CameraOptions::default(), &Input::name(named))?;
    let (caps, buffer) = first_frame(&source)?;
    let (found, overlay) = overlay(&caps, buffer, arguments, &query, explainer)?;
    if let Some(output) = &arguments.output {
        write(&caps, &overlay, output)
            .map_err(|why| format!("The overlay {} cannot be written: {why}", output.display()))?;
    }
    Ok(found)
}

/// The first frame that `source` gives, as RGB in square pixels, with its caps; nothing more is read.
fn first_frame(source: &Source) -> Result<(gst::Caps, gst::Buffer), Failure> {
    let pipeline = launch(
        "videoconvert name=first ! videoscale \
         ! video/x-raw,format=RGB,pixel-aspect-ratio=1/1 ! fakesink name=last sync=false",
    )?;
    pipeline.add(&source.element)?;
    source
        .element
        .link(&find::<gst::Element>(&pipeline, "first")?)?;
    let last = find::<gst::Element>(&pipeline, "last")?;
    let pad = last.static_pad("sink").ok_or("A sink has no pad.")?;
    let frame = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&frame);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if let (Some(caps), Some(buffer)) = (pad.current_caps(), info.buffer()) {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            slot.get_or_insert_with(|| (caps, buffer.clone()));
        }
        gst::PadProbeReturn::Ok
    });
    let take = || frame.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut taken = None;
    camoverlay_programs::run(&pipeline, Some(source), |event| {
        taken = taken.take().or_else(take);
        Ok(match event {
            _ if taken.is_some() => Next::Stop,
            Event::Interrupted => return Err("Interrupted.".into()),
            Event::Message(_) | Event::Stalled(_) | Event::Tick => Next::Continue,
        })
    })?;
    taken.or_else(take).ok_or_else(|| source.without_frames())
}

/// Writes `overlay`, a frame of `caps`, as PNG.
fn write(caps: &gst::Caps, overlay: &gst::Buffer, output: &Path) -> Result<(), Failure> {
    let sample = gst::Sample::builder().buffer(overlay).caps(caps).build();
    let png = gst::Caps::builder("image/png").build();
    let png = gst_video::convert_sample(&sample, &png, Some(gst::ClockTime::from_seconds(60)))?;
    let png = png.buffer().ok_or("The PNG is empty.")?.map_readable()?;
    Ok(std::fs::write(output, &*png)?)
}

fn target(text: &str, classifier: &Network) -> Result<Target, String> {
    let rank = text
        .strip_prefix("top-")
        .and_then(|rank| rank.parse::<usize>().ok());
    if let Some(rank) = rank.and_then(|rank| rank.checked_sub(1)) {
        return Ok(Target::Rank(rank));
    }
    let resolved = resolve(text, classifier.labels()).map_err(|error| {
        match split_targets(text).len() > 1 {
            true => "--target names several classes, and camoverlay-inspect explains one at a time. Give one.".to_owned(),
            false => error.to_string(),
        }
    })?;
    if let Some(ambiguity) = resolved.ambiguity {
        eprintln!("{ambiguity}");
    }
    Ok(resolved.target)
}

fn overlay(
    caps: &gst::Caps,
    mut buffer: gst::Buffer,
    arguments: &Arguments,
    query: &Query,
    explainer: &mut Explainer,
) -> Result<(Found, gst::Buffer), String> {
    let info = gst_video::VideoInfo::from_caps(caps).map_err(|error| format!("{error}."))?;
    let geometry = Geometry {
        layout: Layout::RGB,
        width: info.width() as usize,
        height: info.height() as usize,
    };
    let frame = buffer.make_mut();
    let mut frame = gst_video::VideoFrameRef::from_buffer_ref_writable(frame, &info)
        .map_err(|error| format!("{error}."))?;
    let stride = frame.plane_stride()[0].unsigned_abs() as usize;
    let fit = explainer.classifier().fit();
    let (width, height) = fit.size(geometry.width, geometry.height);
    if width.saturating_mul(height) > MAX_TENSOR_PIXELS {
        return Err(format!(
            "The picture of {} x {} is too elongated, or the input size too large: the network would get {width} x \
             {height} pixels, more than {MAX_TENSOR_PIXELS}. Crop the picture, or give a smaller --input-size.",
            geometry.width, geometry.height
        ));
    }
    let data = frame
        .plane_data_mut(0)
        .map_err(|error| format!("{error}."))?;
    // Turned and square already; how its codes stand for light is still to be told.
    let presentation = presentation(&info, Orientation::IDENTITY);
    let picture = Frame::new(geometry, &[Plane { data, stride }]);
    let picture = picture.map_err(|error| error.to_string())?;
    let explanation = explainer
        .explain(&picture.presented(presentation), query)
        .map_err(|error| words::of_error(&error))?;
    let faithfulness = if arguments.faithfulness {
        let methods = arguments.methods(explainer.classifier().traits());
        explainer
            .faithfulness(&picture.presented(presentation), query, &methods)
            .map_err(|error| words::of_error(&error))?
    } else {
        Vec::new()
    };
    let picture = FrameMut::new(geometry, [PlaneMut { data, stride }]);
    let picture = picture.map_err(|error| error.to_string())?;
    explanation.paint(
        &mut picture.presented(presentation),
        arguments.question.threshold.unwrap_or(0.2),
        &Colormap::default(),
    );
    drop(frame);
    let found = Found {
        explanation,
        faithfulness,
    };
    Ok((found, buffer))
}
