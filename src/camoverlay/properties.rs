//! The element's properties: names, types, defaults, and the values as the application last set them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use gst::{glib, prelude::*};
use gst_video::VideoOrientationMethod;

use super::heat::{self, Heat};
use super::{ColorOrder, Fit, Inference, Method, Net, PostMessages, Precision, Preprocess};

/// Largest `top-k`.
const TOP_K_MAX: u32 = 100;

/// Stands for the last layer with places.
const DEFAULT_LAYER: &str = "auto";
const DEFAULT_NET: Net = Net::Squeezenet;
const DEFAULT_PREPROCESS: Preprocess = Preprocess::Auto;
const DEFAULT_COLOR_ORDER: ColorOrder = ColorOrder::Auto;
const DEFAULT_FIT: Fit = Fit::Auto;
const DEFAULT_INPUT_SIZE: u32 = 0;
const DEFAULT_TARGET: &str = "top-1";
const DEFAULT_METHOD: Method = Method::Auto;
const DEFAULT_TOP_K: u32 = 3;
const DEFAULT_THRESHOLD: f64 = 0.2;
const DEFAULT_INFERENCE: Inference = Inference::EveryFrame;
const DEFAULT_INFERENCE_INTERVAL: u32 = 1;
const DEFAULT_FRAMES_IN_FLIGHT: u32 = 1;
/// Each has a thread and a tensor.
const MOST_FRAMES_IN_FLIGHT: u32 = 64;
const DEFAULT_THREADS: u32 = 0;
const DEFAULT_PROVIDER: &str = "cpu";
const DEFAULT_PRECISION: Precision = Precision::Auto;
const DEFAULT_MAX_ERRORS: i32 = 10;
const DEFAULT_INFERENCE_TIMEOUT: u64 = 0;
const DEFAULT_MEMORY_LIMIT: u64 = 0;
const DEFAULT_POST_MESSAGES: PostMessages = PostMessages::Changes;
const DEFAULT_ATTACH_MAP: bool = false;
const DEFAULT_ORIENTATION: VideoOrientationMethod = VideoOrientationMethod::Auto;
#[cfg(feature = "captions")]
const DEFAULT_DRAW_LABELS: bool = true;

/// What `start()` reads: changes take effect the next time the element starts.
#[derive(Clone)]
pub struct Setup {
    pub net: Net,
    pub model: Option<PathBuf>,
    pub labels: Option<PathBuf>,
    pub output: Option<String>,
    pub layer: Option<String>,
    pub preprocess: Preprocess,
    /// Empty: those of `preprocess`.
    pub mean: Vec<f64>,
    pub std: Vec<f64>,
    pub color_order: ColorOrder,
    pub fit: Fit,
    pub input_size: u32,
    pub threads: u32,
    pub memory_limit: u64,
    pub models_dir: Option<PathBuf>,
    pub ort_library: Option<PathBuf>,
    pub provider: String,
    pub provider_library: Option<PathBuf>,
    pub provider_options: Option<gst::Structure>,
    pub precision: Precision,
    pub inference: Inference,
    pub frames_in_flight: u32,
}

/// What every frame reads; cloning it allocates nothing.
#[derive(Clone)]
pub struct Live {
    pub target: Arc<str>,
    pub method: Method,
    pub top_k: usize,
    pub threshold: f64,
    #[cfg(feature = "captions")]
    pub draw_labels: bool,
    pub inference_interval: u32,
    /// Failures in a row; negative: any number.
    pub max_errors: i32,
    pub inference_timeout: Option<Duration>,
    pub post_messages: PostMessages,
    pub attach_map: bool,
    pub orientation: VideoOrientationMethod,
    pub heat: Heat,
}

