//! `camoverlay-record`: a video, explained, into a file, and beside it what the network says.

mod container;
mod cutter;
mod ending;
mod files;
mod fragments;
mod journal;
mod part;
mod pipeline;
mod plan;
mod progress;
mod segment;
mod silence;
mod sound;
mod stream;
mod streams;
mod subtitles;
mod whole_lines;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use camoverlay::inference::printable;
use gst::prelude::*;
use signal_hook::consts::SIGXFSZ;
use signal_hook::flag;

use crate::command_line::say;
use crate::failure::Failure;
use crate::heat_options::RegionOptions;
use crate::input::{CameraOptions, Input};
use crate::interruption::interrupted;
use crate::options::OverlayOptions;
use crate::pipeline::start;
use crate::run as run_pipeline;
use crate::run::{Event, Next};
use container::Container;
use ending::{Ending, Interruption};
use files::Output;
use pipeline::Recorder;
use plan::Job;
use progress::Progress;
use segment::Limit;

/// Records a video with what an image classifier sees in it
///
/// Draws over every frame where the classifier looks and what it names, and keeps the sound: as it is where the output's
/// format can hold it, otherwise encoded anew. Where a live input gives no sound any more, silence takes its place. Frames, their times and the size of the picture stay what they are.
///
/// Beside OUTPUT.mp4 come OUTPUT.jsonl, one JSON object an inference (time in seconds, the frame's own timestamp in
/// nanoseconds, classes with scores, the explained class, statistics of its map), and OUTPUT.vtt, the labels as
/// subtitles.
///
/// Ctrl-C ends a recording early, and the file plays; so do SIGTERM and a closed terminal, unless nohup keeps that away. A
/// second Ctrl-C drops what is not complete yet. Files are called .part until they are complete. They play even so, and
/// are kept and named whatever else goes wrong, be it that the disk is full, that the network fails on a frame, or that the
/// program is killed. Of an input that breaks off, is cut short, or gives nothing or next to nothing for some seconds
/// (exit code 3), what came before is kept.
///
/// Pictures that are stored lying or mirrored are recorded upright.
#[derive(clap::Parser)]
#[command(
    name = "camoverlay-record",
    version,
    after_help = "Examples:\n  \
        camoverlay-record in.mp4 -o out.mp4\n  \
        camoverlay-record camera -o out.mkv --size 1280x720\n  \
        camoverlay-record camera -o day.mp4 --segment 1h\n  \
        camoverlay-record holiday/ -o explained/ --net efficientnet-lite0\n\n\
        Exit codes:\n  \
        0    all is recorded, or as much as there was before Ctrl-C, SIGTERM or SIGHUP\n  \
        1    something cannot be recorded, or not to its end; what was recorded before is kept\n  \
        2    the command line makes no sense\n  \
        3    an input was cut short, broke off or gave nothing any more; what came before is kept\n  \
        130  a second Ctrl-C dropped the recording\n  \
        143  a second SIGTERM ended the program at once; what was recorded is kept as .part"
)]
pub struct Arguments {
    /// Video file, folder of videos, URI, camera such as /dev/video0, or “camera” for the first one
    #[arg(required = true)]
    input: Vec<OsString>,
    /// File to write, .mp4, .mkv or .webm; a folder for several inputs, each recorded to .mp4
    #[arg(short, long)]
    output: PathBuf,
    /// Overwrite what is there
    #[arg(long)]
    force: bool,
    /// Begin a new file after this time, or before this size if a second fits in: 1h, 10min, 90s, 2GB; OUTPUT-00001.mp4 is the first one
    #[arg(long, value_name = "LIMIT", value_parser = Limit::parse)]
    segment: Option<Limit>,
    /// Open a camera or an address again whenever it breaks off, and go on in the same recording
    #[arg(long)]
    reconnect: bool,
    /// Size of the picture's data in kbit/s; unset: whatever a good quality takes
    #[arg(long, value_name = "N", value_parser = kbits)]
    bitrate: Option<u32>,
    #[command(flatten)]
    camera: CameraOptions,
    #[command(flatten)]
    overlay: OverlayOptions,
    #[command(flatten)]
    regions: RegionOptions,
}

/// How a recording came out.
struct Done {
    files: Vec<PathBuf>,
    frames: u64,
    seconds: f64,
    /// Why the input ended before its time.
    broken: Option<Failure>,
}

