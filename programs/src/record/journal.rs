//! What was seen when, beside the video: JSON lines for programs, subtitles for people.

use std::collections::VecDeque;
use std::fs::File;
use std::io;

use gst::{ClockTime, glib};
use serde::Serialize;

use super::subtitles::Subtitles;
use super::whole_lines::WholeLines;

/// The two files in the making.
pub struct Journal {
    lines: WholeLines,
    subtitles: Subtitles,
    /// The last inference written down: `inference-pts`.
    inference: Option<u64>,
    /// Running time at which the recording starts, when it is known.
    origin: Option<ClockTime>,
    /// What happened before the origin was known.
    waiting: VecDeque<Moment>,
    /// Frames so far.
    pub frames: u64,
    /// Running time at which the first frame starts.
    pub first: Option<ClockTime>,
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
    inference: Option<(ClockTime, Line)>,
}

/// One inference, as it stands in the JSON lines.
#[derive(Serialize)]
struct Line {
    /// Seconds from the start of the recording.
    time: f64,
    /// Timestamp of the frame in the input's own counting, in nanoseconds.
    pts: Option<u64>,
    top: Vec<Class>,
    target: Class,
    /// The class that the target is explained against.
    #[serde(skip_serializing_if = "Option::is_none")]
    versus: Option<i32>,
    map: Option<Map>,
    /// Boxes of what is hot, the largest first, if they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    regions: Option<Vec<Region>>,
}

/// A box of what is hot, in pixels of the frame, and the class that it is hot for.
#[derive(Serialize)]
struct Region {
    x: i32,
    y: i32,
    width: i32,
    height: i32,
    id: i32,
    score: f64,
}

#[derive(Serialize)]
struct Class {
    id: i32,
    label: String,
    /// 0..1.
    score: f64,
}

/// Statistics of a class map.
#[derive(Serialize)]
struct Map {
    /// Size in cells.
    width: usize,
    height: usize,
    min: f64,
    max: f64,
    mean: f64,
    /// Where in the picture, from left and from top (0..1), the values above zero have their centre of mass, if there
    /// are any.
    centre: Option<[f64; 2]>,
}

impl Journal {
    /// # Errors
    /// The subtitles cannot be written.
    pub fn new([lines, subtitles]: [File; 2]) -> io::Result<Self> {
        Ok(Self {
            lines: WholeLines::new(lines),
            subtitles: Subtitles::new(WholeLines::new(subtitles))?,
            inference: None,
            origin: None,
            waiting: VecDeque::new(),
            frames: 0,
            first: None,
            end: ClockTime::ZERO,
        })
    }

    /// Goes on where `before` ends: what it has written down is not written down again.
    pub fn follow(&mut self, before: &Self) {
        (self.inference, self.end) = (before.inference, before.end);
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
        let pts = buffer.pts();
        let start = pts.and_then(|pts| segment.to_running_time(pts));
        let start = start.unwrap_or(self.end);
        let end = start + buffer.duration().unwrap_or_default();
        if let Some(said) = said {
            self.note((start, end), segment, said)?;
        }
        self.first.get_or_insert(start);
        self.frames += 1;
        self.end = end;
        Ok(())
    }

