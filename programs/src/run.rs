//! Running a pipeline to its end.

use std::sync::mpsc;
use std::time::Duration;

use gst::prelude::*;

use crate::command_line::say;
use crate::failure::Failure;
use crate::interruption::interrupted;
use crate::source::Source;

/// How long a pipeline may take to be taken down; more would be an input that cannot be stopped.
const TAKE_DOWN: Duration = Duration::from_secs(60);
/// The same where the input stands still already.
const TAKE_DOWN_STALLED: Duration = Duration::from_secs(2);

/// What a program may act on while its pipeline runs.
pub enum Event<'a> {
    /// A message of the bus, whatever its kind; errors, warnings and the end are seen to afterwards all the same.
    Message(&'a gst::MessageRef),
    /// A tenth of a second without a message, or a message, has gone by.
    Tick,
    /// Ctrl-C, SIGTERM or a closed terminal, for the first time. A second one [ends](interrupted) the program on the spot.
    Interrupted,
    /// The input gives nothing any more. It is the last thing that is heard of it where that is [handled](Next::Handled).
    Stalled(&'a Failure),
}

/// What a program wants after an [`Event`].
#[derive(PartialEq, Eq)]
pub enum Next {
    Continue,
    /// Go on, the message having been seen to: neither an end nor an error is one then.
    Handled,
    /// Take the pipeline down now.
    Stop,
}

/// Starts `pipeline` and runs it to the end of its stream, calling `on` for what happens meanwhile, and takes it down.
/// `source` is the input in it, if there is one, which is watched.
///
/// An interruption usually calls [`finish`], so that files are finished. Warnings are printed.
///
/// # Errors
/// The first error on the bus, in the words meant for the user, or `on`'s own; the input stands still.
pub fn run(
    pipeline: &gst::Pipeline,
    source: Option<&Source>,
    on: impl FnMut(Event<'_>) -> Result<Next, Failure>,
) -> Result<(), Failure> {
    let mut stalled = false;
    let outcome = play(pipeline, source, &mut stalled, on);
    take_down(
        pipeline,
        if stalled {
            TAKE_DOWN_STALLED
        } else {
            TAKE_DOWN
        },
    );
    outcome
}

/// Takes `pipeline` down, or leaves it as it is after `patience`: an element that hangs cannot be stopped, and the
/// program has to end nevertheless.
pub(crate) fn take_down(pipeline: &gst::Pipeline, patience: Duration) {
    let (done, is_done) = mpsc::channel();
    let going = pipeline.clone();
    std::thread::spawn(move || {
        // On the way down nothing is left to report, and nobody may be left to hear of it.
        let _ = going.set_state(gst::State::Null);
        let _ = done.send(());
    });
    let _ = is_done.recv_timeout(patience);
}

fn play(
    pipeline: &gst::Pipeline,
    source: Option<&Source>,
    stalled: &mut bool,
    mut on: impl FnMut(Event<'_>) -> Result<Next, Failure>,
) -> Result<(), Failure> {
    let bus = pipeline.bus().ok_or("The pipeline has no bus.")?;
    // From here on, not only when the pipeline has started.
    interrupted()?;
    let mut told = false;
    // A failure to start is on the bus too, in better words.
    let _ = pipeline.set_state(gst::State::Playing);
    loop {
        let message = bus.timed_pop(gst::ClockTime::from_mseconds(100));
        if let Some(message) = &message {
            if let Some(source) = source {
                source.note(message);
            }
            let ends = match on(Event::Message(message))? {
                Next::Continue => handle(pipeline, source, message)?,
                Next::Handled => false,
                Next::Stop => true,
            };
            if ends {
                return Ok(());
            }
        }
        if !told && interrupted()? {
            told = true;
            if on(Event::Interrupted)? == Next::Stop {
                return Ok(());
            }
        }
        if !*stalled && let Some(failure) = source.and_then(Source::stalled) {
            *stalled = true;
            match on(Event::Stalled(&failure))? {
                Next::Continue => return Err(failure),
                Next::Handled => {}
                Next::Stop => return Ok(()),
            }
        }
        if on(Event::Tick)? == Next::Stop {
            return Ok(());
        }
    }
}

/// Does what every application must with a message; true at the end of the stream.
fn handle(
    pipeline: &gst::Pipeline,
    source: Option<&Source>,
    message: &gst::MessageRef,
) -> Result<bool, Failure> {
    match message.view() {
        gst::MessageView::Error(error) => {
            return Err(match source.filter(|source| source.is_of(message)) {
                Some(source) => source.failure(&error.error()),
                None => format!("{}.", error.error().message().trim_end_matches('.')).into(),
            });
        }
        gst::MessageView::Warning(warning) => {
            let warning = warning.error();
            // That text is no video is said by the error that follows.
            if !warning.message().contains("type 'text/") {
                say(warning.message());
            }
        }
        gst::MessageView::Latency(_) => {
            // It fails while an element joins the others, which asks for it again when it has.
            let _ = pipeline.recalculate_latency();
        }
        gst::MessageView::Eos(_) => return Ok(true),
        _ => {}
    }
    Ok(false)
}

/// Ends the stream behind every source, so that what is in work arrives and files are finished.
pub fn finish(pipeline: &gst::Pipeline) {
    let mut sources = pipeline.iterate_sources();
    while let Ok(Some(source)) = sources.next() {
        for pad in source.src_pads() {
            // Behind the source, it comes after the frame that is in work, whatever the source.
            pad.push_event(gst::event::Eos::new());
        }
    }
}