/// Records everything that the command line asks for.
///
/// # Errors
/// Why it cannot be recorded; with several inputs, which ones could not be.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    // To write more than the shell's limit for files is an error then, not the end of the process; GStreamer writes too
    // when it starts.
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    start()?;
    // From here on, so that no Ctrl-C leaves anything behind.
    interrupted()?;
    let (jobs, is_list) = plan::jobs(&arguments.input, &arguments.output)?;
    if !is_list {
        return jobs.iter().try_for_each(|job| {
            let done = report(job, &arguments)?;
            done.broken.map_or(Ok(()), Err)
        });
    }
    fs::create_dir_all(&arguments.output)
        .map_err(|error| format!("{} cannot be made: {error}.", arguments.output.display()))?;
    let (mut failed, mut cut_short) = (Vec::new(), Vec::new());
    for (n, job) in jobs.iter().enumerate() {
        if interrupted()? {
            return Err(format!("Interrupted after {n} of {} inputs.", jobs.len()).into());
        }
        let failure = match report(job, &arguments) {
            Ok(done) => done.broken,
            Err(usage @ Failure::Usage(_)) => return Err(usage),
            Err(failure) => Some(failure),
        };
        if let Some(failure) = failure {
            say(&failure.to_string());
            match failure {
                Failure::Stalled(_) => cut_short.push(job.name()),
                Failure::Usage(_) | Failure::Run(_) => failed.push(job.name()),
            }
        }
    }
    let all = jobs.len();
    let count = |names: &[String], what: &str| {
        let sentence = format!("{} of {all} {what}: {}.", names.len(), names.join(", "));
        (!names.is_empty()).then_some(sentence)
    };
    let sentences = [count(&failed, "failed"), count(&cut_short, "cut short")];
    let text = sentences
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    match (failed.is_empty(), cut_short.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => Err(Failure::Stalled(text)),
        (false, _) => Err(Failure::Run(text)),
    }
}

/// Does `job` and prints what came of it, on one line.
fn report(job: &Job, arguments: &Arguments) -> Result<Done, Failure> {
    let started = Instant::now();
    let done = record(job, arguments).map_err(|failure| match failure {
        Failure::Run(text) if !text.contains(&job.name()) => {
            Failure::Run(format!("{}: {text}", job.name()))
        }
        failure => failure,
    })?;
    // A reader that has gone away does not stop the recording.
    let line = format!(
        "{}: {}, {:.1} s, recorded in {:.1} s to {}",
        job.name(),
        counted(done.frames),
        done.seconds,
        started.elapsed().as_secs_f64(),
        names(&done.files)
    );
    let _ = writeln!(io::stdout(), "{}", printable(&line));
    Ok(done)
}

/// A number of frames for people.
fn counted(frames: u64) -> String {
    format!("{frames} frame{}", if frames == 1 { "" } else { "s" })
}

/// The paths as a list for people: all three of one recording, the first and the last of many.
fn names(files: &[PathBuf]) -> String {
    let name = |path: &PathBuf| path.display().to_string();
    match files {
        [first, .., last] if files.len() > 3 => {
            format!("{} ... {} ({} files)", name(first), name(last), files.len())
        }
        files => files.iter().map(name).collect::<Vec<_>>().join(", "),
    }
}

