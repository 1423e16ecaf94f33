//! What the keys do.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use camoverlay::cam::Method;
use camoverlay::inference::{SharedClassifier, resolve};
use camoverlay::model::Target;
use camoverlay_programs::{Failure, Next};
use gst::prelude::*;

use crate::find::{Find, wrap};
use crate::keys::Key;
use crate::photo;
use crate::pointer::{Mouse, Pointer};
use crate::stage::Stage;
use crate::texts::{self, Seen};

/// The element's targets by rank, and what they are called here.
const RANKS: [&str; 3] = ["top-1", "top-2", "top-3"];
const ORDINALS: [&str; 3] = ["first", "second", "third"];

pub struct Controls {
    stage: Stage,
    network: Arc<SharedClassifier>,
    /// The class that the frame on show explains.
    explained: Arc<AtomicI32>,
    /// Those that suit the network, and which of them is on.
    methods: Vec<Method>,
    method: usize,
    find: Option<Find>,
    pointer: Pointer,
    is_paused: bool,
    shows_keys: bool,
    /// What the last key had to say.
    notice: String,
    /// Width for which the texts were last set, in characters.
    columns: usize,
}

impl Controls {
    /// `has_title`: the most likely classes stand above the overlay.
    ///
    /// # Errors
    /// The method on is not one for this network.
    pub fn new(
        stage: Stage,
        network: Arc<SharedClassifier>,
        has_title: bool,
    ) -> Result<Self, Failure> {
        let methods = Method::suiting(network.traits());
        let asked = stage.overlay.property_value("method");
        let asked = gst::glib::EnumValue::from_value(&asked)
            .and_then(|(_, value)| Method::from_name(value.nick()))
            .unwrap_or(Method::Auto);
        let on = asked
            .resolve(network.traits())
            .map_err(|error| error.to_string())?;
        let explained = Arc::new(AtomicI32::new(0));
        let controls = Self {
            method: methods.iter().position(|method| *method == on).unwrap_or(0),
            methods,
            explained,
            find: None,
            pointer: Pointer::new(&stage.overlay, &stage.beside, &stage.place),
            is_paused: false,
            shows_keys: false,
            notice: String::new(),
            columns: 0,
            stage,
            network,
        };
        controls.follow(has_title)?;
        Ok(controls)
    }

