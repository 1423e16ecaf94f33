//! The explanation on show: how it is painted, attached, written and announced.

use std::mem;

use gst::glib;

use super::analytics::{self, Analytics};
use super::asked::Asked;
use super::following::Following;
use super::job::Job;
#[cfg(feature = "captions")]
use super::legend::Legend;
use super::outcome::Outcome;
use super::painting::{Found, Painting};
use super::properties::Live;
use super::stats::Step;
use super::{PostMessages, Scale, meta};
use camoverlay::cam::{Class, Explanation};
use camoverlay::frame::Orientation;
use camoverlay::inference::{Labels, SharedClassifier};
use camoverlay::render::Region;

/// The explanation on show, and what it was asked with.
struct Shown {
    fields: gst::Structure,
    explanation: Explanation,
    further: Vec<Explanation>,
    common: Option<(f64, f64)>,
    asked: Asked,
    /// Presentation time of the frame it explains.
    pts: Option<gst::ClockTime>,
    attach_map: bool,
    threshold: f64,
    scale: Scale,
    /// The level of the regions that were found, if they were asked for.
    region_level: Option<f64>,
    /// Of each class, the boxes of what is hot.
    regions: Vec<Vec<Region>>,
    /// The map's cells tile the frame.
    tiles_frame: bool,
}

impl Shown {
    fn found(&self) -> Found<'_> {
        Found {
            explanation: &self.explanation,
            further: &self.further,
            common: self.common,
            tiles_frame: self.tiles_frame,
        }
    }

    /// All that is shown, the first target first.
    fn explanations(&self) -> impl Iterator<Item = &Explanation> {
        [&self.explanation].into_iter().chain(&self.further)
    }

    /// Boxes of what is hot, each with its class.
    fn boxes(&self) -> impl Iterator<Item = (&Class, &Region)> {
        let each = self.regions.iter().zip(self.explanations());
        each.flat_map(|(regions, explanation)| {
            let class = &explanation.target;
            regions.iter().map(move |region| (class, region))
        })
    }

    /// Writes the fields anew.
    fn write(&mut self, network: &SharedClassifier) {
        let regions = self.region_level.map(|_| &*self.regions);
        self.fields = meta::structure(
            network,
            (&self.explanation, &self.further),
            regions,
            self.pts,
            self.attach_map,
        );
    }

    /// Finds the regions that `live` asks for. Whether that changed them.
    fn find_regions(&mut self, painting: &mut Painting, live: &Live) {
        let level = live.heat.regions.then_some(live.heat.region_level);
        self.region_level = level;
        let count = if level.is_some() {
            1 + self.further.len()
        } else {
            0
        };
        self.regions.resize_with(count, Vec::new);
        for (number, regions) in self.regions.iter_mut().enumerate() {
            painting.find_regions(number, live.heat.region_level, regions);
        }
    }
}

/// The explanation on show, if there is one, and what was said of it and those before.
#[derive(Default)]
pub struct OnShow {
    shown: Option<Shown>,
    /// A map's values while it is turned.
    map_room: Vec<f32>,
    following: Following,
    /// The classes of the last message: top-k and target.
    announced: (Vec<usize>, usize),
}

impl OnShow {
    /// Shows nothing any more.
    pub fn clear(&mut self) {
        self.shown = None;
        self.cut();
    }

    /// Nothing that comes follows what was shown.
    pub fn cut(&mut self) {
        self.following.clear();
    }

    /// What the explanation was asked with.
    pub fn asked(&self) -> Option<&Asked> {
        self.shown.as_ref().map(|shown| &shown.asked)
    }

