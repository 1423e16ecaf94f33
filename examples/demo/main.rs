//! Explains a video: `out/demo.mp4` with the overlay, `out/demo.png` as a contact sheet, and a table of what was
//! seen when.
//!
//! ```text
//! demo [--net NICK] [--seconds N] [INPUT]
//! ```
//! INPUT is a file, a camera (/dev/videoN) or a URI; without it the demo makes a clip from two photos. Live input is
//! recorded for N seconds (10); Ctrl-C ends it sooner. Command line, input and running are the installed programs' own.

mod clip;
mod moments;
mod watch;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camoverlay_programs::{
    self, CameraOptions, Event, Failure, Input, Next, OverlayOptions, Source, find, finish, launch,
};
use gst::prelude::*;

use moments::{Moment, write_sheet};
use watch::{Seen, lock, watch};

/// Explains a video: out/demo.mp4, out/demo.png and a table of what was seen when
#[derive(clap::Parser)]
#[command(name = "demo")]
struct Arguments {
    /// Camera (like /dev/video0), file or URI; a clip of two photos unless given
    input: Option<OsString>,
    /// How long a camera is recorded
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    #[command(flatten)]
    overlay: OverlayOptions,
}

fn main() -> std::process::ExitCode {
    camoverlay_programs::main(run)
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    camoverlay_programs::start()?;
    std::fs::create_dir_all("out")?;
    let named = named(arguments.input)?;
    let name = Input::name(Some(&named));
    let input = Input::parse(Some(&named))?.video(&CameraOptions::default(), &name)?;
    let pipeline = launch(
        "queue name=first ! videoconvert ! camoverlay name=overlay ! queue ! videoconvert ! videoscale \
         ! video/x-raw,format=I420,width=[2,65534,2],height=[2,65534,2] \
         ! x264enc speed-preset=veryfast ! mp4mux faststart=true ! filesink location=out/demo.mp4",
    )?;
    pipeline.add(&input.element)?;
    input
        .element
        .link(&find::<gst::Element>(&pipeline, "first")?)?;
    let overlay: gst::Element = find(&pipeline, "overlay")?;
    arguments.overlay.configure(&overlay)?;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let (sink, src) = (overlay.static_pad("sink"), overlay.static_pad("src"));
    let (Some(sink), Some(src)) = (sink, src) else {
        return Err("camoverlay has lost its pads.".into());
    };
    watch(&sink, &src, &seen);
    play((&pipeline, &input), &sink, &seen, arguments.seconds)?;
    let stats = overlay.property::<Option<gst::Structure>>("stats");

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

/// What the user gave, or the demo's own clip, made the first time.
fn named(input: Option<OsString>) -> Result<OsString, Failure> {
    const CLIP: &str = "out/clip.mp4";
    if let Some(input) = input {
        return Ok(input);
    }
    if !Path::new(CLIP).exists() {
        eprintln!("Making {CLIP} from two photos");
        let photos = ["examples/media/chelsea.png", "examples/media/coffee.png"];
        clip::make(&photos.map(Path::new), Path::new(CLIP))?;
    }
    Ok(CLIP.into())
}

/// Runs the pipeline to the end of its input, of `seconds` where that is live, or to Ctrl-C.
fn play(
    (pipeline, input): (&gst::Pipeline, &Source),
    sink: &gst::Pad,
    seen: &Mutex<Seen>,
    seconds: u64,
) -> Result<(), Failure> {
    let progress = std::io::stderr().is_terminal();
    let mut ending = false;
    let outcome = camoverlay_programs::run(pipeline, Some(input), |event| {
        let (frames, started) = {
            let seen = lock(seen);
            (seen.frames, seen.started)
        };
        let mut latency = gst::query::Latency::new();
        let live = sink.peer_query(&mut latency) && latency.result().0;
        let elapsed = started.map_or(Duration::ZERO, |started| started.elapsed());
        let interrupted = matches!(event, Event::Interrupted);
        if !ending && (interrupted || live && elapsed >= Duration::from_secs(seconds)) {
            ending = true;
            finish(pipeline);
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
        Ok(Next::Continue)
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
