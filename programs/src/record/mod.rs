//! `camoverlay-record`: a video, explained, into a file, and beside it what the network says.

mod container;
mod files;
mod journal;
mod pipeline;
mod plan;
mod progress;
mod streams;
mod subtitles;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::failure::Failure;
use crate::input::{CameraOptions, Input};
use crate::options::OverlayOptions;
use crate::pipeline::start;
use crate::run as run_pipeline;
use crate::run::{Event, Next, interrupted};
use container::Container;
use files::Files;
use journal::Journal;
use pipeline::Recorder;
use plan::Job;
use progress::Progress;

/// How long a broken input may still bring frames.
const PATIENCE: Duration = Duration::from_secs(5);

/// Records a video with what an image classifier sees in it
///
/// Draws over every frame where the classifier looks and what it names, and keeps the sound: as it is where the output's
/// format can hold it, otherwise encoded anew. Frames, their times and the size of the picture stay what they are.
///
/// Beside OUTPUT.mp4 come OUTPUT.jsonl, one JSON object an inference (time in seconds, the frame's own timestamp in
/// nanoseconds, classes with scores, the explained class, statistics of its map), and OUTPUT.vtt, the labels as
/// subtitles.
///
/// Ctrl-C ends a recording early, and the file plays; a second Ctrl-C drops it. Files are called .part until they are
/// complete. Of an input that breaks off, or gives nothing or next to nothing for some seconds (exit code 3), what came
/// before is kept.
/// Pictures that are stored lying or mirrored are recorded upright.
#[derive(clap::Parser)]
#[command(
    name = "camoverlay-record",
    version,
    after_help = "Examples:\n  \
        camoverlay-record in.mp4 -o out.mp4\n  \
        camoverlay-record camera -o out.mkv --size 1280x720\n  \
        camoverlay-record holiday/ -o explained/ --net efficientnet-lite0"
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
    /// Size of the picture's data in kbit/s; unset: whatever a good quality takes
    #[arg(long, value_name = "N", value_parser = kbits)]
    bitrate: Option<u32>,
    #[command(flatten)]
    camera: CameraOptions,
    #[command(flatten)]
    overlay: OverlayOptions,
}

/// How a recording came out.
struct Done {
    files: [PathBuf; 3],
    frames: u64,
    seconds: f64,
    /// Why the input ended before its time.
    broken: Option<Failure>,
}

/// An input that has broken off. What it gave before is still on its way, usually with an end behind it.
struct Break {
    why: Failure,
    /// How far the input had come, and when that was last seen to change.
    came_in: gst::ClockTime,
    moved: Instant,
}

impl Break {
    fn new(why: Failure) -> Self {
        Self {
            why,
            came_in: gst::ClockTime::ZERO,
            moved: Instant::now(),
        }
    }

    /// Whether nothing has come for so long that nothing will: no frame, and none that waits for a slow network.
    fn is_over(&mut self, recorder: &Recorder) -> bool {
        let came_in = recorder.came_in();
        if came_in != self.came_in || recorder.source.has_waiting() {
            (self.came_in, self.moved) = (came_in, Instant::now());
        }
        self.moved.elapsed() > PATIENCE
    }
}

