//! Cuts a recording into files: when the next one begins, and which there are.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use gst::ClockTime;
use gst::prelude::*;

use super::container::Container;
use super::files::Output;
use super::part::Part;
use super::segment::Limit;
use super::streams::lock;
use crate::failure::Failure;

/// No file is shorter, unless the recording ends: some encoders hold back more frames than a small one may have.
const SHORTEST: ClockTime = ClockTime::SECOND;

/// The files of a recording.
pub struct Cutter {
    output: Output,
    limit: Option<Limit>,
    /// Where the encoder's frames come out.
    encoder: gst::Pad,
    /// Those in the making, and one that frames may still be noted in.
    parts: Mutex<Vec<Arc<Part>>>,
    /// Running time at which the next one begins, where that is given by time.
    next: Mutex<Option<ClockTime>>,
    kept: Mutex<Kept>,
}

/// What is complete.
#[derive(Default)]
struct Kept {
    frames: u64,
    files: Vec<PathBuf>,
    /// Running time at which the recording starts.
    origin: Option<ClockTime>,
    /// The first one, which stays locked: another recording of the same name would begin with it.
    first: Option<Arc<Part>>,
}

/// What has become of the files.
pub struct Settled {
    /// Complete ones, under their own names.
    pub complete: Vec<PathBuf>,
    /// Others, under those of incomplete ones.
    pub incomplete: Vec<PathBuf>,
    /// From the start of the first one to the end of the last frame.
    pub length: ClockTime,
}

impl Cutter {
    /// A recording that goes to `output`, each file of it within `limit`, what `encoder` gives; nothing of it is in
    /// `pipeline` yet.
    ///
    /// # Errors
    /// A file is in the way or cannot be written, or a plugin is missing.
    pub fn new(
        output: Output,
        limit: Option<Limit>,
        encoder: gst::Pad,
        container: Container,
        pipeline: &gst::Pipeline,
    ) -> Result<Self, Failure> {
        let first = Part::new(0, ClockTime::ZERO, container, output.create(0)?, pipeline)?;
        Ok(Self {
            output,
            limit,
            encoder,
            parts: Mutex::new(vec![Arc::new(first)]),
            next: Mutex::default(),
            kept: Mutex::default(),
        })
    }

    /// The part that frames are noted in.
    ///
    /// # Panics
    /// Never: the last part is not taken away.
    pub fn last(&self) -> Arc<Part> {
        let parts = lock(&self.parts);
        Arc::clone(parts.last().expect("there is one from the start"))
    }

    /// The parts behind `part` that begin at the running time `time` at the latest, in order.
    pub fn after(&self, part: &Part, time: ClockTime) -> Vec<Arc<Part>> {
        let parts = lock(&self.parts);
        let after = parts.iter().filter(|other| other.number > part.number);
        after.filter(|other| other.from <= time).cloned().collect()
    }

    /// Whether a new part has to begin with the frame at the running time `time`.
    pub fn is_due(&self, time: ClockTime) -> bool {
        match self.limit {
            None => false,
            Some(Limit::Time(length)) => {
                let mut next = lock(&self.next);
                let due = *next.get_or_insert(time + length);
                if time < due {
                    return false;
                }
                let periods = (time - due).nseconds() / length.nseconds() + 1;
                *next = Some(due + length * periods);
                true
            }
            Some(Limit::Size(size)) => {
                let part = self.last();
                let first = lock(&part.journal).first;
                let is_long = first.is_some_and(|first| time >= first + SHORTEST);
                is_long && part.size_to_come() >= size
            }
        }
    }

    /// Begins a part at the running time `time`, to which `add` adds the streams.
    ///
    /// # Errors
    /// Its files cannot be written, or a plugin is missing.
    pub fn begin(
        &self,
        time: ClockTime,
        container: Container,
        pipeline: &gst::Pipeline,
        add: impl FnOnce(&Part) -> Result<(), Failure>,
    ) -> Result<Arc<Part>, Failure> {
        let last = self.last();
        let number = last.number + 1;
        let files = self.output.create(number)?;
        let part = Arc::new(Part::new(number, time, container, files, pipeline)?);
        lock(&part.journal).follow(&lock(&last.journal));
        add(&part)?;
        part.join()?;
        // What is asked for by its time is a picture that stands on its own.
        let key = gst_video::UpstreamForceKeyUnitEvent::builder()
            .running_time(time)
            .all_headers(true)
            .build();
        self.encoder.send_event(key);
        lock(&self.parts).push(Arc::clone(&part));
        Ok(part)
    }

