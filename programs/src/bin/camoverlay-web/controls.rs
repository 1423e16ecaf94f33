//! What the page can set, and what it is set to: the same for all browsers.

use std::sync::{Arc, Mutex, PoisonError};

use camoverlay::cam::Method;
use camoverlay::inference::{SharedClassifier, layers, resolve, split_targets};
use camoverlay::render::MOST_CLASSES;
use camoverlay_programs::{Failure, OverlayOptions};
use gst::glib;
use gst::prelude::*;
use gstcamoverlay::camoverlay::CamOverlay;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::restart::Restart;

/// The element's properties that the page has, in its order.
const NAMES: [&str; 12] = [
    "target",
    "versus",
    "method",
    "layer",
    "threshold",
    "scale",
    "colormap",
    "blend",
    "opacity",
    "placement",
    "regions",
    "region-level",
];

pub struct Controls {
    overlay: gst::Element,
    /// As the command line has it.
    options: OverlayOptions,
    restart: Restart,
    /// Held while something is set, so that what is told last is how it is.
    turn: Mutex<()>,
    /// Held for the labels and methods, and shared with the element.
    network: Mutex<Arc<SharedClassifier>>,
    /// The layers that can be explained.
    layers: Vec<String>,
    state: watch::Sender<Value>,
}

/// What is set, and how it can be.
#[derive(Serialize)]
struct Control {
    name: &'static str,
    /// What the property means.
    help: String,
    #[serde(flatten)]
    kind: Kind,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Kind {
    Text { value: String },
    Choice { value: String, choices: Vec<Choice> },
    Number { value: f64, least: f64, most: f64 },
    Switch { value: bool },
}

#[derive(Serialize)]
struct Choice {
    value: String,
    help: String,
}

impl Controls {
    /// Of the element `overlay`, which the command line's `options` have set up.
    ///
    /// # Errors
    /// Its network cannot be opened.
    pub fn new(
        overlay: &gst::Element,
        options: &OverlayOptions,
        restart: Restart,
    ) -> Result<Self, Failure> {
        let network = open(overlay)?;
        let tappable = layers(&of(overlay)?.options())?;
        let mut names = vec!["auto".to_owned()];
        names.extend(tappable.into_iter().map(|layer| layer.tensor));
        let controls = Self {
            overlay: overlay.clone(),
            options: options.clone(),
            restart,
            turn: Mutex::default(),
            network: Mutex::new(network),
            layers: names,
            state: watch::Sender::new(Value::Null),
        };
        controls.announce();
        Ok(controls)
    }

    /// What is set, as it changes.
    pub fn follow(&self) -> watch::Receiver<Value> {
        self.state.subscribe()
    }

    /// The first names of the classes.
    pub fn labels(&self) -> Vec<String> {
        let network = self.network();
        let labels = network.labels();
        let names = (0..labels.len()).map(|class| labels.first_name(class).to_owned());
        names.collect()
    }

    /// Sets the property `name` to `value`. It may take as long as opening the network does.
    ///
    /// # Errors
    /// There is no such property here, or no such value.
    pub fn set(&self, name: &str, value: &Value) -> Result<(), Failure> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let text = || {
            let text = value.as_str().filter(|text| !text.contains('\0'));
            text.ok_or_else(|| wrong(name, "a text"))
        };
        match name {
            "target" => {
                let targets = split_targets(text()?);
                if targets.len() > MOST_CLASSES {
                    return Err(format!("At most {MOST_CLASSES} classes are shown at once.").into());
                }
                for target in &targets {
                    self.find(target)?;
                }
                self.overlay.set_property("target", text()?);
            }
            "versus" => {
                let versus = Some(text()?.trim()).filter(|text| !text.is_empty());
                versus.map_or(Ok(()), |text| self.find(text))?;
                self.overlay.set_property("versus", versus);
            }
            "method" => {
                let method = Method::from_name(text()?).ok_or_else(|| wrong(name, "a method"))?;
                let traits = self.network();
                method
                    .resolve(traits.traits())
                    .map_err(camoverlay::Error::from)?;
                self.overlay.set_property_from_str(name, method.name());
            }
            "layer" => self.open_layer(text()?)?,
            "threshold" | "opacity" | "region-level" => {
                let number = value.as_f64().filter(|number| (0.0..=1.0).contains(number));
                let number = number.ok_or_else(|| wrong(name, "a number from 0 to 1"))?;
                self.overlay.set_property(name, number);
            }
            "regions" => {
                let on = value.as_bool();
                let on = on.ok_or_else(|| wrong(name, "true or false"))?;
                self.overlay.set_property(name, on);
            }
            "scale" | "colormap" | "blend" | "placement" => {
                let nicks = self.choices(name);
                let nick = nicks
                    .iter()
                    .find(|choice| Some(&*choice.value) == value.as_str());
                let nick = nick.ok_or_else(|| wrong(name, "one of its names"))?;
                self.overlay.set_property_from_str(name, &nick.value);
            }
            _ => return Err(format!("There is nothing called {name:?} to set.").into()),
        }
        self.announce();
        Ok(())
    }