fn record(job: &Job, arguments: &Arguments) -> Result<Done, Failure> {
    let container = Container::of(&job.output)?;
    let overlay = arguments.overlay.element()?;
    arguments.regions.configure(&overlay)?;
    overlay.set_property("attach-map", true);
    overlay.set_property_from_str("post-messages", "none");
    let named = Some(job.input.as_os_str()).filter(|input| *input != "camera");
    let output = Output {
        path: job.output.clone(),
        force: arguments.force,
        is_segmented: arguments.segment.is_some(),
        input: Input::parse(named)?,
    };
    if arguments.reconnect && output.input.is_local() {
        return Err(Failure::usage(
            "--reconnect is for cameras and addresses, not for files.",
        ));
    }
    let recorder = Recorder::new(
        &Input::name(named),
        &arguments.camera,
        arguments.reconnect,
        &overlay,
        (container, arguments.bitrate),
        output,
        arguments.segment,
    )?;
    let mut progress = Progress::new(&printable(&job.name()));
    let mut ending: Option<Ending> = None;
    let mut interruption: Option<Interruption> = None;
    // Known only while the pipeline runs.
    let mut length = None;
    let outcome = run_pipeline(&recorder.pipeline, Some(&recorder.source), |event| {
        match event {
            Event::Interrupted => {
                if recorder.came_in() == gst::ClockTime::ZERO {
                    return Ok(Next::Stop);
                }
                recorder.finish();
                interruption = Some(Interruption::new());
            }
            Event::Tick => {
                recorder.look_after_sounds();
                if let Some(interruption) = &mut interruption
                    && interruption.look(&recorder)
                {
                    return Ok(Next::Stop);
                }
                length = recorder.duration().or(length);
                progress.show(recorder.cutter().end(), length);
                if let Some(ending) = &mut ending
                    && ending.is_over(&recorder)
                {
                    // What does not end when it is told to never will.
                    if ending.is_failure() || !ending.wait_for_end() {
                        return Ok(Next::Stop);
                    }
                    recorder.finish();
                }
            }
            Event::Message(message) => return noted(&recorder, message, &mut ending),
            Event::Stalled(failure) if recorder.came_in() > gst::ClockTime::ZERO => {
                ending.get_or_insert_with(|| Ending::of_input(failure.clone(), None));
                recorder.finish();
                return Ok(Next::Handled);
            }
            Event::Stalled(_) => {}
        }
        Ok(Next::Continue)
    });
    drop(progress);
    let frames = recorder.cutter().frames();
    let settled = recorder.cutter().settle(&recorder.pipeline);
    if frames == 0 {
        outcome?;
        return Err(match ending {
            _ if interrupted()? => "Interrupted before the first frame.".into(),
            Some(ending) => ending.failure(),
            None => recorder.source.without_frames(),
        });
    }
    let settled = settled?;
    let seconds = settled.length.mseconds() as f64 / 1000.0;
    let files = [settled.complete, settled.incomplete].concat();
    let failed = outcome.err().map(|failure| failure.to_string());
    let failure = ending.as_ref().filter(|ending| ending.is_failure());
    let failed = failed.or_else(|| failure.map(Ending::text));
    if let Some(why) = failed {
        let names = names(&files);
        return Err(format!(
            "{why} What was recorded until then, {}, {seconds:.1} s, is kept: {names}.",
            counted(frames)
        )
        .into());
    }
    if let Some(stray) = recorder.cutter().stray(files.len() / 3) {
        say(&format!(
            "{} and what follows it is of an earlier recording.",
            stray.display()
        ));
    }
    let why = match &ending {
        Some(ending) => Some(ending.text()),
        None if interrupted()? => None,
        None => {
            let why = recorder.source.cut_short(recorder.furthest(), length);
            why.map(String::from)
        }
    };
    // A fragmented file says no more than what it has.
    let of = length.filter(|length| *length > settled.length + gst::ClockTime::from_mseconds(100));
    let of = of.map_or_else(String::new, |all| {
        format!(" of {:.1}", all.mseconds() as f64 / 1000.0)
    });
    let broken = why.map(|why| {
        let name = job.name();
        Failure::Stalled(format!(
            "{name}: The input broke off after {seconds:.1}{of} s. {why}"
        ))
    });
    Ok(Done {
        files,
        frames,
        seconds,
        broken,
    })
}

/// Sees to a message of the bus: what is recorded is kept, whatever goes wrong.
fn noted(
    recorder: &Recorder,
    message: &gst::MessageRef,
    ending: &mut Option<Ending>,
) -> Result<Next, Failure> {
    match message.view() {
        gst::MessageView::Element(element) => {
            let structure = element.structure();
            let forwarded = structure.filter(|s| s.name() == "GstBinForwarded");
            let inner = forwarded.and_then(|s| s.get::<gst::Message>("message").ok());
            if let Some(inner) = inner.filter(|inner| inner.type_() == gst::MessageType::Eos)
                && let Some(writer) = inner.src()
            {
                // The pipeline itself ends only where it has begun, which a broken input may keep it from.
                if recorder.cutter().ended(writer, &recorder.pipeline)? {
                    return Ok(Next::Stop);
                }
            }
        }
        // An input that breaks off, a camera pulled out for instance.
        gst::MessageView::Error(error)
            if recorder.source.is_of(message)
                && (recorder.has_picture() || recorder.source.is_of_broken_reader(message)) =>
        {
            ending.get_or_insert_with(|| {
                let (source, error) = (&recorder.source, &error.error());
                let failure = source.failure(error);
                // Of a camera it is said what to do.
                let breakage = match source.is_camera() {
                    true => failure.to_string(),
                    false => source.breakage(error),
                };
                Ending::of_input(failure, Some(breakage))
            });
            return Ok(Next::Handled);
        }
        gst::MessageView::Error(error) if recorder.cutter().frames() > 0 => {
            let is_first = !ending.as_ref().is_some_and(Ending::is_failure);
            let writer = message.src().filter(|src| recorder.cutter().is_writer(src));
            if is_first {
                *ending = Some(Ending::of_recording(error, writer));
            }
            if writer.is_some() {
                // What cannot be written cannot be finished either.
                return Ok(Next::Stop);
            }
            if is_first {
                recorder.salvage();
            }
            return Ok(Next::Handled);
        }
        _ => {}
    }
    Ok(Next::Continue)
}

/// What all encoders take, in kbit/s.
const LARGEST_BITRATE: u32 = 2_000_000;

fn kbits(text: &str) -> Result<u32, String> {
    let kbits = text.parse().ok();
    let kbits = kbits.filter(|kbits| (1..=LARGEST_BITRATE).contains(kbits));
    kbits.ok_or_else(|| format!("a whole number from 1 to {LARGEST_BITRATE}"))
}
