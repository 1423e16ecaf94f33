//! Small transformers next to maps that were made elsewhere, by automatic differentiation in PyTorch.

mod common;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use camoverlay::cam::{Explanation, Method, features_at, logits_of};
use camoverlay::inference::{Classifier, Options, PlaceNetwork, Source};
use camoverlay::model::{Detail, Target};
use serde_json::Value;

/// How far a value of a map may be off, as a share of what it is a sum of.
const TOLERANCE: f64 = 1e-4;

fn picture(path: &Path) -> (Vec<f32>, usize, usize) {
    let decoder = png::Decoder::new(BufReader::new(File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let (width, height) = (info.width as usize, info.height as usize);
    let samples = info.color_type.samples();
    let mean = [0.485f32, 0.456, 0.406];
    let deviation = [0.229f32, 0.224, 0.225];
    let tensor = (0..3 * width * height).map(|index| {
        let (channel, pixel) = (index / (width * height), index % (width * height));
        (f32::from(bytes[pixel * samples + channel]) / 255.0 - mean[channel]) / deviation[channel]
    });
    (tensor.collect(), width, height)
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        Value::Null => Vec::new(),
        value => vec![value.as_f64().unwrap()],
    }
}

#[test]
fn maps_at_named_layers_are_those_of_automatic_differentiation() {
    const WHAT: &str = "maps of small transformers";
    let Some(folder) = common::shared(WHAT, "cases/tiny") else {
        return;
    };
    compare_all(WHAT, &folder, 31);
}

/// Those that `tests/graphs/make_transformers.py` writes: networks of timm and Transformers by both of torch's exporters, and
/// as ONNX Runtime's optimiser rewrites them.
#[test]
fn maps_of_exported_transformers_are_those_of_automatic_differentiation() {
    let folder = common::source("tests/graphs/transformers");
    compare_all("maps of exported transformers", &folder, 8);
}

/// What the head makes of one token in every cell, the class token aside.
#[test]
fn a_place_says_what_the_head_makes_of_its_token() {
    const WHAT: &str = "the heads of exported transformers at one place";
    if !common::is_set_up(WHAT, &[]) {
        return;
    }
    let folder = common::source("tests/graphs/transformers");
    let mut asked = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let case: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let (tensor, width, height) = picture(&folder.join(case["image"].as_str().unwrap()));
        for (key, uniform) in case["uniform"].as_object().unwrap() {
            let layer = case["taps"][key]["onnx"]["tensor"].as_str().unwrap();
            let options = Options {
                layer: Some(layer.to_owned()),
                ..common::options(Source::File(path.with_extension("onnx")), 1)
            };
            let mut classifier = Classifier::open(&options).unwrap();
            let top = Target::Rank(0);
            let run = classifier.run(&tensor, width, height, top, Detail::Sums);
            let activation = run.unwrap();
            let cell = uniform["cell"].as_u64().unwrap() as usize;
            let columns = activation.features.width;
            let middle = |cells| cells as f64 + 0.5;
            let place = (middle(cell % columns), middle(cell / columns));
            let features = features_at(&activation.features, place);
            let network = PlaceNetwork::open(&options).unwrap();
            let mut network = network.unwrap_or_else(|| panic!("{}: {key}", path.display()));
            let logits = network.logits(&tensor, (width, height), &features);
            let logits = logits.unwrap();
            let expected = numbers(&uniform["logits"]);
            assert_eq!(logits.len(), expected.len());
            let scale = expected.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
            for (logit, expected) in logits.iter().zip(&expected) {
                let off = (f64::from(*logit) - expected).abs() / scale;
                assert!(off < TOLERANCE, "{} {key}: {off}", path.display());
            }
            asked += 1;
        }
    }
    assert!(asked >= 10, "{asked}");
}

/// Where the head is affine, running it is the same as computing it.
#[test]
fn a_place_says_what_an_affine_head_makes_of_its_features() {
    const WHAT: &str = "affine heads at one place";
    let networks = ["squeezenet", "efficientnet-lite0"];
    if !common::is_set_up(WHAT, &networks) {
        return;
    }
    for name in networks {
        let source = Source::Catalogue(camoverlay::inference::entry(name).unwrap());
        let options = common::options(source, 2);
        let mut classifier = Classifier::open(&options).unwrap();
        let (width, height) = (224, 224);
        let tensor: Vec<f32> = (0..3 * width * height)
            .map(|i| ((i * 7919) % 251) as f32 / 125.0 - 1.0)
            .collect();
        let top = Target::Rank(0);
        let run = classifier.run(&tensor, width, height, top, Detail::Sums);
        let activation = run.unwrap();
        let features = features_at(&activation.features, (3.3, 5.9));
        let expected = logits_of(&features, activation.head).unwrap();
        let mut network = PlaceNetwork::open(&options).unwrap().unwrap();
        let logits = network.logits(&tensor, (width, height), &features);
        for (logit, expected) in logits.unwrap().iter().zip(&expected) {
            let off = (logit - expected).abs();
            assert!(off < 1e-3 * expected.abs().max(1.0), "{name}: {off}");
        }
    }
}

