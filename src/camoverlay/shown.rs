//! The explanation on show: how it is painted, attached, written and announced.

use std::mem;

use super::job::Job;
use super::outcome::Outcome;
use super::painting::Painting;
use super::properties::Live;
use super::stats::Step;
use super::{PostMessages, meta};
use camoverlay::cam::{Explanation, Query};
#[cfg(feature = "captions")]
use camoverlay::caption::Caption;
use camoverlay::frame::Orientation;
#[cfg(feature = "captions")]
use camoverlay::inference::Labels;
use camoverlay::inference::SharedClassifier;

/// The explanation on show, and what it was asked with.
struct Shown {
    fields: gst::Structure,
    explanation: Explanation,
    query: Query,
    /// Presentation time of the frame it explains.
    pts: Option<gst::ClockTime>,
    attach_map: bool,
    threshold: f64,
    /// The map's cells tile the frame.
    tiles_frame: bool,
}

/// The explanation on show, if there is one, and what was said of it and those before.
#[derive(Default)]
pub struct OnShow {
    shown: Option<Shown>,
    /// A map's values while it is turned.
    map_room: Vec<f32>,
    /// The classes of the last message: top-k and target.
    announced: (Vec<usize>, usize),
}

impl OnShow {
    /// Shows nothing any more.
    pub fn clear(&mut self) {
        self.shown = None;
    }

    /// What the explanation was asked with.
    pub fn query(&self) -> Option<&Query> {
        self.shown.as_ref().map(|shown| &shown.query)
    }

    /// Whether its map tiles the frame.
    pub fn tiles_frame(&self) -> Option<bool> {
        self.shown.as_ref().map(|shown| shown.tiles_frame)
    }

    /// The fields of its metadata.
    pub fn fields(&self) -> Option<&gst::StructureRef> {
        self.shown.as_ref().map(|shown| &*shown.fields)
    }

    /// Shows the explanation that `job` came back with; the one shown until now leaves its buffers to the job.
    pub fn take_over(
        &mut self,
        network: &SharedClassifier,
        job: &mut Job,
        (painting, orientation): (&mut Painting, Orientation),
        live: &Live,
        outcome: &mut Outcome,
    ) {
        outcome.inferred = true;
        outcome.add(Step::Infer, job.infer_time);
        outcome.add(Step::Map, job.map_time);
        let explanation = self
            .shown
            .take()
            .map(|shown| shown.explanation)
            .unwrap_or_default();
        let mut explanation = mem::replace(&mut job.explanation, explanation);
        explanation.map.turn_back(orientation, &mut self.map_room);
        outcome.announce = self.is_news(&explanation, live.post_messages);
        outcome.time(Step::Map, || {
            painting.set_map((&explanation.map).into(), job.tiles_frame, live);
        });
        self.shown = Some(Shown {
            fields: meta::structure(network, &explanation, job.pts, live.attach_map),
            explanation,
            query: job.query,
            pts: job.pts,
            attach_map: live.attach_map,
            threshold: live.threshold,
            tiles_frame: job.tiles_frame,
        });
    }

    /// Follows settings that need no new inference.
    pub fn follow_settings(
        &mut self,
        network: &SharedClassifier,
        painting: &mut Painting,
        live: &Live,
        outcome: &mut Outcome,
    ) {
        let Some(shown) = &mut self.shown else {
            return;
        };
        if shown.threshold != live.threshold {
            outcome.time(Step::Map, || {
                painting.set_map((&shown.explanation.map).into(), shown.tiles_frame, live);
            });
            shown.threshold = live.threshold;
        }
        if shown.attach_map != live.attach_map {
            shown.fields = meta::structure(network, &shown.explanation, shown.pts, live.attach_map);
            shown.attach_map = live.attach_map;
        }
    }

    /// Sets the lines of the explanation on show: the best classes and, if it is none of them, the
    /// explained one, which is marked.
    #[cfg(feature = "captions")]
    pub fn write_caption(&self, labels: &Labels, caption: &mut Caption, live: &Live) {
        let shown = self.shown.as_ref().filter(|_| live.draw_labels);
        let Some(Shown { explanation, .. }) = shown else {
            caption.set_lines([], None);
            return;
        };
        let Explanation { top, target, .. } = explanation;
        let rank = top.iter().position(|class| class.id == target.id);
        let classes = top.iter().chain(rank.is_none().then_some(target));
        let lines = classes.map(|class| (labels.first_name(class.id), class.score));
        caption.set_lines(lines, rank.or(Some(top.len())));
    }

    /// Whether `when` asks for a message about `explanation`, whose classes are then taken as announced.
    fn is_news(&mut self, explanation: &Explanation, when: PostMessages) -> bool {
        let classes = || explanation.top.iter().map(|class| class.id);
        let target = explanation.target.id;
        let (top, announced_target) = &mut self.announced;
        let changed = *announced_target != target || !top.iter().copied().eq(classes());
        if changed {
            top.clear();
            top.extend(classes());
            *announced_target = target;
        }
        match when {
            PostMessages::None => false,
            PostMessages::Changes => changed,
            PostMessages::All => true,
        }
    }
}
