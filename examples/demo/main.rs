//! Explains a video: `out/demo.mp4` with the overlay, `out/demo.png` as a contact sheet, and a table of what was
//! seen when.
//!
//! ```text
//! demo [--net NICK] [--seconds N] [INPUT]
//! ```
//! INPUT is a file, a camera (/dev/videoN) or a URI; without it the demo makes a clip from two photos. Live input is
//! recorded for N seconds (10); Ctrl-C ends it sooner.

mod clip;
mod moments;
mod pipeline;
mod watch;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use signal_hook::consts::SIGINT;
use signal_hook::flag;

use moments::{Moment, write_sheet};
use pipeline::{Failure, find, launch, wait};
use watch::{Seen, lock, watch};

const USAGE: &str = "usage: demo [--net NICK] [--seconds N] [FILE | /dev/videoN | URI]";

struct Arguments {
    net: String,
    seconds: u64,
    input: Option<String>,
}

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
    let arguments = arguments(std::env::args().skip(1))?;
    gst::init()?;
    std::fs::create_dir_all("out")?;
    let uri = uri(arguments.input.as_deref())?;
    let pipeline = launch(
        "uridecodebin name=input ! queue name=first ! videoconvert \
         ! camoverlay name=overlay ! queue ! videoconvert ! videoscale \
         ! video/x-raw,format=I420,width=[2,65534,2],height=[2,65534,2] \
         ! x264enc speed-preset=veryfast ! mp4mux faststart=true ! filesink location=out/demo.mp4",
    )?;
    find::<gst::Element>(&pipeline, "input")?.set_property("uri", &uri);
    let overlay: gst::Element = find(&pipeline, "overlay")?;
    choose(&overlay, &arguments.net)?;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let (sink, src) = (overlay.static_pad("sink"), overlay.static_pad("src"));
    let (Some(sink), Some(src)) = (sink, src) else {
        return Err("camoverlay has lost its pads.".into());
    };
    watch(&sink, &src, &seen);
    refuse_without_picture(&pipeline)?;

    let outcome = play(&pipeline, &sink, &seen, arguments.seconds);
    let stats = overlay.property::<Option<gst::Structure>>("stats");
    pipeline.set_state(gst::State::Null)?;
    outcome?;

    let seen = lock(&seen);
    let shown = seen.moments.shown();
    write_sheet(&shown, Path::new("out/demo.png"))?;
    print_table(&shown);
    let seconds = seen
        .started
        .map_or(0.0, |started| started.elapsed().as_secs_f64());
    println!(
        "\n{} frames in {seconds:.1} s, {:.1} frames per second, decoding and encoding included.",
        seen.frames,
        seen.frames as f64 / seconds
    );
    if let Some(stats) = stats {
        print_times(&stats);
    }
    println!("Written: out/demo.mp4 (the video) and out/demo.png (originals above overlays).");
    Ok(())
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments, Failure> {
    let mut arguments = Arguments {
        net: "squeezenet".into(),
        seconds: 10,
        input: None,
    };
    while let Some(word) = given.next() {
        match word.as_str() {
            "--net" => arguments.net = given.next().ok_or(USAGE)?,
            "--seconds" => {
                arguments.seconds = given.next().and_then(|n| n.parse().ok()).ok_or(USAGE)?
            }
            option if option.starts_with('-') => return Err(USAGE.into()),
            _ if arguments.input.is_none() => arguments.input = Some(word),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(arguments)
}

/// Sets the property `net`, an enum, to the value called `net`.
fn choose(overlay: &gst::Element, net: &str) -> Result<(), Failure> {
    let property = overlay
        .find_property("net")
        .map(|property| property.value_type());
    let nets = property
        .and_then(glib::EnumClass::with_type)
        .ok_or("camoverlay has no nets.")?;
    let value = nets.to_value_by_nick(net).ok_or_else(|| {
        let nicks = nets
            .values()
            .iter()
            .map(|value| value.nick())
            .collect::<Vec<_>>();
        format!(
            "There is no network called {net}.\nThere are: {}.",
            nicks.join(", ")
        )
    })?;
    overlay.set_property_from_value("net", &value);
    Ok(())
}

/// The URI of what the user gave, or of the demo's own clip, made the first time.
fn uri(input: Option<&str>) -> Result<String, Failure> {
    let file = match input {
        Some(uri) if uri.contains("://") => return Ok(uri.into()),
        Some(camera) if camera.starts_with("/dev/video") => {
            if !Path::new(camera).exists() {
                return Err(format!(
                    "There is no camera {camera}.\nConnected ones are listed by: ls /dev/video*"
                )
                .into());
            }
            return Ok(format!("v4l2://{camera}"));
        }
        Some(file) => Path::new(file),
        None => {
            let clip = Path::new("out/clip.mp4");
            if !clip.exists() {
                eprintln!("Making out/clip.mp4 from two photos");
                let photos = ["examples/media/chelsea.png", "examples/media/coffee.png"];
                clip::make(&photos.map(Path::new), clip)?;
            }
            clip
        }
    };
    let file = file.canonicalize().map_err(|error| {
        format!("{} cannot be read: {error}.\nGive a file that exists, a camera like /dev/video0, or a URI.", file.display())
    })?;
    Ok(glib::filename_to_uri(file, None)?.into())
}

/// Makes input without video an error instead of a pipeline that waits for it.
fn refuse_without_picture(pipeline: &gst::Pipeline) -> Result<(), Failure> {
    let first: gst::Element = find(pipeline, "first")?;
    let input: gst::Element = find(pipeline, "input")?;
    input.connect("no-more-pads", false, move |_| {
        if first.static_pad("sink").is_some_and(|pad| !pad.is_linked()) {
            let hint = "The input has no picture in it.\nGive a video, a camera or an image.";
            gst::element_error!(first, gst::StreamError::WrongType, ("{hint}"));
        }
        None
    });
    Ok(())
}

/// Runs the pipeline to the end of its input, of `seconds` where that is live, or to Ctrl-C.
fn play(
    pipeline: &gst::Pipeline,
    sink: &gst::Pad,
    seen: &Mutex<Seen>,
    seconds: u64,
) -> Result<(), Failure> {
    // An error here is on the bus too, in better words.
    let _ = pipeline.set_state(gst::State::Playing);
    let interrupted = Arc::new(AtomicBool::new(false));
    flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&interrupted))?; // the second Ctrl-C
    flag::register(SIGINT, Arc::clone(&interrupted))?;
    let progress = std::io::stderr().is_terminal();
    let mut ending = false;
    let outcome = wait(pipeline, || {
        let (frames, started) = {
            let seen = lock(seen);
            (seen.frames, seen.started)
        };
        let mut latency = gst::query::Latency::new();
        let live = sink.peer_query(&mut latency) && latency.result().0;
        let elapsed = started.map_or(Duration::ZERO, |started| started.elapsed());
        if !ending
            && (interrupted.load(Ordering::Relaxed)
                || live && elapsed >= Duration::from_secs(seconds))
        {
            ending = true;
            // Sent here, the end comes after the frame that is in work, whatever the source.
            sink.send_event(gst::event::Eos::new());
        }
        if progress && frames > 0 {
            let duration = pipeline.query_duration::<gst::ClockTime>();
            let position = pipeline
                .query_position::<gst::ClockTime>()
                .unwrap_or_default();
            let of = duration
                .filter(|_| !live)
                .map_or(String::new(), |duration| format!(" of {duration:.1}"));
            let rate = frames as f64 / elapsed.as_secs_f64();
            eprint!("\r{position:.1}{of}, frame {frames}, {rate:.1} frames per second ");
            let _ = std::io::stderr().flush();
        }
    });
    if progress {
        eprint!("\r{:78}\r", "");
    }
    outcome
}

/// Milliseconds a frame spends in each step of the element.
fn print_times(stats: &gst::StructureRef) {
    let steps = ["prepare", "infer", "map", "blend"].map(|step| {
        let nanoseconds = stats.get::<u64>(format!("{step}-mean")).unwrap_or(0);
        (step, nanoseconds as f64 / 1e6)
    });
    let total: f64 = steps.iter().map(|(_, time)| time).sum();
    let each = steps
        .map(|(step, time)| format!("{step} {time:.1}"))
        .join(", ");
    println!("camoverlay takes {total:.1} ms a frame: {each}.");
}

fn print_table(moments: &[&Moment]) {
    println!(
        "{:>8}  {:<28}{:<28}{:<28}",
        "time", "first", "second", "third"
    );
    for moment in moments {
        print!("{:>6.1} s  ", moment.time.mseconds() as f64 / 1000.0);
        for (label, score) in &moment.top {
            let name = label.split(',').next().unwrap_or(label);
            print!("{:<28}", format!("{name:.20} {score:.2}"));
        }
        println!();
    }
}