    /// Explains another layer, for which the element starts anew; a method that is none for it gives way to `auto`.
    fn open_layer(&self, layer: &str) -> Result<(), Failure> {
        let mut options = self.options.clone();
        options.network.layer = Some(layer.to_owned());
        // Not the one that plays: it may be no layer.
        let network = open(&options.element()?)?;
        let current = self.current_method();
        let suits = current.resolve(network.traits()).is_ok();
        let layer = layer.to_owned();
        self.restart.with(move |overlay| {
            overlay.set_property("layer", layer);
            if !suits {
                overlay.set_property_from_str("method", Method::Auto.name());
            }
        })?;
        *self.network.lock().unwrap_or_else(PoisonError::into_inner) = network;
        Ok(())
    }

    /// That `text` names a class.
    fn find(&self, text: &str) -> Result<(), Failure> {
        let found = resolve(text, self.network().labels());
        found.map(|_| ()).map_err(|error| error.to_string().into())
    }

    fn network(&self) -> Arc<SharedClassifier> {
        let network = self.network.lock();
        network.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn current_method(&self) -> Method {
        Method::from_name(&self.text("method")).unwrap_or(Method::Auto)
    }

    /// A property as text: an enum's nick, a string or nothing.
    fn text(&self, name: &str) -> String {
        let value = self.overlay.property_value(name);
        let nick = glib::EnumValue::from_value(&value).map(|(_, value)| value.nick().to_owned());
        nick.or_else(|| value.get().ok()).unwrap_or_default()
    }

    fn choices(&self, name: &str) -> Vec<Choice> {
        let spec = self.overlay.find_property(name);
        let class = spec.and_then(|spec| glib::EnumClass::with_type(spec.value_type()));
        let values = class.iter().flat_map(|class| class.values());
        values
            .map(|value| Choice {
                value: value.nick().to_owned(),
                help: value.name().to_owned(),
            })
            .collect()
    }

    fn control(&self, name: &'static str) -> Control {
        let spec = self.overlay.find_property(name);
        let help = spec
            .as_ref()
            .and_then(|spec| spec.blurb().map(str::to_owned));
        let value = || self.text(name);
        let kind = match name {
            "target" | "versus" => Kind::Text { value: value() },
            "layer" => Kind::Choice {
                value: value(),
                choices: self
                    .layers
                    .iter()
                    .map(|layer| Choice {
                        value: layer.clone(),
                        help: String::new(),
                    })
                    .collect(),
            },
            "regions" => Kind::Switch {
                value: self.overlay.property(name),
            },
            "threshold" | "opacity" | "region-level" => Kind::Number {
                value: self.overlay.property(name),
                least: 0.0,
                most: 1.0,
            },
            _ => {
                let mut choices = self.choices(name);
                if name == "method" {
                    let network = self.network();
                    let suiting = Method::suiting(network.traits());
                    choices.retain(|choice| {
                        Method::from_name(&choice.value)
                            .is_some_and(|m| m == Method::Auto || suiting.contains(&m))
                    });
                }
                Kind::Choice {
                    value: value(),
                    choices,
                }
            }
        };
        Control {
            name,
            help: help.unwrap_or_default(),
            kind,
        }
    }

    /// Tells all browsers what is set.
    fn announce(&self) {
        let controls: Vec<Control> = NAMES.iter().map(|name| self.control(name)).collect();
        let network = self.network();
        let state = json!({"network": network.name(), "controls": controls});
        self.state.send_replace(state);
    }
}

fn of(overlay: &gst::Element) -> Result<&CamOverlay, Failure> {
    let overlay = overlay.downcast_ref::<CamOverlay>();
    overlay.ok_or_else(|| "camoverlay is another element here.".into())
}

fn open(overlay: &gst::Element) -> Result<Arc<SharedClassifier>, Failure> {
    Ok(SharedClassifier::open(&of(overlay)?.options())?)
}

fn wrong(name: &str, what: &str) -> Failure {
    Failure::from(format!("{name} takes {what}."))
}
