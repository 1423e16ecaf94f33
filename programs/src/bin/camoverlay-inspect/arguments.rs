//! The command line.

use std::path::PathBuf;

use camoverlay::cam::Method;
use camoverlay::model::Traits;
use camoverlay_programs::{Failure, Input, NetworkOptions, QuestionOptions, is_same_file};

/// Prints what camoverlay finds in an image classifier
///
/// That is its input, its last feature map, its head, and the methods that can explain it. Exits with 1 and the reason
/// where camoverlay would refuse the network, or the picture cannot be read; with 3 where its file or address gives nothing,
/// or next to nothing, for some seconds.
#[derive(clap::Parser)]
#[command(name = "camoverlay-inspect", version)]
pub struct Arguments {
    /// ONNX classifier to inspect, or the folder that it was exported to
    #[arg(value_name = "MODEL", conflicts_with = "net")]
    pub model: Option<PathBuf>,
    /// Explain this picture (a file or an address), upright; of a video, its first frame
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,
    /// Write the overlay of the picture
    #[arg(long, value_name = "FILE.png")]
    pub output: Option<PathBuf>,
    /// List the layers that --layer can name: the tensor, its channels and cells, what a cell sees, and what explaining it
    /// takes, as a share of what the network itself does; ONNX Runtime is not needed for it
    #[arg(long, conflicts_with_all = ["image", "output"])]
    pub layers: bool,
    /// List the execution providers that are installed, with their devices, and what a run of the network takes each of them
    /// (SqueezeNet where none is named); each is tried anew
    #[arg(long, conflicts_with_all = ["image", "output", "layers"])]
    pub providers: bool,
    /// Measure what the map of each method (or of --method) is worth on the picture: the class's score while the hottest pixels
    /// are deleted, inserted and imputed, next to random pixels and the picture's centre; takes a second or two a method
    #[arg(long, requires = "image", conflicts_with_all = ["layers", "providers"])]
    pub faithfulness: bool,
    /// Print JSON; the explained class's map included
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub network: NetworkOptions,
    #[command(flatten)]
    pub question: QuestionOptions,
}

impl Arguments {
    /// # Errors
    /// Options that make no sense together.
    pub fn check(&self) -> Result<(), Failure> {
        if self.output.is_some() && self.image.is_none() {
            return Err(Failure::usage("--output needs --image."));
        }
        if let (Some(image), Some(output)) = (&self.image, &self.output) {
            let overwrites = |what| {
                Err(format!("The overlay would overwrite {what}. Name another --output.").into())
            };
            if Input::parse(Some(image.as_os_str())).is_ok_and(|image| image.lies_at(output)) {
                return overwrites("its own picture");
            }
            let network = [&self.model, &self.network.labels].into_iter().flatten();
            if network.into_iter().any(|path| is_same_file(path, output)) {
                return overwrites("the network or its labels");
            }
            let suffix = output.extension();
            if suffix.is_none_or(|suffix| !suffix.eq_ignore_ascii_case("png")) {
                return Err(Failure::usage(format!(
                    "The overlay is written as PNG, and “{}” does not end in .png.",
                    output.display()
                )));
            }
        }
        Ok(())
    }

    /// Those that --faithfulness measures: the one that is asked for, or all that suit a network of these `traits`.
    pub fn methods(&self, traits: Traits) -> Vec<Method> {
        match self.method() {
            Method::Auto => Method::suiting(traits),
            method => vec![method],
        }
    }

    pub fn method(&self) -> Method {
        let name = self.question.method.as_deref();
        name.and_then(Method::from_name).unwrap_or(Method::Auto)
    }
}