    /// Takes notice that `writer` has come to the end of its file, and keeps that where another follows. Returns whether
    /// all have come to their end: the last one may do so before the one ahead of it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn ended(&self, writer: &gst::Object, pipeline: &gst::Pipeline) -> Result<bool, Failure> {
        let all_ended = |parts: &[Arc<Part>]| parts.iter().all(|part| part.has_ended());
        let (part, is_over) = {
            let mut parts = lock(&self.parts);
            let Some(place) = parts.iter().position(|part| part.is_written_by(writer)) else {
                return Ok(false);
            };
            parts[place].end();
            if place + 1 == parts.len() {
                return Ok(all_ended(&parts));
            }
            (parts.remove(place), all_ended(&parts))
        };
        part.leave(pipeline);
        self.keep(&part).map(|()| is_over)
    }

    /// Whether `source` writes one of the files.
    pub fn is_writer(&self, source: &gst::Object) -> bool {
        let parts = lock(&self.parts);
        parts.iter().any(|part| part.is_written_by(source))
    }

    /// Takes notice that `source` has failed, which may write one of the files.
    pub fn failed(&self, source: &gst::Object) {
        for part in lock(&self.parts).iter() {
            if part.is_written_by(source) {
                part.fail();
            }
        }
    }

    /// Bytes that have come to the muxers of parts in the making.
    pub fn bytes(&self) -> u64 {
        lock(&self.parts).iter().map(|part| part.bytes()).sum()
    }

    /// The files of the parts in the making, as far as the process may have more files open.
    pub fn open_files(&self) -> Vec<File> {
        let parts = lock(&self.parts);
        parts.iter().flat_map(|part| part.files.opened()).collect()
    }

    /// Frames that are explained so far.
    pub fn frames(&self) -> u64 {
        let parts = lock(&self.parts);
        let open = parts.iter().map(|part| lock(&part.journal).frames);
        lock(&self.kept).frames + open.sum::<u64>()
    }

    /// Running time at which the last explained frame ends.
    pub fn end(&self) -> ClockTime {
        lock(&self.last().journal).end
    }

    /// Keeps what there is once `pipeline` is taken down: the parts that came to their end under their own names,
    /// others under those they have.
    ///
    /// # Errors
    /// One that came to its end cannot be kept; nothing is deleted.
    pub fn settle(&self, pipeline: &gst::Pipeline) -> Result<Settled, Failure> {
        let end = self.end();
        let parts = lock(&self.parts).clone();
        let mut incomplete = Vec::new();
        for part in parts {
            part.leave(pipeline);
            if lock(&part.journal).frames == 0 || part.files.has_no_video() {
                part.files.discard();
            } else if part.has_ended() {
                self.keep(&part)?;
            } else {
                // What can still be written down is.
                let _ = part.finish_journal();
                self.count(&part);
                incomplete.extend(part.files.parts());
            }
        }
        let kept = lock(&self.kept);
        Ok(Settled {
            complete: kept.files.clone(),
            incomplete,
            length: end.saturating_sub(kept.origin.unwrap_or_default()),
        })
    }

    /// The video behind the last one, if an earlier recording has left one.
    pub fn stray(&self, kept: usize) -> Option<PathBuf> {
        let next = self.output.path(u32::try_from(kept).ok()?);
        (self.output.is_segmented && next.exists()).then_some(next)
    }

    fn keep(&self, part: &Arc<Part>) -> Result<(), Failure> {
        let files = part.keep()?;
        self.count(part);
        let mut kept = lock(&self.kept);
        kept.files.extend(files);
        if part.number == 0 {
            kept.first = Some(Arc::clone(part));
        }
        Ok(())
    }

    fn count(&self, part: &Part) {
        let journal = lock(&part.journal);
        let mut kept = lock(&self.kept);
        kept.frames += journal.frames;
        kept.origin = kept.origin.or(journal.origin());
    }
}