/// All the settings, behind the element's one settings lock.
#[derive(Clone)]
pub struct Settings {
    pub setup: Setup,
    pub live: Live,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            setup: Setup {
                net: DEFAULT_NET,
                model: None,
                labels: None,
                output: None,
                layer: None,
                preprocess: DEFAULT_PREPROCESS,
                mean: Vec::new(),
                std: Vec::new(),
                color_order: DEFAULT_COLOR_ORDER,
                fit: DEFAULT_FIT,
                input_size: DEFAULT_INPUT_SIZE,
                threads: DEFAULT_THREADS,
                memory_limit: DEFAULT_MEMORY_LIMIT,
                models_dir: None,
                ort_library: None,
                provider: DEFAULT_PROVIDER.to_owned(),
                provider_library: None,
                provider_options: None,
                precision: DEFAULT_PRECISION,
                inference: DEFAULT_INFERENCE,
                frames_in_flight: DEFAULT_FRAMES_IN_FLIGHT,
            },
            live: Live {
                target: DEFAULT_TARGET.into(),
                method: DEFAULT_METHOD,
                top_k: DEFAULT_TOP_K as usize,
                threshold: DEFAULT_THRESHOLD,
                #[cfg(feature = "captions")]
                draw_labels: DEFAULT_DRAW_LABELS,
                inference_interval: DEFAULT_INFERENCE_INTERVAL,
                max_errors: DEFAULT_MAX_ERRORS,
                inference_timeout: timeout(DEFAULT_INFERENCE_TIMEOUT),
                post_messages: DEFAULT_POST_MESSAGES,
                attach_map: DEFAULT_ATTACH_MAP,
                orientation: DEFAULT_ORIENTATION,
                heat: Heat::default(),
            },
        }
    }
}