    /// Attaches it to the frame that it is shown on, with its boxes, and where there are analytics as those too.
    pub fn attach(
        &self,
        buffer: &mut gst::BufferRef,
        labels: &Labels,
        analytics: Option<&Analytics>,
    ) -> Result<(), glib::BoolError> {
        let Some(shown) = &self.shown else {
            return Ok(());
        };
        for (class, region) in shown.boxes() {
            meta::attach_region(buffer, labels.first_name(class.id), region);
        }
        if let Some(analytics) = analytics {
            let called = |class: &Class| analytics::Class {
                label: labels.get(class.id).map_or("", |label| &**label),
                score: class.score,
            };
            let classes = shown.explanation.top.iter().map(called);
            let boxes = shown
                .boxes()
                .map(|(class, region)| (called(class), *region));
            analytics.attach(buffer, classes, boxes)?;
        }
        meta::attach(buffer, &shown.fields)
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
        let mut shown = self.shown.take().unwrap_or_else(|| Shown {
            fields: gst::Structure::new_empty("camoverlay"),
            explanation: Explanation::default(),
            further: Vec::new(),
            common: None,
            asked: job.asked,
            pts: None,
            attach_map: false,
            threshold: 0.0,
            scale: live.heat.scale,
            region_level: None,
            regions: Vec::new(),
            tiles_frame: true,
        });
        let has_other_target = shown.explanation.target.id != job.explanation.target.id;
        mem::swap(&mut shown.explanation, &mut job.explanation);
        mem::swap(&mut shown.further, &mut job.further);
        let all = [&mut shown.explanation]
            .into_iter()
            .chain(&mut shown.further);
        for explanation in all {
            explanation.map.turn_back(orientation, &mut self.map_room);
        }
        shown.common = job.common;
        shown.asked = job.asked;
        shown.pts = job.pts;
        shown.attach_map = live.attach_map;
        shown.threshold = live.threshold;
        shown.scale = live.heat.scale;
        shown.tiles_frame = job.tiles_frame;
        outcome.announce = self.is_news(&shown.explanation, live.post_messages);
        if job.is_cut || has_other_target {
            painting.advance(None);
        }
        outcome.time(Step::Map, || {
            let all = [&mut shown.explanation]
                .into_iter()
                .chain(&mut shown.further);
            self.following
                .follow(all, job.pts, live.heat.smoothing, job.is_cut);
            painting.set_maps(&shown.found(), live);
            shown.find_regions(painting, live);
        });
        shown.write(network);
        self.shown = Some(shown);
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
        if shown.threshold != live.threshold || shown.scale != live.heat.scale {
            shown.threshold = live.threshold;
            shown.scale = live.heat.scale;
            outcome.time(Step::Map, || painting.set_maps(&shown.found(), live));
        }
        let level = live.heat.regions.then_some(live.heat.region_level);
        let finds = shown.region_level != level;
        if finds {
            outcome.time(Step::Map, || shown.find_regions(painting, live));
        }
        if finds || shown.attach_map != live.attach_map {
            shown.attach_map = live.attach_map;
            shown.write(network);
        }
    }

    /// Sets the lines of the explanation on show: the best classes and, if it is none of them, the
    /// explained one, which is marked.
    #[cfg(feature = "captions")]
    pub fn write_caption(&self, labels: &Labels, caption: &mut Legend, live: &Live) {
        let shown = self.shown.as_ref().filter(|_| live.draw_labels);
        let Some(shown) = shown else {
            caption.clear();
            return;
        };
        if !shown.further.is_empty() {
            let classes = || shown.explanations().map(|explanation| explanation.target);
            caption.set_classes(classes().enumerate().map(|(number, class)| {
                // A rank and a label may name the same class, whose heat has the colour of the first.
                let is_new = classes().take(number).all(|before| before.id != class.id);
                is_new.then(|| (labels.first_name(class.id), class.score))
            }));
            return;
        }
        let Explanation {
            top, target, other, ..
        } = &shown.explanation;
        let rank = top.iter().position(|class| class.id == target.id);
        let own = rank.is_none().then_some(target);
        let other = other
            .iter()
            .filter(|other| top.iter().all(|class| class.id != other.id));
        let classes = top.iter().chain(own).chain(other);
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
