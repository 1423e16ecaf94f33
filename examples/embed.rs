//! An application with a pipeline of its own: it reads what the element found from the buffers and draws it its own
//! way, a box around what made the network decide, into the untouched picture.
//!
//! ```text
//! eval "$(make -s env)"
//! cargo run --release --example embed -- examples/media/chelsea.png out/embed.mp4
//! ```

use std::error::Error;

use gst::{glib, prelude::*};
use gst_video::prelude::*;

/// Cells of the class map above this share of its maximum are inside the box.
const HOT: f32 = 0.5;

/// Left, top, right, bottom, as shares (0..1) of the picture.
type Box4 = [f64; 4];

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> std::process::ExitCode {
    match run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output] = &arguments[..] else {
        return Err("usage: embed INPUT OUTPUT.mp4".into());
    };
    if let Some(folder) = std::path::Path::new(output).parent() {
        std::fs::create_dir_all(folder)?;
    }
    gst::init()?;
    // The element paints in place; the tee keeps the untouched frames for us.
    let pipeline = gst::parse::launch(
        "filesrc name=input ! decodebin ! videoconvert ! video/x-raw,format=RGB ! tee name=frames \
         frames. ! queue ! appsink name=originals sync=false max-buffers=2 \
         frames. ! queue ! camoverlay attach-map=true ! appsink name=explained sync=false \
         appsrc name=boxes format=time block=true max-buffers=2 ! videoconvert ! videoscale \
         ! video/x-raw,format=I420,width=[2,65534,2],height=[2,65534,2] \
         ! x264enc ! mp4mux ! filesink name=output async=false",
    )?;
    let pipeline: gst::Pipeline = pipeline.downcast().map_err(|_| "not a pipeline")?;
    find::<gst::Element>(&pipeline, "input")?.set_property("location", input);
    find::<gst::Element>(&pipeline, "output")?.set_property("location", output);
    let originals: gst_app::AppSink = find(&pipeline, "originals")?;
    let boxes: gst_app::AppSrc = find(&pipeline, "boxes")?;
    let end = boxes.clone();
    find::<gst_app::AppSink>(&pipeline, "explained")?.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |explained| {
                let explained = explained.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                // Both branches carry the same frames in the same order.
                let original = originals.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let boxed = draw(&explained, &original).map_err(|error| {
                    gst::element_error!(originals, gst::StreamError::Failed, ("{error}"));
                    gst::FlowError::Error
                })?;
                boxes.push_sample(&boxed)
            })
            .eos(move |_| {
                let _ = end.end_of_stream(); // fails only where the pipeline stops already
            })
            .build(),
    );

    // Why a state change fails is on the bus, in better words.
    let _ = pipeline.set_state(gst::State::Playing);
    let bus = pipeline.bus().ok_or("the pipeline has no bus")?;
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = bus.timed_pop_filtered(gst::ClockTime::NONE, &kinds);
    pipeline.set_state(gst::State::Null)?;
    match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Error(error)) => Err(error.error().message().into()),
        _ => Ok(()),
    }
}

fn find<T: IsA<gst::Object>>(pipeline: &gst::Pipeline, name: &str) -> Result<T, Failure> {
    let element = pipeline
        .by_name(name)
        .and_then(|element| element.dynamic_cast().ok());
    element.ok_or_else(|| format!("the pipeline has no {name}").into())
}

/// `original` with a box where `explained`, the same frame, was hot.
fn draw(explained: &gst::Sample, original: &gst::Sample) -> Result<gst::Sample, Failure> {
    let buffer = explained.buffer().ok_or("a sample without a buffer")?;
    let meta = gst::meta::CustomMeta::from_buffer(buffer, "CamOverlayMeta")?;
    let fields = meta.structure();
    let place = hot_box(fields)?;
    // Stream time starts at 0, whatever the first timestamp.
    let segment = explained.segment().and_then(|s| s.downcast_ref());
    let time = segment
        .and_then(|s: &gst::FormattedSegment<gst::ClockTime>| s.to_stream_time(buffer.pts()));
    println!(
        "{:.2} s: {} ({:.2}) {}",
        time.unwrap_or_default().mseconds() as f64 / 1000.0,
        fields.get::<&str>("target-label")?,
        fields.get::<f64>("target-score")?,
        place.map_or("nowhere".into(), |[left, top, right, bottom]| format!(
            "from ({left:.2}, {top:.2}) to ({right:.2}, {bottom:.2})"
        )),
    );
    with_box(original, place)
}

/// Where the class map (`map-height` rows of `map-width` float32) is hot; `None` where nothing speaks for the class.
fn hot_box(fields: &gst::StructureRef) -> Result<Option<Box4>, Failure> {
    let width = fields.get::<i32>("map-width")? as usize;
    let height = fields.get::<i32>("map-height")? as usize;
    let bytes = fields.get::<glib::Bytes>("map")?;
    let map: Vec<f32> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|value| f32::from_ne_bytes(*value))
        .collect();
    let hottest = map.iter().copied().fold(0.0, f32::max);
    let hot = (0..map.len()).filter(|&i| hottest > 0.0 && map[i] >= HOT * hottest);
    let cells = hot.map(|i| (i % width, i / width));
    let around = cells.fold(None, |around, (x, y)| {
        let (left, top, right, bottom) = around.unwrap_or((x, y, x, y));
        Some((left.min(x), top.min(y), right.max(x), bottom.max(y)))
    });
    Ok(around.map(|(left, top, right, bottom)| {
        [
            left as f64 / width as f64,
            top as f64 / height as f64,
            (right + 1) as f64 / width as f64,
            (bottom + 1) as f64 / height as f64,
        ]
    }))
}

/// `sample` with the outline of `place` drawn into it.
fn with_box(sample: &gst::Sample, place: Option<Box4>) -> Result<gst::Sample, Failure> {
    let info = gst_video::VideoInfo::from_caps(sample.caps().ok_or("a sample without caps")?)?;
    let mut buffer = sample.buffer_owned().ok_or("a sample without a buffer")?;
    if let Some([left, top, right, bottom]) = place {
        // The other branch may still read this frame: make_mut copies it then.
        let mut frame =
            gst_video::VideoFrameRef::from_buffer_ref_writable(buffer.make_mut(), &info)?;
        let (width, height) = (info.width() as usize, info.height() as usize);
        let thickness = (height / 100).max(2);
        let stride = frame.plane_stride()[0] as usize;
        let columns = (left * width as f64) as usize..(right * width as f64) as usize;
        let rows = (top * height as f64) as usize..(bottom * height as f64) as usize;
        let pixels = frame.plane_data_mut(0)?;
        for y in rows.clone() {
            for x in columns.clone() {
                let to_edge = [
                    x - columns.start,
                    columns.end - 1 - x,
                    y - rows.start,
                    rows.end - 1 - y,
                ];
                if to_edge.iter().any(|distance| *distance < thickness) {
                    pixels[y * stride + 3 * x..][..3].copy_from_slice(&[255, 220, 0]);
                }
            }
        }
    }
    Ok(gst::Sample::builder()
        .buffer(&buffer)
        .caps(&info.to_caps()?)
        .build())
}