/// The ParamSpecs of every property but `stats`, which is no setting.
pub fn param_specs() -> Vec<glib::ParamSpec> {
    let mut specs = vec![
        glib::ParamSpecEnum::builder_with_default("net", DEFAULT_NET)
            .nick("Network")
            .blurb("Classifier of the catalogue to run and explain, unless model is set")
            .mutable_ready()
            .build(),
        path(
            "model",
            "Model file",
            "Path or file URI of an ONNX classifier to run and explain, or of the folder that it was exported to, in place \
             of net",
        ),
        path(
            "labels",
            "Labels file",
            "Path or file URI of a file of class names: one a line in the order of the classes, a table, or JSON \
             (unset: the network's own)",
        ),
        path(
            "output",
            "Output",
            "Name or index of the network's output to explain (unset: the one that most likely tells the classes)",
        ),
        glib::ParamSpecString::builder("layer")
            .nick("Layer")
            .blurb("Tensor or node whose feature map is explained, or several joined by + (auto: the last one with places)")
            .default_value(Some(DEFAULT_LAYER))
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("preprocess", DEFAULT_PREPROCESS)
            .nick("Preprocessing")
            .blurb("How pixel values are scaled for the network")
            .mutable_ready()
            .build(),
        numbers(
            "mean",
            "Mean",
            "Mean of the channels, 1 or 3 numbers from 0 to 1, in place of preprocess's (empty)",
        ),
        numbers(
            "std",
            "Standard deviation",
            "Deviation of the channels, 1 or 3 numbers from 0 to 1, in place of preprocess's (empty)",
        ),
        glib::ParamSpecEnum::builder_with_default("color-order", DEFAULT_COLOR_ORDER)
            .nick("Colour order")
            .blurb("The colours that the network wants")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("fit", DEFAULT_FIT)
            .nick("Fit")
            .blurb("How frames fill the network's input")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("input-size")
            .nick("Input size")
            .blurb("Shortest side fed to the network, in pixels; larger gives a finer map (0: the network's own)")
            .maximum(camoverlay::inference::MAX_INPUT_SIZE)
            .default_value(DEFAULT_INPUT_SIZE)
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("target")
            .nick("Target class")
            .blurb(
                "Class to explain: top-1, top-2, top-3, a label (its first name is enough), or an index \
                 (#n is always the index n); or several, separated by ; (\\; is a semicolon), a colour each",
            )
            .default_value(DEFAULT_TARGET)
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("method", DEFAULT_METHOD)
            .nick("Method")
            .blurb("How the class map is made")
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("top-k")
            .nick("Top k")
            .blurb("How many of the most likely classes are reported and drawn")
            .minimum(1)
            .maximum(TOP_K_MAX)
            .default_value(DEFAULT_TOP_K)
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("threshold")
            .nick("Threshold")
            .blurb("Class map values (0 to 1) below this show no heat")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(DEFAULT_THRESHOLD)
            .controllable()
            .mutable_playing()
            .build(),
        #[cfg(feature = "captions")]
        glib::ParamSpecBoolean::builder("draw-labels")
            .nick("Draw labels")
            .blurb("Draw the most likely classes and their scores into the picture, the explained class marked")
            .default_value(DEFAULT_DRAW_LABELS)
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("inference", DEFAULT_INFERENCE)
            .nick("Inference")
            .blurb("Whether a frame waits for its own class map")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("inference-interval")
            .nick("Inference interval")
            .blurb("Run the network on every n-th frame and hold its class map in between")
            .minimum(1)
            .default_value(DEFAULT_INFERENCE_INTERVAL)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("frames-in-flight")
            .nick("Frames in flight")
            .blurb("Frames that are worked on at once (more: throughput for latency; with inference=latest no frame waits, and none is held)")
            .minimum(1)
            .maximum(MOST_FRAMES_IN_FLIGHT)
            .default_value(DEFAULT_FRAMES_IN_FLIGHT)
            .mutable_ready()
            .build(),
        glib::ParamSpecInt::builder("max-errors")
            .nick("Maximum errors")
            .blurb("Frames in a row on which the network may fail before the stream does (-1: any number); the first frame must succeed")
            .minimum(-1)
            .default_value(DEFAULT_MAX_ERRORS)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt64::builder("inference-timeout")
            .nick("Inference timeout")
            .blurb("Nanoseconds after which a run of the network is cancelled and counts as a failed frame (0: never)")
            .default_value(DEFAULT_INFERENCE_TIMEOUT)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("threads")
            .nick("Threads")
            .blurb("ONNX Runtime's intra-op threads (0: as many as cores)")
            .maximum(1024)
            .default_value(DEFAULT_THREADS)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt64::builder("memory-limit")
            .nick("Memory limit")
            .blurb("Most bytes that the network takes, weights and a run's tensors together (0: what the machine has, but for a quarter of it)")
            .default_value(DEFAULT_MEMORY_LIMIT)
            .mutable_ready()
            .build(),
        path(
            "models-dir",
            "Models directory",
            "Where the networks' files are (unset: CAMOVERLAY_MODELS, then the installed and the source tree's place)",
        ),
        path(
            "ort-library",
            "ONNX Runtime library",
            "Path of libonnxruntime (unset: ORT_DYLIB_PATH, then beside the plugin, then where set-up put it, then the system)",
        ),
        glib::ParamSpecString::builder("provider")
            .nick("Execution provider")
            .blurb("Who computes the network: cpu, openvino, cuda, tensorrt, tensorrt-rtx, migraphx, qnn, or the name under which a plugin provider registers, with the device (:cpu, :gpu, :npu) behind it if need be; auto: the fastest that is installed and gives the same classes")
            .default_value(DEFAULT_PROVIDER)
            .mutable_ready()
            .build(),
        path(
            "provider-library",
            "Execution provider library",
            "Path of a plugin provider's library, or of the folder that it is in (unset: where set-up put it)",
        ),
        glib::ParamSpecBoxed::builder::<gst::Structure>("provider-options")
            .nick("Execution provider options")
            .blurb("Handed on to the execution provider, key by key (unset: what suits precision, threads and the cache)")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("precision", DEFAULT_PRECISION)
            .nick("Precision")
            .blurb("In how many bits the execution provider computes")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("post-messages", DEFAULT_POST_MESSAGES)
            .nick("Post messages")
            .blurb("When to post an element message, named camoverlay, with the result (all: a bus that is never read grows by each)")
            .mutable_playing()
            .build(),
        glib::ParamSpecBoolean::builder("attach-map")
            .nick("Attach map")
            .blurb("Put the raw class map into the metadata (CamOverlayMeta) too, as map, map-width and map-height")
            .default_value(DEFAULT_ATTACH_MAP)
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("orientation", DEFAULT_ORIENTATION)
            .nick("Orientation")
            .blurb("How frames have to be turned to be upright, as the network sees them; they stay as they lie (auto: what the stream's image-orientation tag says)")
            .mutable_playing()
            .build(),
    ];
    specs.extend(heat::param_specs());
    specs
}

fn path(name: &'static str, nick: &'static str, blurb: &'static str) -> glib::ParamSpec {
    glib::ParamSpecString::builder(name)
        .nick(nick)
        .blurb(blurb)
        .mutable_ready()
        .build()
}

/// An array of doubles.
fn numbers(name: &'static str, nick: &'static str, blurb: &'static str) -> glib::ParamSpec {
    gst::ParamSpecArray::builder(name)
        .element_spec(
            &glib::ParamSpecDouble::builder("number")
                .nick("Number")
                .blurb("Of a channel")
                .build(),
        )
        .nick(nick)
        .blurb(blurb)
        .mutable_ready()
        .build()
}

