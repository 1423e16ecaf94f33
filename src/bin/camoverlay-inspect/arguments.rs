//! The command line.

use std::path::{Path, PathBuf};

use gstcamoverlay::explain::Method;
use gstcamoverlay::network::{self, Options, Preprocess, Source};

pub const HELP: &str = "\
Usage: camoverlay-inspect MODEL.onnx [OPTION]...
       camoverlay-inspect --net NAME [OPTION]...

Prints what camoverlay finds in an image classifier: its input, its last
feature map, its head, and the methods that can explain it. Exits with 1 and
the reason where camoverlay would refuse the network.

  --net NAME           a network of the catalogue instead of a file
  --image FILE         explain this picture
  --output FILE.png    write the overlay of the picture
  --target CLASS       class to explain: top-1, top-2, ..., a number or a label
  --method METHOD      auto, cam, gradcam, hirescam, gradcam++, layercam or
                       eigencam
  --top-k N            number of classes to print, 5 unless said otherwise
  --threshold T        share of the map that shows no heat, 0.2 unless said
                       otherwise
  --labels FILE        labels, one class a line
  --preprocess NAME    torch, caffe, tf, lite, unit or raw
  --input-size N       shortest side fed to the network, in pixels
  --models-dir FOLDER  where the catalogue's networks are
  --ort-library FILE   path of libonnxruntime.so
  --threads N          threads of the network; 0 for as many as cores
  --json               print JSON; the explained class's map included
  --help               print this
";

/// What the user wants.
pub enum Wish {
    Help,
    Inspect(Arguments),
}

/// What to inspect and how.
pub struct Arguments {
    pub options: Options,
    pub image: Option<PathBuf>,
    pub output: Option<PathBuf>,
    pub target: String,
    pub method: Method,
    pub top_k: usize,
    pub threshold: f64,
    pub json: bool,
}

/// Reads the command line.
///
/// # Errors
/// One sentence on what is wrong with it.
pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Wish, String> {
    let program = std::env::current_exe().unwrap_or_default();
    let mut source = None;
    let mut arguments = Arguments {
        options: Options {
            source: Source::File(PathBuf::new()),
            models_dir: None,
            labels: None,
            preprocess: None,
            input_size: None,
            threads: 0,
            ort_library: None,
            search_roots: program.ancestors().skip(1).map(Path::to_owned).collect(),
        },
        image: None,
        output: None,
        target: "top-1".to_owned(),
        method: Method::Auto,
        top_k: 5,
        threshold: 0.2,
        json: false,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value."));
        let options = &mut arguments.options;
        match word.as_str() {
            "--help" | "-h" => return Ok(Wish::Help),
            "--json" => arguments.json = true,
            "--net" => source = Some(Source::Catalogue(catalogued(&value()?)?)),
            "--image" => arguments.image = Some(value()?.into()),
            "--output" => arguments.output = Some(value()?.into()),
            "--target" => arguments.target = value()?,
            "--method" => arguments.method = method(&value()?)?,
            "--top-k" => arguments.top_k = number(&word, &value()?)?,
            "--threshold" => arguments.threshold = number(&word, &value()?)?,
            "--labels" => options.labels = Some(value()?.into()),
            "--preprocess" => options.preprocess = Some(preprocess(&value()?)?),
            "--input-size" => options.input_size = Some(number(&word, &value()?)?),
            "--models-dir" => options.models_dir = Some(value()?.into()),
            "--ort-library" => options.ort_library = Some(value()?.into()),
            "--threads" => options.threads = number(&word, &value()?)?,
            option if option.starts_with('-') => {
                return Err(format!("There is no option {option}."));
            }
            file if source.is_none() => source = Some(Source::File(file.into())),
            file => return Err(format!("{file} is one network too many.")),
        }
    }
    if arguments.output.is_some() && arguments.image.is_none() {
        return Err("--output needs --image.".to_owned());
    }
    arguments.options.source = source.ok_or("No network is named.")?;
    Ok(Wish::Inspect(arguments))
}

fn number<T: std::str::FromStr>(option: &str, text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{option} takes a number, not “{text}”."))
}

fn catalogued(name: &str) -> Result<&'static network::Entry, String> {
    network::entry(name).ok_or_else(|| {
        let names: Vec<&str> = network::entries().iter().map(|entry| entry.nick).collect();
        format!(
            "There is no network {name} in the catalogue, which has {}.",
            names.join(", ")
        )
    })
}

fn method(name: &str) -> Result<Method, String> {
    Method::from_name(name).ok_or_else(|| {
        let names = Method::ALL.map(Method::name);
        format!("There is no method {name}; there are {}.", names.join(", "))
    })
}

fn preprocess(name: &str) -> Result<Preprocess, String> {
    Preprocess::from_name(name).ok_or_else(|| {
        let names = Preprocess::ALL.map(Preprocess::name);
        format!(
            "There is no preprocessing {name}; there are {}.",
            names.join(", ")
        )
    })
}
