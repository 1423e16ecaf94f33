//! Which classes a place of the last frame speaks for: the action signal `classes-at`, and navigation events.

use std::sync::{Arc, Mutex, OnceLock};

use gst::{glib, prelude::*, subclass::prelude::*};
use gst_video::NavigationEvent;

use super::imp::{CamOverlay, lock};
use super::log::CAT;
use camoverlay::cam;
use camoverlay::frame::Orientation;
use camoverlay::inference::{KeptRun, Options, PlaceNetwork, SharedClassifier};
use camoverlay::preprocess::Placement;
use camoverlay::render::CellGrid;

/// Name of the message that answers a mouse.
const MESSAGE_NAME: &str = "camoverlay-at";

/// The last frame that the network saw.
#[derive(Default)]
pub struct LastRun {
    /// What the network returned.
    pub kept: KeptRun,
    /// What it was given, where its head has to be run to be asked, with width and height.
    pub tensor: Vec<f32>,
    pub size: (usize, usize),
    pub view: Option<View>,
}

/// Runs a head of several layers for those who ask about a place, once somebody does.
pub struct Asker {
    options: Options,
    opened: OnceLock<Result<Mutex<PlaceNetwork>, String>>,
}

impl Asker {
    /// Of the network of `options`.
    pub fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            opened: OnceLock::new(),
        }
    }

    /// The logits of the picture in `tensor` with the same `features` at every place.
    fn logits(
        &self,
        (tensor, size): (&[f32], (usize, usize)),
        features: &[f32],
    ) -> Result<Vec<f32>, String> {
        let opened = self.opened.get_or_init(|| {
            let opened = PlaceNetwork::open(&self.options).map_err(|error| error.to_string())?;
            opened
                .map(Mutex::new)
                .ok_or_else(|| "its head cannot be run for one place".to_owned())
        });
        let mut network = lock(opened.as_ref().map_err(Clone::clone)?);
        let logits = network.logits(tensor, size, features);
        logits
            .map(<[f32]>::to_vec)
            .map_err(|error| error.to_string())
    }
}

/// The place that a mouse points at, while the head of the network is run for that or the one before.
#[derive(Default)]
pub struct Pointer {
    place: Option<(f64, f64)>,
    is_busy: bool,
}

/// How a frame lies in the network's map.
pub struct View {
    pub network: Arc<SharedClassifier>,
    pub asker: Arc<Asker>,
    pub top_k: usize,
    /// Width and height of the frame as it is stored.
    pub frame: (usize, usize),
    pub orientation: Orientation,
    /// Where it lies in the tensor, upright, whose cells tile that unless they lie as `grid` says.
    pub placement: Placement,
    pub grid: Option<CellGrid>,
}

pub type Shared = Arc<Mutex<LastRun>>;

impl View {
    /// The place of a pixel of the stored frame in a map of `cells`, width and height, in cells from its left and top edge.
    /// None outside of what the network saw.
    fn place(&self, (x, y): (f64, f64), cells: (usize, usize)) -> Option<(f64, f64)> {
        let (width, height) = (self.frame.0 as f64, self.frame.1 as f64);
        if !((0.0..width).contains(&x) && (0.0..height).contains(&y)) {
            return None;
        }
        let x = if self.orientation.mirrored_x {
            width - x
        } else {
            x
        };
        let y = if self.orientation.mirrored_y {
            height - y
        } else {
            y
        };
        let (x, y) = self.orientation.sides((x, y));
        let upright = self.orientation.sides((width, height));
        let in_tensor = |[start, end]: [f64; 2], at: f64, length: f64| {
            let place = start + (end - start) * at / length;
            (0.0..=1.0).contains(&place).then_some(place)
        };
        let across = in_tensor(self.placement.across, x, upright.0)?;
        let down = in_tensor(self.placement.down, y, upright.1)?;
        Some(match &self.grid {
            Some(grid) => (grid.across.cell(x), grid.down.cell(y)),
            None => (across * cells.0 as f64, down * cells.1 as f64),
        })
    }
}

/// What is asked about a place.
struct Question {
    network: Arc<SharedClassifier>,
    top_k: usize,
    /// The features there.
    features: Vec<f32>,
    /// Where the head has to be run.
    run: Option<Run>,
}

/// How a head is run.
struct Run {
    asker: Arc<Asker>,
    tensor: Vec<f32>,
    size: (usize, usize),
}

