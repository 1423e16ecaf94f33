//! What was seen when, beside the video: JSON lines for programs, subtitles for people.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use gst::{ClockTime, glib};
use serde_json::{Value, json};

use super::subtitles::Subtitles;

/// The two files in the making.
pub struct Journal {
    lines: BufWriter<File>,
    subtitles: Subtitles<BufWriter<File>>,
    /// The last inference written down: `inference-pts`.
    inference: Option<u64>,
    /// Running time at which the recording starts, when it is known.
    origin: Option<ClockTime>,
    /// What happened before the origin was known.
    waiting: VecDeque<Moment>,
    /// Frames so far.
    pub frames: u64,
    /// Running time at which the last frame ends.
    pub end: ClockTime,
}

/// One explained frame.
struct Moment {
    /// Running times of the frame.
    start: ClockTime,
    end: ClockTime,
    labels: Vec<String>,
    /// Running time of the frame that the network has seen and what it said, if it was not said before.
    inference: Option<(ClockTime, Value)>,
}

impl Journal {
    /// # Errors
    /// The subtitles cannot be written.
    pub fn new(lines: File, subtitles: File) -> io::Result<Self> {
        Ok(Self {
            lines: BufWriter::new(lines),
            subtitles: Subtitles::new(BufWriter::new(subtitles))?,
            inference: None,
            origin: None,
            waiting: VecDeque::new(),
            frames: 0,
            end: ClockTime::ZERO,
        })
    }

    /// Notes a frame and what the element says of it, nothing where it has no explanation yet.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn frame(
        &mut self,
        buffer: &gst::BufferRef,
        segment: &gst::FormattedSegment<ClockTime>,
        said: Option<&gst::StructureRef>,
    ) -> io::Result<()> {
        let running = |pts: Option<ClockTime>| {
            pts.and_then(|pts| segment.to_running_time(pts))
                .unwrap_or(self.end)
        };
        let start = running(buffer.pts());
        let end = start + buffer.duration().unwrap_or_default();
        if let Some(said) = said {
            let pts = said.get::<u64>("inference-pts").unwrap_or(u64::MAX);
            let pts_known = Some(pts).filter(|pts| *pts != u64::MAX);
            let new = pts_known.is_none() || self.inference != pts_known;
            let inference = new.then(|| {
                let time =
                    pts_known.map_or(start, |pts| running(Some(ClockTime::from_nseconds(pts))));
                (time, inference(said, pts_known))
            });
            self.inference = pts_known;
            let moment = Moment {
                start,
                end,
                labels: strings(said, "top-labels"),
                inference,
            };
            match self.origin {
                Some(origin) => self.write(&moment, origin)?,
                None => self.waiting.push_back(moment),
            }
        }
        self.frames += 1;
        self.end = end;
        Ok(())
    }

    /// Sets the running time that is 0 in the recording.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn start_at(&mut self, origin: ClockTime) -> io::Result<()> {
        self.origin = Some(origin);
        while let Some(moment) = self.waiting.pop_front() {
            self.write(&moment, origin)?;
        }
        Ok(())
    }

    /// How long the recording is.
    pub fn length(&self) -> ClockTime {
        self.end.saturating_sub(self.origin.unwrap_or_default())
    }

    /// Writes what is left. Times are counted from the first frame if it is not known from where.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        let first = self.waiting.front().map(|moment| moment.start);
        if let Some(first) = first {
            self.start_at(first)?;
        }
        self.lines.flush()?;
        self.subtitles.finish()
    }

    fn write(&mut self, moment: &Moment, origin: ClockTime) -> io::Result<()> {
        let since = |time: ClockTime| time.saturating_sub(origin);
        if let Some((time, value)) = &moment.inference {
            let mut value = value.clone();
            value["time"] = json!(since(*time).nseconds() as f64 / 1e9);
            serde_json::to_writer(&mut self.lines, &value)?;
            self.lines.write_all(b"\n")?;
        }
        let labels: Vec<&str> = moment.labels.iter().map(String::as_str).collect();
        self.subtitles
            .show(since(moment.start), since(moment.end), &labels)
    }
}

/// What an inference said, without its time in the recording.
fn inference(said: &gst::StructureRef, pts: Option<u64>) -> Value {
    let ids = numbers::<i32>(said, "top-ids");
    let scores = numbers::<f64>(said, "top-scores");
    let classes = ids.into_iter().zip(strings(said, "top-labels")).zip(scores);
    let top: Vec<Value> = classes
        .map(|((id, label), score)| class(id, &label, score))
        .collect();
    json!({
        "time": Value::Null,
        "pts": pts,
        "top": top,
        "target": class(
            said.get("target-id").unwrap_or(-1),
            said.get("target-label").unwrap_or_default(),
            said.get("target-score").unwrap_or_default(),
        ),
        "map": map(said),
    })
}

fn class(id: i32, label: &str, score: f64) -> Value {
    json!({ "id": id, "label": label, "score": score })
}

/// Statistics of the class map: its size in cells, the extent of its values, and where in the picture (0..1 from left
/// and from top) those above zero have their centre of mass; null where none is.
fn map(said: &gst::StructureRef) -> Value {
    let side = |name| said.get::<i32>(name).unwrap_or(0).max(0) as usize;
    let (width, height) = (side("map-width"), side("map-height"));
    let bytes = said.get::<glib::Bytes>("map");
    let bytes = bytes.as_deref().unwrap_or_default();
    let values: Vec<f64> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|value| f64::from(f32::from_ne_bytes(*value)))
        .collect();
    if width == 0 || values.is_empty() {
        return Value::Null;
    }
    let mut mass = 0.0;
    let mut moment = (0.0, 0.0);
    for (i, value) in values.iter().enumerate() {
        let weight = value.max(0.0);
        mass += weight;
        moment.0 += weight * ((i % width) as f64 + 0.5);
        moment.1 += weight * ((i / width) as f64 + 0.5);
    }
    let centre = [
        moment.0 / mass / width as f64,
        moment.1 / mass / height as f64,
    ];
    json!({
        "width": width,
        "height": height,
        "min": values.iter().copied().fold(f64::INFINITY, f64::min),
        "max": values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "mean": values.iter().sum::<f64>() / values.len() as f64,
        "centre": (mass > 0.0).then_some(centre),
    })
}

fn numbers<T: for<'a> glib::value::FromValue<'a>>(said: &gst::StructureRef, field: &str) -> Vec<T> {
    let array = said.get::<gst::Array>(field).unwrap_or_default();
    array.iter().filter_map(|value| value.get().ok()).collect()
}

fn strings(said: &gst::StructureRef, field: &str) -> Vec<String> {
    numbers(said, field)
}
