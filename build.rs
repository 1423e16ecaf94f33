//! Compiles the names of `models/catalogue.toml` into the element's property `net`.

use std::path::Path;
use std::{env, fs};

const CATALOGUE: &str = "models/catalogue.toml";

fn main() {
    gst_plugin_version_helper::info();
    println!("cargo::rerun-if-changed={CATALOGUE}");
    if let Err(error) = networks().and_then(|networks| write("net.rs", &net(&networks)?)) {
        println!("cargo::error={CATALOGUE}: {error}");
    }
}

/// The tables `[[network]]` of the catalogue.
fn networks() -> Result<Vec<toml::Value>, String> {
    let text = fs::read_to_string(CATALOGUE).map_err(|error| error.to_string())?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| error.to_string())?;
    let networks = table.get("network").and_then(toml::Value::as_array);
    networks.cloned().ok_or("there is no [[network]]".into())
}

fn write(file: &str, source: &str) -> Result<(), String> {
    let folder = env::var_os("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&folder).join(file), source).map_err(|error| error.to_string())
}

/// The enum behind the element's property `net`, in the order of the catalogue.
fn net(networks: &[toml::Value]) -> Result<String, String> {
    let mut source = String::from(
        "/// Property `net`: the network of the catalogue to run and explain.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, glib::Enum)]\n#[repr(i32)]\n\
         #[enum_type(name = \"GstCamOverlayNet\")]\npub enum Net {\n",
    );
    for network in networks {
        let (nick, name) = (text(network, "nick")?, text(network, "name")?);
        let variant: String = nick.split('-').map(capitalised).collect();
        source += &format!("    #[enum_value(name = {name:?}, nick = {nick:?})]\n    {variant},\n");
    }
    Ok(source + "}\n")
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

fn text<'a>(table: &'a toml::Value, key: &str) -> Result<&'a str, String> {
    table
        .get(key)
        .and_then(toml::Value::as_str)
        .ok_or_else(|| format!("a table has no {key}: {table:?}"))
}