/// What an array of doubles holds.
fn doubles(value: &glib::Value) -> Vec<f64> {
    let array = value.get::<gst::ArrayRef>();
    let values = array.iter().flat_map(|array| array.as_slice());
    values.filter_map(|value| value.get().ok()).collect()
}

/// The fields of a structure as text.
fn pairs(structure: &gst::Structure) -> Vec<(String, String)> {
    let text = |value: &glib::Value| match value.get::<bool>() {
        // GLib's own words are in capitals, which no provider reads.
        Ok(is_set) => Some(is_set.to_string()),
        Err(_) => value.transform::<String>().ok()?.get().ok(),
    };
    let fields = structure.iter();
    fields
        .filter_map(|(name, value)| Some((name.to_string(), text(value)?)))
        .collect()
}

impl Setup {
    /// How many frames are worked on at once, one or more.
    pub fn frames_in_flight(&self) -> usize {
        match self.inference {
            Inference::EveryFrame => self.frames_in_flight.max(1) as usize,
            // Frames do not wait.
            Inference::Latest => 1,
        }
    }

    /// What to open, with `plugin_file` (where GStreamer loaded the plugin from, if from a file) as a place to look near.
    pub fn options(&self, plugin_file: Option<&Path>) -> camoverlay::inference::Options {
        // Where /lib is a link to /usr/lib, GStreamer may say /lib, and /share is nowhere.
        let plugin_file = plugin_file.and_then(|path| path.canonicalize().ok());
        let program = std::env::current_exe().ok();
        let places = plugin_file.as_deref().into_iter().chain(program.as_deref());
        camoverlay::inference::Options {
            source: match &self.model {
                Some(path) => camoverlay::inference::Source::File(path.clone()),
                None => camoverlay::inference::Source::Catalogue(self.net.entry()),
            },
            models_dir: self.models_dir.clone(),
            labels: self.labels.clone(),
            output: self.output.clone(),
            layer: self.layer.clone(),
            cell_by_cell: false,
            preprocess: self.preprocess.into(),
            mean: Some(self.mean.clone()).filter(|mean| !mean.is_empty()),
            std: Some(self.std.clone()).filter(|std| !std.is_empty()),
            color_order: self.color_order.into(),
            fit: self.fit.into(),
            crop_share: None,
            input_size: Some(self.input_size).filter(|size| *size > 0),
            threads: self.threads as usize,
            batch_size: 1,
            memory_limit: Some(self.memory_limit).filter(|bytes| *bytes > 0),
            ort_library: self.ort_library.clone(),
            provider: camoverlay::inference::Provider {
                name: self.provider.clone(),
                library: self.provider_library.clone(),
                options: self.provider_options.as_ref().map_or(Vec::new(), pairs),
                precision: self.precision.into(),
            },
            search_roots: places
                .flat_map(|file| file.ancestors().skip(1))
                .map(PathBuf::from)
                .collect(),
        }
    }
}

impl Settings {
    /// Stores `value` under property `name`, whose type GObject has checked.
    pub fn set(&mut self, name: &str, value: &glib::Value) {
        let Self { setup, live } = self;
        match name {
            "net" => assign(&mut setup.net, value),
            "model" => setup.model = optional_path(value),
            "labels" => setup.labels = optional_path(value),
            "output" => {
                let text: Option<String> = value.get().ok().flatten();
                setup.output = text.filter(|text| !text.is_empty());
            }
            "layer" => {
                let text: Option<String> = value.get().ok().flatten();
                setup.layer = text.filter(|text| !text.is_empty() && text != DEFAULT_LAYER);
            }
            "preprocess" => assign(&mut setup.preprocess, value),
            "mean" => setup.mean = doubles(value),
            "std" => setup.std = doubles(value),
            "color-order" => assign(&mut setup.color_order, value),
            "fit" => assign(&mut setup.fit, value),
            "input-size" => assign(&mut setup.input_size, value),
            "target" => {
                live.target = match bytes(value) {
                    Some(target) => target.to_string_lossy().into(),
                    None => DEFAULT_TARGET.into(),
                }
            }
            "method" => assign(&mut live.method, value),
            "top-k" => {
                if let Ok(k) = value.get::<u32>() {
                    live.top_k = k as usize;
                }
            }
            "threshold" => assign(&mut live.threshold, value),
            #[cfg(feature = "captions")]
            "draw-labels" => assign(&mut live.draw_labels, value),
            "inference" => assign(&mut setup.inference, value),
            "inference-interval" => assign(&mut live.inference_interval, value),
            "frames-in-flight" => assign(&mut setup.frames_in_flight, value),
            "max-errors" => assign(&mut live.max_errors, value),
            "inference-timeout" => {
                if let Ok(nanoseconds) = value.get() {
                    live.inference_timeout = timeout(nanoseconds);
                }
            }
            "threads" => assign(&mut setup.threads, value),
            "memory-limit" => assign(&mut setup.memory_limit, value),
            "models-dir" => setup.models_dir = optional_path(value),
            "ort-library" => setup.ort_library = optional_path(value),
            "provider" => {
                setup.provider = match bytes(value).filter(|name| !name.as_os_str().is_empty()) {
                    Some(name) => name.to_string_lossy().into(),
                    None => DEFAULT_PROVIDER.to_owned(),
                }
            }
            "provider-library" => setup.provider_library = optional_path(value),
            "provider-options" => setup.provider_options = value.get().ok().flatten(),
            "precision" => assign(&mut setup.precision, value),
            "post-messages" => assign(&mut live.post_messages, value),
            "attach-map" => assign(&mut live.attach_map, value),
            "orientation" => assign(&mut live.orientation, value),
            _ => live.heat.set(name, value),
        }
    }

