//! The command-line options that choose and question the network, the same in every program.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use gst::glib;
use gst::prelude::*;

use crate::failure::Failure;
use crate::heat_options::HeatOptions;
use camoverlay::inference::{MAX_INPUT_SIZE, Options, Provider, Source};
use gstcamoverlay::camoverlay::{ColorOrder, Fit, Inference, Method, Net, Precision, Preprocess};

/// Which network, and how it is run. Whatever is not given is as the element has it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Network")]
pub struct NetworkOptions {
    /// Network of the catalogue
    #[arg(long, value_name = "NETWORK", value_parser = nicks::<Net>())]
    pub net: Option<String>,
    /// Labels, one class a line, a table or JSON, in place of the network's own
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Output to explain, by name or index, where the network has several
    #[arg(long, value_name = "NAME")]
    pub net_output: Option<String>,
    /// Tensor or node whose feature map is explained, or several joined by +; the last one with places unless said otherwise
    #[arg(long, value_name = "NAME")]
    pub layer: Option<String>,
    /// How pixel values are scaled for the network
    #[arg(long, value_name = "PREPROCESSING", value_parser = nicks::<Preprocess>())]
    pub preprocess: Option<String>,
    /// Mean of the channels, 1 or 3 numbers from 0 to 1 with commas between them, in place of the preprocessing's
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = number::<f64>)]
    pub mean: Option<Vec<f64>>,
    /// Standard deviation of the channels, 1 or 3 numbers from 0 to 1 with commas between them, in place of the
    /// preprocessing's
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = number::<f64>)]
    pub std: Option<Vec<f64>>,
    /// The colours that the network wants
    #[arg(long, value_name = "ORDER", value_parser = nicks::<ColorOrder>())]
    pub color_order: Option<String>,
    /// How frames fill the network's input
    #[arg(long, value_name = "FIT", value_parser = nicks::<Fit>())]
    pub fit: Option<String>,
    /// Shortest side fed to the network, in pixels; larger gives a finer map
    #[arg(long, value_name = "N", value_parser = number::<u32>)]
    pub input_size: Option<u32>,
    /// Threads of the network; 0 for as many as cores
    #[arg(long, value_name = "N", value_parser = number::<u32>)]
    pub threads: Option<u32>,
    /// Most bytes that the network takes, weights and a run's tensors together; 0 for what the machine has, but for a
    /// quarter of it
    #[arg(long, value_name = "BYTES", value_parser = number::<u64>)]
    pub memory_limit: Option<u64>,
    /// Who computes the network: cpu, openvino, cuda, tensorrt, tensorrt-rtx, migraphx, qnn, or the name under which a plugin
    /// provider registers, with the device (:cpu, :gpu, :npu) behind it if need be; auto for the fastest that is installed
    /// and gives the same classes
    #[arg(long, value_name = "PROVIDER")]
    pub provider: Option<String>,
    /// Path of a plugin provider's library, or of the folder that it is in
    #[arg(long, value_name = "FILE-OR-FOLDER")]
    pub provider_library: Option<PathBuf>,
    /// Handed on to the provider; may be given again
    #[arg(long = "provider-option", value_name = "KEY=VALUE", value_parser = pair)]
    pub provider_options: Vec<(String, String)>,
    /// In how many bits the provider computes
    #[arg(long, value_name = "PRECISION", value_parser = nicks::<Precision>())]
    pub precision: Option<String>,
    /// Where the catalogue's networks are
    #[arg(long, value_name = "FOLDER")]
    pub models_dir: Option<PathBuf>,
    /// Path of libonnxruntime.so
    #[arg(long, value_name = "FILE")]
    pub ort_library: Option<PathBuf>,
}