    /// Notes at the end of the stream the newest thing that the network said, unless a frame has carried it.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn ended(
        &mut self,
        segment: &gst::FormattedSegment<ClockTime>,
        said: &gst::StructureRef,
    ) -> io::Result<()> {
        let pts = inference_pts(said);
        if pts.is_none() || pts == self.inference {
            return Ok(());
        }
        self.note((self.end, self.end), segment, said)
    }

    /// Notes what was `said` of the time from `start` to `end`.
    fn note(
        &mut self,
        (start, end): (ClockTime, ClockTime),
        segment: &gst::FormattedSegment<ClockTime>,
        said: &gst::StructureRef,
    ) -> io::Result<()> {
        let pts = inference_pts(said);
        let new = pts.is_none() || self.inference != pts;
        let inference = new.then(|| {
            let time = pts.map_or(start, |pts| {
                let time = segment.to_running_time(ClockTime::from_nseconds(pts));
                time.unwrap_or(self.end)
            });
            (time, Line::new(said, pts))
        });
        self.inference = pts;
        let moment = Moment {
            start,
            end,
            labels: array(said, "top-labels"),
            inference,
        };
        match self.origin {
            Some(origin) => self.write(moment, origin),
            None => {
                self.waiting.push_back(moment);
                Ok(())
            }
        }
    }

    /// Sets the running time that is 0 in the recording.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn start_at(&mut self, origin: ClockTime) -> io::Result<()> {
        self.origin = Some(origin);
        while let Some(moment) = self.waiting.pop_front() {
            self.write(moment, origin)?;
        }
        Ok(())
    }

    /// Running time at which the recording starts, when it is known.
    pub fn origin(&self) -> Option<ClockTime> {
        self.origin
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
        self.subtitles.finish()
    }

    fn write(&mut self, moment: Moment, origin: ClockTime) -> io::Result<()> {
        let since = |time: ClockTime| time.saturating_sub(origin);
        if let Some((time, mut line)) = moment.inference {
            line.time = since(time).nseconds() as f64 / 1e9;
            let mut text = serde_json::to_vec(&line)?;
            text.push(b'\n');
            self.lines.put(&text)?;
        }
        self.subtitles
            .show(since(moment.start), since(moment.end), &moment.labels)
    }
}

impl Line {
    /// What an inference said; its time in the recording is not known yet.
    fn new(said: &gst::StructureRef, pts: Option<u64>) -> Self {
        let ids = array(said, "top-ids").into_iter();
        let classes = ids
            .zip(array(said, "top-labels"))
            .zip(array(said, "top-scores"));
        Self {
            time: 0.0,
            pts,
            top: classes
                .map(|((id, label), score)| Class { id, label, score })
                .collect(),
            target: Class {
                id: said.get("target-id").unwrap_or(-1),
                label: said.get("target-label").unwrap_or_default(),
                score: said.get("target-score").unwrap_or_default(),
            },
            versus: said.get("versus-id").ok(),
            map: Map::new(said),
            regions: said.has_field("regions").then(|| {
                let regions = array::<gst::Structure>(said, "regions");
                regions.iter().filter_map(Region::new).collect()
            }),
        }
    }
}

impl Region {
    fn new(fields: &gst::Structure) -> Option<Self> {
        let side = |name| fields.get(name).ok();
        Some(Self {
            x: side("x")?,
            y: side("y")?,
            width: side("width")?,
            height: side("height")?,
            id: side("id")?,
            score: fields.get("score").ok()?,
        })
    }
}

impl Map {
    fn new(said: &gst::StructureRef) -> Option<Self> {
        let side = |name| said.get::<i32>(name).ok().filter(|side| *side > 0);
        let (width, height) = (side("map-width")? as usize, side("map-height")? as usize);
        let bytes = said.get::<glib::Bytes>("map").ok()?;
        let cells = bytes.as_chunks().0.iter();
        let values: Vec<f64> = cells
            .map(|value| f64::from(f32::from_ne_bytes(*value)))
            .collect();
        let (mut mass, mut moment) = (0.0, [0.0; 2]);
        for (i, value) in values.iter().enumerate() {
            let weight = value.max(0.0);
            mass += weight;
            moment[0] += weight * ((i % width) as f64 + 0.5);
            moment[1] += weight * ((i / width) as f64 + 0.5);
        }
        let [x, y] = moment;
        Some(Self {
            width,
            height,
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            mean: values.iter().sum::<f64>() / values.len() as f64,
            centre: (mass > 0.0).then(|| [x / mass / width as f64, y / mass / height as f64]),
        })
    }
}

/// Timestamp of the frame that the network has seen, in nanoseconds, if it has one.
fn inference_pts(said: &gst::StructureRef) -> Option<u64> {
    let pts = said.get::<u64>("inference-pts").ok();
    pts.filter(|pts| *pts != u64::MAX)
}

/// The values of an array field.
fn array<T: for<'a> glib::value::FromValue<'a>>(said: &gst::StructureRef, field: &str) -> Vec<T> {
    let array = said.get::<gst::Array>(field).unwrap_or_default();
    array.iter().filter_map(|value| value.get().ok()).collect()
}