    /// The value of property `name`, `None` for a name that is no setting.
    pub fn get(&self, name: &str) -> Option<glib::Value> {
        let Self { setup, live } = self;
        Some(match name {
            "net" => setup.net.to_value(),
            "model" => setup.model.to_value(),
            "labels" => setup.labels.to_value(),
            "output" => setup.output.to_value(),
            "layer" => setup.layer.as_deref().unwrap_or(DEFAULT_LAYER).to_value(),
            "preprocess" => setup.preprocess.to_value(),
            "mean" => gst::Array::new(&setup.mean).to_value(),
            "std" => gst::Array::new(&setup.std).to_value(),
            "color-order" => setup.color_order.to_value(),
            "fit" => setup.fit.to_value(),
            "input-size" => setup.input_size.to_value(),
            "target" => (*live.target).to_value(),
            "method" => live.method.to_value(),
            "top-k" => (live.top_k as u32).to_value(),
            "threshold" => live.threshold.to_value(),
            #[cfg(feature = "captions")]
            "draw-labels" => live.draw_labels.to_value(),
            "inference" => setup.inference.to_value(),
            "inference-interval" => live.inference_interval.to_value(),
            "frames-in-flight" => setup.frames_in_flight.to_value(),
            "max-errors" => live.max_errors.to_value(),
            "inference-timeout" => {
                let timeout = live.inference_timeout.unwrap_or_default();
                u64::try_from(timeout.as_nanos())
                    .unwrap_or(u64::MAX)
                    .to_value()
            }
            "threads" => setup.threads.to_value(),
            "memory-limit" => setup.memory_limit.to_value(),
            "models-dir" => setup.models_dir.to_value(),
            "ort-library" => setup.ort_library.to_value(),
            "provider" => setup.provider.to_value(),
            "provider-library" => setup.provider_library.to_value(),
            "provider-options" => setup.provider_options.to_value(),
            "precision" => setup.precision.to_value(),
            "post-messages" => live.post_messages.to_value(),
            "attach-map" => live.attach_map.to_value(),
            "orientation" => live.orientation.to_value(),
            _ => return live.heat.get(name),
        })
    }
}

/// Zero stands for none.
fn timeout(nanoseconds: u64) -> Option<Duration> {
    Some(Duration::from_nanos(nanoseconds)).filter(|timeout| !timeout.is_zero())
}

pub fn assign<'a, T: glib::value::FromValue<'a>>(place: &mut T, value: &'a glib::Value) {
    if let Ok(value) = value.get() {
        *place = value;
    }
}

/// The text of a string property. GObject's strings need not be UTF-8, and a `&str` of one that is not would be a panic.
pub fn bytes(value: &glib::Value) -> Option<PathBuf> {
    value.get().ok().flatten()
}

/// A path, or the one that a file URI stands for: `gst-launch-1.0` takes no other names that are not UTF-8.
fn optional_path(value: &glib::Value) -> Option<PathBuf> {
    let path = bytes(value).filter(|path| !path.as_os_str().is_empty())?;
    let of_uri = || {
        let uri = path.to_str().filter(|text| text.starts_with("file://"))?;
        Some(glib::filename_from_uri(uri).ok()?.0)
    };
    Some(of_uri().unwrap_or(path))
}