impl LastRun {
    /// About the place at `x`, `y`, in pixels of the frame as it is stored.
    fn question(&self, x: f64, y: f64) -> Result<Question, String> {
        let view = self.view.as_ref().ok_or("no frame was explained yet")?;
        let features = self.kept.features().ok_or("no frame was explained yet")?;
        let cells = (features.width, features.height);
        let place = view
            .place((x, y), cells)
            .ok_or_else(|| format!("the network did not see the frame at {x}, {y}"))?;
        let has_layers = !view.network.head().is_affine();
        Ok(Question {
            network: view.network.clone(),
            top_k: view.top_k,
            features: cam::features_at(&features, place),
            run: has_layers.then(|| Run {
                asker: view.asker.clone(),
                tensor: self.tensor.clone(),
                size: self.size,
            }),
        })
    }
}

impl Question {
    /// The fields of the answer.
    fn answer(&self, x: f64, y: f64) -> Result<gst::Structure, String> {
        let network = &self.network;
        let logits = match &self.run {
            Some(Run {
                asker,
                tensor,
                size,
            }) => asker.logits((tensor, *size), &self.features)?,
            None => cam::logits_of(&self.features, network.head())
                .ok_or("the head has several layers")?,
        };
        let classes = cam::best_classes(&logits, network.scores(), self.top_k);
        let label = |id: usize| network.labels().get(id).map_or("", |label| &**label);
        Ok(gst::Structure::builder(MESSAGE_NAME)
            .field("x", x)
            .field("y", y)
            .field(
                "ids",
                gst::Array::new(classes.iter().map(|class| class.id as i32)),
            )
            .field(
                "labels",
                gst::Array::new(classes.iter().map(|class| label(class.id))),
            )
            .field(
                "scores",
                gst::Array::new(classes.iter().map(|class| f64::from(class.score))),
            )
            .build())
    }
}

/// The action signal.
pub fn signal() -> glib::subclass::Signal {
    glib::subclass::Signal::builder("classes-at")
        .param_types([f64::static_type(), f64::static_type()])
        .return_type::<Option<gst::Structure>>()
        .action()
        .class_handler(|arguments| {
            let element: super::CamOverlay = arguments.first()?.get().ok()?;
            let (x, y) = (arguments.get(1)?.get().ok()?, arguments.get(2)?.get().ok()?);
            Some(element.imp().classes_at(x, y).to_value())
        })
        .build()
}

impl CamOverlay {
    /// Which classes the last frame speaks for at a place, in pixels of the frame as it is stored, if that can be told.
    pub fn classes_at(&self, x: f64, y: f64) -> Option<gst::Structure> {
        let last = lock(&self.last_run).clone()?;
        // Frames go on while the answer is found.
        let question = lock(&last).question(x, y);
        let answer = question.and_then(|question| question.answer(x, y));
        answer
            .map_err(|why| gst::info!(CAT, imp = self, "no classes at {x}, {y}: {why}"))
            .ok()
    }

    /// Answers a mouse that moves or clicks on the picture.
    pub fn navigate(&self, event: &gst::EventRef) {
        let place = match NavigationEvent::parse(event) {
            Ok(NavigationEvent::MouseMove { x, y, .. }) => (x, y),
            Ok(NavigationEvent::MouseButtonPress { x, y, .. }) => (x, y),
            _ => return,
        };
        if !self.runs_head() {
            return self.tell_of(place);
        }
        // Not on the thread that events come from; a mouse that goes on meanwhile is answered where it is then.
        let mut pointer = lock(&self.pointer);
        pointer.place = Some(place);
        if std::mem::replace(&mut pointer.is_busy, true) {
            return;
        }
        drop(pointer);
        self.obj().call_async(|element| {
            let imp = element.imp();
            while let Some(place) = imp.next_place() {
                imp.tell_of(place);
            }
        });
    }

    /// Whether the network has to be run to be asked about a place.
    fn runs_head(&self) -> bool {
        let last = lock(&self.last_run).clone();
        last.is_some_and(|last| {
            let view = &lock(&last).view;
            view.as_ref()
                .is_some_and(|view| !view.network.head().is_affine())
        })
    }

    /// The place that the mouse has come to since the last one.
    fn next_place(&self) -> Option<(f64, f64)> {
        let mut pointer = lock(&self.pointer);
        let place = pointer.place.take();
        pointer.is_busy = place.is_some();
        place
    }

    /// Posts which classes a place speaks for.
    fn tell_of(&self, (x, y): (f64, f64)) {
        if let Some(answer) = self.classes_at(x, y) {
            let obj = self.obj();
            let message = gst::message::Element::builder(answer).src(&*obj).build();
            // A bus that is flushing takes none.
            let _ = obj.post_message(message);
        }
    }
}
