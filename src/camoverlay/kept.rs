//! Frames in flight: each is kept from its sampling to its painting, while the network is at work on it and on others. They
//! are painted in the order in which they came, each with what was asked when it came, so that the pictures are those of a
//! stream whose frames wait.

use std::time::{Duration, Instant};

use super::asked::Asked;
use super::errors::ElementError;
use super::frame_memory;
use super::mapped::Mapped;
use super::outcome::Outcome;
use super::properties::Live;
use super::session::{Buffers, Passing, Session};
use camoverlay::frame::Orientation;

/// What became of the run that a frame may need.
#[derive(Clone, Copy)]
pub enum Run {
    /// It is under way, or over: what was asked, and whether the map is to be laid over the frame.
    Begun(Asked, bool),
    /// The frame carries the map of an earlier one.
    NotDue,
    /// Nobody has asked yet whether there is to be one, or an earlier one keeps the lane.
    ToCome,
}

/// A frame between its sampling and its painting.
pub struct Kept {
    pub buffer: gst::Buffer,
    /// The settings when it came.
    live: Live,
    /// Whether it came late.
    pub late: bool,
    run: Run,
    pub outcome: Outcome,
    pub arrived: Instant,
    /// What the thread that brings frames has spent on it.
    pub spent: Duration,
}

impl Kept {
    /// A frame that has just come.
    pub fn new(buffer: gst::Buffer, live: Live, late: bool) -> Self {
        Self {
            buffer,
            live,
            late,
            run: Run::ToCome,
            outcome: Outcome::default(),
            arrived: Instant::now(),
            spent: Duration::ZERO,
        }
    }
}

impl Session {
    /// How many frames are worked on at once, one or more.
    pub fn frames_in_flight(&self) -> usize {
        self.lanes.len()
    }

    /// Samples a frame that lies as `orientation` says, hands it to the network if that is due, and keeps it. There must be
    /// a free lane, and no frame kept that lies in another way.
    pub fn begin(&mut self, mut kept: Kept, orientation: Orientation) -> Result<(), ElementError> {
        self.turn_to(orientation)?;
        kept.outcome.notices = self.selection.follow(&kept.live, &self.network);
        self.mind_placement(&kept.live, &mut kept.outcome);
        let mut buffers = self.buffers.take().ok_or(ElementError::NoCaps)?;
        let at = (self.first + self.kept) % self.lanes.len();
        let result = self.begin_with(at, &mut buffers, &mut kept);
        self.buffers = Some(buffers);
        result?;
        kept.spent = kept.arrived.elapsed();
        self.lanes[at].kept = Some(kept);
        self.kept += 1;
        Ok(())
    }

    fn begin_with(
        &mut self,
        at: usize,
        buffers: &mut Buffers,
        kept: &mut Kept,
    ) -> Result<(), ElementError> {
        let Kept {
            buffer,
            live,
            outcome,
            ..
        } = kept;
        // What was given up, or let go.
        self.collect(at, &mut buffers.canvas, live, outcome)?;
        let passing = Passing {
            pts: buffer.pts(),
            live,
            late: kept.late,
            tiles_frame: buffers.canvas.painting.tiles_frame(live),
        };
        let buffer = buffer.make_mut();
        let lengths = frame_memory::planes(buffer, &buffers.info)?;
        let Some(frame) = Mapped::new(buffer, &buffers.info, lengths, live.heat.paint) else {
            return Err(frame_memory::unmappable(buffer).into());
        };
        kept.run = if !self.is_due(passing, outcome) {
            Run::NotDue
        } else {
            let planes = frame.planes();
            match self.begin_run(at, &mut buffers.sampling, &planes, passing, outcome) {
                Some(found) => {
                    match &mut self.lanes[at].bounds {
                        Some(bounds) => bounds.clone_from(found),
                        none => *none = Some(found.clone()),
                    }
                    Run::Begun(self.selection.ask(live), passing.tiles_frame)
                }
                None => Run::ToCome,
            }
        };
        Ok(())
    }

    /// What the last run was asked that a frame is kept for, and whether its map is to be laid over the frame.
    pub(super) fn asked_under_way(&self) -> Option<(Asked, bool)> {
        let kept = (0..self.kept).rev();
        let lanes = kept.map(|place| &self.lanes[(self.first + place) % self.lanes.len()]);
        let mut runs = lanes.filter_map(|lane| Some(lane.kept.as_ref()?.run));
        runs.find_map(|run| match run {
            Run::Begun(asked, tiles_frame) => Some((asked, tiles_frame)),
            Run::NotDue | Run::ToCome => None,
        })
    }

    /// Whether the oldest frame that is kept should leave now: it is ready, or has to make room, or nothing can be asked of
    /// those that come before it is through.
    pub fn is_next_out(&self) -> bool {
        let lane = &self.lanes[self.first];
        let Some(kept) = &lane.kept else {
            return false;
        };
        let is_ready = match kept.run {
            Run::Begun(..) => lane.worker.run_time().is_none(),
            Run::NotDue => true,
            Run::ToCome => false,
        };
        is_ready
            || self.kept == self.lanes.len()
            || !self.shows()
            || kept.buffer.flags().contains(gst::BufferFlags::DISCONT)
    }

    /// Waits for what the network makes of the oldest frame that is kept, and paints and annotates it.
    pub fn end(&mut self) -> Option<(Kept, Result<(), ElementError>)> {
        let start = Instant::now();
        let at = self.first;
        let mut kept = self.lanes[at].kept.take()?;
        self.first = (at + 1) % self.lanes.len();
        self.kept -= 1;
        let Some(mut buffers) = self.buffers.take() else {
            return Some((kept, Err(ElementError::NoCaps)));
        };
        let passing = Passing {
            pts: kept.buffer.pts(),
            live: &kept.live,
            late: kept.late,
            tiles_frame: buffers.canvas.painting.tiles_frame(&kept.live),
        };
        let buffer = kept.buffer.make_mut();
        let result = self.process_with(
            at,
            &mut buffers,
            buffer,
            passing,
            kept.run,
            &mut kept.outcome,
        );
        self.buffers = Some(buffers);
        kept.spent += start.elapsed();
        Some((kept, result))
    }

    /// Drops the frames that are kept, and ends the runs under way.
    pub fn let_go(&mut self) {
        self.kept = 0;
        for lane in &mut self.lanes {
            lane.let_go();
        }
    }
}