    /// Follows what is explained, and writes it above the overlay in the thread that brings that very frame there.
    fn follow(&self, has_title: bool) -> Result<(), Failure> {
        let pad = self
            .stage
            .overlay
            .static_pad("src")
            .ok_or("camoverlay has lost a pad.")?;
        let title = self.stage.right.clone();
        let columns = Arc::clone(&self.stage.columns);
        let explained = Arc::clone(&self.explained);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(seen) = info.buffer().and_then(|buffer| Seen::on(buffer)) {
                explained.store(seen.target, Ordering::Relaxed);
                if has_title {
                    title.set_property("text", seen.title(columns.load(Ordering::Relaxed)));
                }
            }
            gst::PadProbeReturn::Ok
        });
        Ok(())
    }

    /// Does what the key called `name` asks for.
    pub fn press(&mut self, name: &str) -> Next {
        let Some(key) = Key::read(name, self.find.is_some()) else {
            return Next::Continue;
        };
        self.notice.clear();
        match key {
            Key::Quit => return Next::Stop,
            Key::Rank(rank) => self.explain(RANKS[rank]),
            Key::Step(step) => self.step(step),
            Key::Method => {
                self.method = wrap(self.method, 1, self.methods.len());
                if let Some(method) = self.methods.get(self.method) {
                    self.stage
                        .overlay
                        .set_property_from_str("method", method.name());
                }
            }
            Key::Threshold(step) => {
                let threshold = (self.threshold() + step).clamp(0.0, 1.0);
                // Steps add up to round figures.
                self.stage
                    .overlay
                    .set_property("threshold", (threshold * 100.0).round() / 100.0);
            }
            Key::Pause => {
                self.is_paused = !self.is_paused;
                self.stage.gate.set_paused(self.is_paused);
            }
            Key::Save => self.notice = self.save(),
            Key::Help => self.shows_keys = !self.shows_keys,
            Key::Find => self.find = Some(Find::default()),
            Key::Character(character) => {
                self.find
                    .get_or_insert_default()
                    .push(character, self.network.labels());
            }
            Key::Erase => {
                if let Some(find) = &mut self.find {
                    find.pop(self.network.labels());
                }
            }
            Key::Accept => {
                if let Some(class) = self.find.take().and_then(|find| find.class()) {
                    self.explain(&format!("#{class}"));
                }
            }
            Key::Cancel => self.find = None,
        }
        self.write();
        Next::Continue
    }

    /// Asks for the place to which the mouse has come.
    pub fn point(&mut self, mouse: Mouse) {
        if self.pointer.go(mouse) {
            self.stage.gate.refresh();
        }
    }

    /// Shows which classes are at the mouse's place, and explains the best one if it was clicked on.
    pub fn tell(&mut self, answer: &gst::StructureRef) {
        let clicked = self.pointer.answer(answer);
        if let Some(class) = clicked {
            self.explain(&format!("#{class}"));
            self.notice.clear();
            self.write();
        }
        self.stage.gate.refresh();
    }

    /// Writes the texts anew when another size of picture has come.
    pub fn fit(&mut self) {
        if self.columns != self.stage.columns.load(Ordering::Relaxed) {
            self.write();
        }
    }

    fn explain(&self, target: &str) {
        self.stage.overlay.set_property("target", target);
    }

    fn step(&mut self, step: isize) {
        if let Some(find) = &mut self.find {
            find.step(step);
            return;
        }
        let explained = self.explained.load(Ordering::Relaxed);
        let class = wrap(
            usize::try_from(explained).unwrap_or(0),
            step,
            self.network.labels().len(),
        );
        // So that steps add up when keys come faster than frames.
        self.explained
            .store(i32::try_from(class).unwrap_or(0), Ordering::Relaxed);
        self.explain(&format!("#{class}"));
    }

    fn threshold(&self) -> f64 {
        self.stage.overlay.property("threshold")
    }

    fn save(&self) -> String {
        let Some(shown) = self.stage.shown() else {
            return "There is nothing to save yet.".to_owned();
        };
        match photo::save(&shown) {
            Ok(name) => format!("Saved {name}"),
            Err(why) => why.to_string(),
        }
    }

    /// Sets the texts above the original and over everything.
    fn write(&mut self) {
        self.columns = self.stage.columns.load(Ordering::Relaxed);
        let method = self
            .methods
            .get(self.method)
            .map_or("", |method| method.name());
        let lines = [
            format!(
                "{}, {method}, threshold {:.2}",
                self.network.name(),
                self.threshold()
            ),
            self.question(),
            self.last_line(),
        ];
        let lines = lines.map(|line| texts::escaped(&line, self.columns));
        self.stage.left.set_property("text", lines.join("\n"));
        self.stage.middle.set_property("text", texts::keys());
        self.stage.middle.set_property("silent", !self.shows_keys);
        self.stage.gate.refresh();
    }

    /// What is being explained.
    fn question(&self) -> String {
        let target: String = self.stage.overlay.property("target");
        match resolve(&target, self.network.labels()).map(|resolved| resolved.target) {
            Ok(Target::Class(class)) => format!(
                "why {}? (class {class})",
                self.network.labels().first_name(class)
            ),
            Ok(Target::Rank(rank)) => format!("why the {} class?", ORDINALS[rank]),
            Err(_) => format!("why {target}?"),
        }
    }

    fn last_line(&self) -> String {
        match &self.find {
            Some(find) => {
                let class = find
                    .class()
                    .map_or("", |class| self.network.labels().first_name(class));
                let class = if find.text().is_empty() {
                    "type a class's name"
                } else {
                    class
                };
                format!("/{}_ {class}", find.text())
            }
            None if !self.notice.is_empty() => self.notice.clone(),
            None if self.is_paused => "paused; space goes on".to_owned(),
            None => "h shows the keys".to_owned(),
        }
    }
}