/// What is asked of the network. Whatever is not given is as the element has it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Explanation")]
pub struct QuestionOptions {
    /// Class to explain: top-1, top-2, top-3, a label or an index (#n: always the index); several with ; between them
    #[arg(long, value_name = "CLASS")]
    pub target: Option<String>,
    /// How the class map is made
    #[arg(long, value_name = "METHOD", value_parser = nicks::<Method>())]
    pub method: Option<String>,
    /// How many classes are reported
    #[arg(long, value_name = "N", value_parser = number::<u32>)]
    pub top_k: Option<u32>,
    /// Class map values (0 to 1) below this show no heat, 0.2 unless said otherwise
    #[arg(long, value_name = "T", value_parser = number::<f64>)]
    pub threshold: Option<f64>,
}

/// Everything that sets up a `camoverlay` element.
#[derive(Args, Clone, Debug, Default)]
pub struct OverlayOptions {
    /// ONNX classifier to explain, or the folder that it was exported to, in place of one of the catalogue
    #[arg(
        long,
        value_name = "FILE-OR-FOLDER",
        conflicts_with = "net",
        help_heading = "Network"
    )]
    pub model: Option<PathBuf>,
    #[command(flatten)]
    pub network: NetworkOptions,
    #[command(flatten)]
    pub question: QuestionOptions,
    #[command(flatten)]
    pub heat: HeatOptions,
    /// Whether a frame waits for its own class map
    #[arg(long, value_name = "INFERENCE", value_parser = nicks::<Inference>(), help_heading = "Explanation")]
    pub inference: Option<String>,
    /// Draw no labels into the picture
    #[arg(long, help_heading = "Explanation")]
    pub no_labels: bool,
}

impl OverlayOptions {
    /// A `camoverlay` element set as the options say.
    ///
    /// # Errors
    /// A value that the element's property does not take.
    pub fn element(&self) -> Result<gst::Element, Failure> {
        let element = gst::ElementFactory::make("camoverlay").build()?;
        self.configure(&element)?;
        Ok(element)
    }

    /// Sets the properties of a `camoverlay` element that the options name.
    ///
    /// # Errors
    /// A value that the element's property does not take.
    pub fn configure(&self, element: &gst::Element) -> Result<(), Failure> {
        let (network, question) = (&self.network, &self.question);
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let settings = [
            ("net", network.net.clone()),
            ("output", network.net_output.clone()),
            ("layer", network.layer.clone()),
            ("preprocess", network.preprocess.clone()),
            ("color-order", network.color_order.clone()),
            ("fit", network.fit.clone()),
            ("input-size", number(network.input_size)),
            ("threads", number(network.threads)),
            (
                "memory-limit",
                network.memory_limit.map(|bytes| bytes.to_string()),
            ),
            ("provider", network.provider.clone()),
            ("precision", network.precision.clone()),
            ("target", question.target.clone()),
            ("method", question.method.clone()),
            ("top-k", number(question.top_k)),
            (
                "threshold",
                question.threshold.map(|threshold| threshold.to_string()),
            ),
            ("inference", self.inference.clone()),
            ("draw-labels", self.no_labels.then(|| "false".to_owned())),
        ];
        let paths = [
            ("model", &self.model),
            ("labels", &network.labels),
            ("models-dir", &network.models_dir),
            ("ort-library", &network.ort_library),
            ("provider-library", &network.provider_library),
        ];
        for (name, path) in paths {
            if let Some(path) = path {
                element.set_property(name, path);
            }
        }
        for (name, numbers) in [("mean", &network.mean), ("std", &network.std)] {
            if let Some(numbers) = numbers {
                element.set_property(name, gst::Array::new(numbers));
            }
        }
        if !network.provider_options.is_empty() {
            let fields = network.provider_options.iter();
            let options = fields.fold(
                gst::Structure::new_empty("options"),
                |mut all, (key, value)| {
                    all.set(key, value);
                    all
                },
            );
            element.set_property("provider-options", options);
        }
        for (name, value) in settings {
            if let Some(value) = value {
                set(element, name, &value)?;
            }
        }
        self.heat.configure(element)
    }
}

