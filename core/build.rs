//! Compiles `models/catalogue.toml` into the library, which then needs no TOML parser.

#[path = "../models/catalogue.rs"]
mod catalogue;

use std::fmt::Write;

use catalogue::{networks, text, write};

const CATALOGUE: &str = "../models/catalogue.toml";

fn main() {
    println!("cargo::rerun-if-changed={CATALOGUE}");
    if let Err(error) =
        networks(CATALOGUE).and_then(|networks| write("catalogue.rs", &entries(&networks)?))
    {
        println!("cargo::error={CATALOGUE}: {error}");
    }
}

/// `static ENTRIES: &[Entry]` with what the plugin needs to know of each network.
fn entries(networks: &[toml::Value]) -> Result<String, String> {
    let mut source = String::from("static ENTRIES: &[Entry] = &[\n");
    for network in networks {
        entry(&mut source, network)?;
    }
    source.push_str("];\n");
    Ok(source)
}

fn entry(source: &mut String, network: &toml::Value) -> Result<(), String> {
    let nick = text(network, "nick")?;
    let missing = |key: &str| format!("network {nick} has no {key}");
    let input_size = network
        .get("input-size")
        .and_then(toml::Value::as_integer)
        .and_then(|size| u32::try_from(size).ok())
        .ok_or_else(|| missing("input-size"))?;
    let preprocess = match text(network, "preprocess")? {
        "torch" => "Torch",
        "caffe" => "Caffe",
        "tf" => "Tf",
        "lite" => "Lite",
        "unit" => "Unit",
        "raw" => "Raw",
        other => return Err(format!("network {nick} has an unknown preprocess, {other}")),
    };
    // A network that torchvision exports is made one at a time; all others come at once.
    let source_of = network.get("source").ok_or_else(|| missing("source"))?;
    let command = match text(source_of, "package")? {
        "torchvision" => format!("make model NET={nick}"),
        _ => "make models".to_owned(),
    };
    write!(
        source,
        "    Entry {{\n        nick: {nick:?},\n        name: {:?},\n        file: {:?},\n        \
         licence: {:?},\n        preprocess: Preprocess::{preprocess},\n        \
         input_size: {input_size},\n        command: {command:?},\n    }},\n",
        text(network, "name")?,
        text(network, "file")?,
        text(network, "licence")?,
    )
    .map_err(|error| error.to_string())
}
