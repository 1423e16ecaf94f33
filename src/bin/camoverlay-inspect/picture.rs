//! Explains one picture: GStreamer decodes and encodes it, the library does the rest in between.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;
use gst_video::prelude::*;
use gstcamoverlay::explain::{Explanation, Request};
use gstcamoverlay::network::{Classifier, Target, resolve};
use gstcamoverlay::picture::{
    Geometry, Layout, MAX_TENSOR_PIXELS, MapView, Painter, Plane, PlaneMut, Sampler,
};

use super::arguments::Arguments;

/// Explains the picture at `path` and, if asked, writes its overlay.
///
/// # Errors
/// A sentence on why the picture cannot be read, explained or written.
pub fn explain(
    path: &Path,
    arguments: &Arguments,
    classifier: &mut Classifier,
) -> Result<Explanation, String> {
    let request = Request {
        target: target(
            arguments.question.target.as_deref().unwrap_or("top-1"),
            classifier,
        )?,
        top_k: arguments.question.top_k.unwrap_or(5) as usize,
        method: arguments.method(),
    };
    gst::init().map_err(|error| format!("GStreamer does not start: {error}."))?;
    let decoded = Arc::new(Mutex::new(None));
    let slot = decoded.clone();
    let played = play(path, None, move |caps, buffer| {
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some((caps, buffer.clone()));
        buffer
    });
    let unreadable = |why: String| format!("{} cannot be read as a picture: {why}", path.display());
    played.map_err(unreadable)?;
    let frame = decoded
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let (caps, buffer) = frame.ok_or_else(|| unreadable("it holds no frame.".to_owned()))?;
    let (explanation, overlay) = overlay(&caps, buffer, arguments, &request, classifier)?;
    if let Some(output) = &arguments.output {
        play(path, Some(output), move |_, _| overlay.clone())
            .map_err(|why| format!("The overlay {} cannot be written: {why}", output.display()))?;
    }
    Ok(explanation)
}

/// Decodes the picture at `path` to RGB, replaces it by what `exchange` makes of it, and writes
/// that to `output` if there is one.
fn play(
    path: &Path,
    output: Option<&Path>,
    exchange: impl Fn(gst::Caps, gst::Buffer) -> gst::Buffer + Send + Sync + 'static,
) -> Result<(), String> {
    let pipeline = pipeline(path, output)?;
    let pad = pipeline
        .by_name("frame")
        .and_then(|element| element.static_pad("src"))
        .ok_or("the pipeline has no frame.")?;
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if let (Some(caps), Some(buffer)) = (pad.current_caps(), info.buffer()) {
            let exchanged = exchange(caps, buffer.clone());
            info.data = Some(gst::PadProbeData::Buffer(exchanged));
        }
        gst::PadProbeReturn::Ok
    });
    // A failure to start is told on the bus as well.
    let _ = pipeline.set_state(gst::State::Playing);
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = pipeline
        .bus()
        .and_then(|bus| bus.timed_pop_filtered(None, &kinds));
    let _ = pipeline.set_state(gst::State::Null);
    match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Error(error)) => Err(error.error().message().to_owned()),
        _ => Ok(()),
    }
}

fn target(text: &str, classifier: &Classifier) -> Result<Target, String> {
    let rank = text
        .strip_prefix("top-")
        .and_then(|rank| rank.parse::<usize>().ok());
    if let Some(rank) = rank.and_then(|rank| rank.checked_sub(1)) {
        return Ok(Target::Rank(rank));
    }
    let resolved = resolve(text, classifier.labels()).map_err(|error| error.to_string())?;
    if let Some(ambiguity) = resolved.ambiguity {
        eprintln!("{ambiguity}");
    }
    Ok(resolved.target)
}

fn pipeline(path: &Path, output: Option<&Path>) -> Result<gst::Pipeline, String> {
    let sink = match output {
        Some(_) => "videoconvert ! pngenc snapshot=true ! filesink name=output",
        None => "fakesink",
    };
    let description = format!(
        "filesrc name=input ! decodebin ! videoconvert ! video/x-raw,format=RGB ! identity name=frame ! {sink}"
    );
    let pipeline = gst::parse::launch(&description)
        .map_err(|error| format!("A GStreamer element is missing: {}.", error.message()))?
        .downcast::<gst::Pipeline>()
        .map_err(|_| "The description is not a pipeline.".to_owned())?;
    for (name, path) in [("input", Some(path)), ("output", output)] {
        if let (Some(element), Some(path)) = (pipeline.by_name(name), path) {
            element.set_property("location", path);
        }
    }
    Ok(pipeline)
}

fn overlay(
    caps: &gst::Caps,
    mut buffer: gst::Buffer,
    arguments: &Arguments,
    request: &Request,
    classifier: &mut Classifier,
) -> Result<(Explanation, gst::Buffer), String> {
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
    let fit = classifier.fit();
    let (width, height) = fit.size(geometry.width, geometry.height);
    if width.saturating_mul(height) > MAX_TENSOR_PIXELS {
        return Err(format!(
            "The picture of {} x {} is too elongated, or the input size too large: the network would get {width} x \
             {height} pixels, more than {MAX_TENSOR_PIXELS}. Crop the picture, or give a smaller --input-size.",
            geometry.width, geometry.height
        ));
    }
    let mut tensor = vec![0.0; 3 * width * height];
    let data = frame
        .plane_data_mut(0)
        .map_err(|error| format!("{error}."))?;
    Sampler::new(&geometry, fit, &classifier.normalization())
        .sample(&[Plane { data, stride }], &mut tensor);
    let mut explanation = Explanation::default();
    let words = |error: gstcamoverlay::network::Error| error.to_string();
    let activation = classifier
        .run(
            &tensor,
            width,
            height,
            request.target,
            request.method.detail(),
        )
        .map_err(words)?;
    explanation.update(&activation, request).map_err(words)?;
    let map = &explanation.map;
    let mut painter = Painter::new(&geometry);
    painter.set_map(
        MapView {
            values: &map.values,
            width: map.width,
            height: map.height,
        },
        arguments.question.threshold.unwrap_or(0.2),
    );
    painter.paint(&mut [PlaneMut { data, stride }]);
    drop(frame);
    Ok((explanation, buffer))
}