/// Sets a property from text, refusing what is out of its range instead of cutting it to fit.
pub(crate) fn set(element: &gst::Element, name: &str, text: &str) -> Result<(), Failure> {
    let Some(spec) = element.find_property(name) else {
        return Err(Failure::usage(format!(
            "--{name} does nothing here: camoverlay was built without it."
        )));
    };
    let range = if let Some(spec) = spec.downcast_ref::<glib::ParamSpecUInt>() {
        Some((f64::from(spec.minimum()), f64::from(spec.maximum())))
    } else {
        let spec = spec.downcast_ref::<glib::ParamSpecDouble>();
        spec.map(|spec| (spec.minimum(), spec.maximum()))
    };
    let number = text.parse().unwrap_or(f64::NAN);
    if let Some((least, most)) = range
        && !(least..=most).contains(&number)
    {
        return Err(Failure::usage(format!(
            "--{name} takes a number from {least} to {most}, not “{text}”."
        )));
    }
    element.set_property_from_str(name, text);
    Ok(())
}

impl NetworkOptions {
    /// What the network room opens: the file `model`, or what `net` names.
    ///
    /// # Errors
    /// Neither is given.
    pub fn options(&self, model: Option<&Path>) -> Result<Options, Failure> {
        let entry = self.net.as_deref().and_then(camoverlay::inference::entry);
        let source = match (model, entry) {
            (Some(path), _) => Source::File(path.to_owned()),
            (None, Some(entry)) => Source::Catalogue(entry),
            (None, None) => return Err(Failure::usage("No network is named.")),
        };
        if let Some(size) = self.input_size.filter(|size| *size > MAX_INPUT_SIZE) {
            return Err(Failure::usage(format!(
                "--input-size takes a number from 0 to {MAX_INPUT_SIZE}, not “{size}”."
            )));
        }
        let program = std::env::current_exe().unwrap_or_default();
        Ok(Options {
            source,
            models_dir: self.models_dir.clone(),
            labels: self.labels.clone(),
            output: self.net_output.clone(),
            layer: self.layer.clone().filter(|layer| layer != "auto"),
            cell_by_cell: false,
            preprocess: self
                .preprocess
                .as_deref()
                .and_then(camoverlay::preprocess::Preprocess::from_name),
            mean: self.mean.clone(),
            std: self.std.clone(),
            color_order: self
                .color_order
                .as_deref()
                .and_then(camoverlay::preprocess::ColorOrder::from_name),
            fit: self
                .fit
                .as_deref()
                .and_then(camoverlay::preprocess::FitMode::from_name),
            crop_share: None,
            input_size: self.input_size.filter(|size| *size > 0),
            threads: self.threads.unwrap_or(0) as usize,
            batch_size: 1,
            memory_limit: self.memory_limit.filter(|bytes| *bytes > 0),
            ort_library: self.ort_library.clone(),
            provider: self.provider(),
            search_roots: program.ancestors().skip(1).map(Path::to_owned).collect(),
        })
    }
}

impl NetworkOptions {
    fn provider(&self) -> Provider {
        let default = Provider::default();
        let precision = self.precision.as_deref();
        Provider {
            name: self.provider.clone().unwrap_or(default.name),
            library: self.provider_library.clone(),
            options: self.provider_options.clone(),
            precision: precision
                .and_then(camoverlay::inference::Precision::from_name)
                .unwrap_or(default.precision),
        }
    }
}

/// What stands before and behind the first `=`.
fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a key, = and its value")?;
    match key.is_empty() {
        true => Err("a key before the =".to_owned()),
        false => Ok((key.to_owned(), value.to_owned())),
    }
}

/// The values of an enum property, under the element's own names and with its own words.
pub(crate) fn nicks<E: StaticType>() -> PossibleValuesParser {
    let class = glib::EnumClass::with_type(E::static_type());
    let values = class.iter().flat_map(|class| class.values());
    let possible = values
        .map(|value| PossibleValue::new(value.nick().to_owned()).help(value.name().to_owned()));
    possible.collect::<Vec<_>>().into()
}

pub(crate) fn number<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| String::from("a number"))
}