fn compare_all(what: &str, folder: &Path, count: usize) {
    if !common::is_set_up(what, &[]) {
        return;
    }
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".onnx").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= count);
    let mut wrong = Vec::new();
    for name in names {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let case: Value = serde_json::from_str(&text).unwrap();
        for (key, tap) in case["taps"].as_object().unwrap() {
            let layer = tap["onnx"]["tensor"].as_str().unwrap();
            if let Err(words) = compare(folder, &name, &case, key, Some(layer)) {
                wrong.push(format!("{name} {key}: {words}"));
            }
        }
        if let Err(words) = compare(folder, &name, &case, "", None) {
            wrong.push(format!("{name} auto: {words}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compare(
    folder: &Path,
    name: &str,
    case: &Value,
    key: &str,
    layer: Option<&str>,
) -> Result<(), String> {
    let options = Options {
        layer: layer.map(str::to_owned),
        cell_by_cell: true,
        ..common::options(Source::File(folder.join(format!("{name}.onnx"))), 1)
    };
    let mut classifier = Classifier::open(&options).map_err(|error| error.to_string())?;
    let (tensor, width, height) = picture(&folder.join(case["image"].as_str().unwrap()));
    let Some(tap) = layer.and(case["taps"].get(key)) else {
        println!(
            "{name}: auto is {} ({:?})",
            classifier.structure().features,
            classifier.structure().places
        );
        return Ok(());
    };
    let target = case["target"].as_u64().unwrap() as usize;
    let vanishing: Vec<&str> = case["vanishing"]
        .as_array()
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    for method in [
        Method::GradCam,
        Method::HiResCam,
        Method::ReciproCam,
        Method::LeGrad,
    ] {
        let named = method.name();
        let expected = numbers(&case["maps"][key][named]);
        if expected.is_empty() {
            // Not made for all: some have no attention over the tokens.
            continue;
        }
        let scale = case["scale"][key][named].as_f64().unwrap();
        let detail = match method {
            Method::ReciproCam => method.detail(),
            _ => Detail::Gradient,
        };
        // Further classes of a run say what the first does.
        let mut of_further = Explanation::default();
        let mut made_further = Ok(());
        let targets = [Target::Rank(1), Target::Class(target)];
        let size = (width, height);
        let run = classifier.run_each(
            &tensor,
            size,
            &targets,
            detail,
            &mut |number, activation| {
                if number == 1 {
                    made_further = of_further.update(activation, 3, method);
                }
                Ok(())
            },
        );
        run.map_err(|error| error.to_string())?;
        let activation = classifier
            .run(&tensor, width, height, Target::Class(target), detail)
            .map_err(|error| error.to_string())?;
        let logits = numbers(&case["logits"]);
        let largest = logits
            .iter()
            .fold(0.0f64, |most, value| most.max(value.abs()));
        for (logit, expected) in activation.logits.iter().zip(&logits) {
            if (f64::from(*logit) - expected).abs() > 1e-4 * largest {
                return Err(format!("logit {logit} for {expected}"));
            }
        }
        let cells = [activation.features.height, activation.features.width];
        let grid = [0, 1].map(|axis| tap["grid"][axis].as_u64().unwrap() as usize);
        if cells != grid {
            return Err(format!("{cells:?} cells for {grid:?}"));
        }
        let mut explanation = Explanation::default();
        let made = explanation.update(&activation, 3, method);
        assert_eq!(made.is_ok(), made_further.is_ok(), "{named}");
        let is_vanishing = vanishing.contains(&format!("{key} {named}").as_str());
        match made {
            Err(error) if is_vanishing => {
                assert!(error.to_string().contains("normalisation"), "{error}");
                continue;
            }
            Err(error) => return Err(error.to_string()),
            Ok(()) if is_vanishing => return Err(format!("{named} does not vanish")),
            Ok(()) => {}
        }
        // Grad-CAM's weights are means, its map is not divided.
        let worst = [&explanation, &of_further]
            .into_iter()
            .flat_map(|explanation| explanation.map.values.iter().zip(&expected))
            .map(|(value, expected)| (f64::from(*value) - expected).abs())
            .fold(0.0, f64::max);
        // What single cells add to a score is told from it by its last digits.
        let rounding = match method {
            Method::ReciproCam => f64::from(f32::EPSILON),
            _ => 0.0,
        };
        if worst > TOLERANCE * scale + rounding {
            return Err(format!(
                "{named} is off by {:.1e} of its scale",
                worst / scale
            ));
        }
    }
    Ok(())
}