/// Records everything that the command line asks for.
///
/// # Errors
/// Why it cannot be recorded; with several inputs, which ones could not be.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    start()?;
    let (jobs, is_list) = plan::jobs(&arguments.input, &arguments.output)?;
    if !is_list {
        return jobs.iter().try_for_each(|job| {
            let done = report(job, &arguments)?;
            done.broken.map_or(Ok(()), Err)
        });
    }
    fs::create_dir_all(&arguments.output)
        .map_err(|error| format!("{} cannot be made: {error}.", arguments.output.display()))?;
    let mut failed = Vec::new();
    for (n, job) in jobs.iter().enumerate() {
        if interrupted()? {
            return Err(format!("Interrupted after {n} of {} inputs.", jobs.len()).into());
        }
        match report(job, &arguments) {
            Ok(Done {
                broken: Some(why), ..
            }) => {
                eprintln!("{why}");
                failed.push(job.name());
            }
            Ok(_) => {}
            Err(usage @ Failure::Usage(_)) => return Err(usage),
            Err(failure) => {
                eprintln!("{failure}");
                failed.push(job.name());
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let (all, names) = (jobs.len(), failed.join(", "));
    Err(format!("{} of {all} failed: {names}.", failed.len()).into())
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
    let names = done.files.each_ref().map(|path| path.display().to_string());
    // A reader that has gone away does not stop the recording.
    let _ = writeln!(
        io::stdout(),
        "{}: {} frame{}, {:.1} s, recorded in {:.1} s to {}",
        job.name(),
        done.frames,
        if done.frames == 1 { "" } else { "s" },
        done.seconds,
        started.elapsed().as_secs_f64(),
        names.join(", ")
    );
    Ok(done)
}

fn record(job: &Job, arguments: &Arguments) -> Result<Done, Failure> {
    let container = Container::of(&job.output)?;
    let overlay = arguments.overlay.element()?;
    overlay.set_property("attach-map", true);
    overlay.set_property_from_str("post-messages", "none");
    let named = Some(job.input.as_os_str()).filter(|input| *input != "camera");
    let input = Input::parse(named)?;
    if input.lies_at(&job.output) {
        return Err("The recording would overwrite its own input. Name another output.".into());
    }
    let (files, lines, subtitles) = Files::create(&job.output, arguments.force)?;
    let recorder = Recorder::new(
        (&input, &Input::name(named)),
        &arguments.camera,
        &overlay,
        (container, arguments.bitrate),
        files.video_part(),
        Journal::new(lines, subtitles)?,
    )?;
    let mut progress = Progress::new(&job.name());
    let mut broken: Option<Break> = None;
    let outcome = run_pipeline(&recorder.pipeline, Some(&recorder.source), |event| {
        match event {
            Event::Interrupted => {
                if recorder.came_in() == gst::ClockTime::ZERO {
                    return Ok(Next::Stop);
                }
                recorder.finish();
            }
            Event::Tick => {
                progress.show(recorder.journal().end, recorder.duration());
                if broken
                    .as_mut()
                    .is_some_and(|broken| broken.is_over(&recorder))
                {
                    recorder.finish();
                }
            }
            Event::Message(message) => match message.view() {
                // What is recorded of an input that breaks off, a camera pulled out for instance, is kept.
                gst::MessageView::Error(error)
                    if recorder.source.is_of(message) && recorder.has_picture() =>
                {
                    broken.get_or_insert_with(|| {
                        let has_begun = recorder.came_in() > gst::ClockTime::ZERO;
                        let why = if has_begun && !recorder.source.is_camera() {
                            error.error().message().into()
                        } else {
                            recorder.source.failure(&error.error())
                        };
                        Break::new(why)
                    });
                    return Ok(Next::Handled);
                }
                _ => {}
            },
            Event::Stalled(failure) if recorder.came_in() > gst::ClockTime::ZERO => {
                broken.get_or_insert_with(|| Break::new(failure.clone()));
                recorder.finish();
                return Ok(Next::Handled);
            }
            Event::Stalled(_) => {}
        }
        Ok(Next::Continue)
    });
    drop(progress);
    let frames = recorder.journal().frames;
    outcome?;
    if frames == 0 {
        return Err(match broken {
            _ if interrupted()? => "Interrupted before the first frame.".into(),
            Some(broken) => broken.why,
            None => recorder.source.without_frames(),
        });
    }
    let mut journal = recorder.journal();
    journal
        .finish()
        .map_err(|error| format!("What the network says cannot be written down: {error}."))?;
    let seconds = journal.length().mseconds() as f64 / 1000.0;
    drop(journal);
    let broken = broken.map(|Break { why, .. }| match why {
        Failure::Stalled(why) => Failure::Stalled(format!(
            "{why} What came before, {seconds:.1} s, is recorded."
        )),
        why => Failure::Run(format!(
            "{}: The input broke off after {seconds:.1} s: {why}",
            job.name()
        )),
    });
    Ok(Done {
        files: files.keep()?,
        frames,
        seconds,
        broken,
    })
}

fn kbits(text: &str) -> Result<u32, String> {
    let kbits = text.parse().ok().filter(|kbits| *kbits > 0);
    kbits.ok_or_else(|| "a whole number above 0".to_owned())
}
