//! What the workspace's build scripts share: `catalogue.toml` read, and the sources made of it written.

use std::path::Path;
use std::{env, fs};

/// The tables `[[network]]` of the catalogue at `path`.
pub fn networks(path: &str) -> Result<Vec<toml::Value>, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| error.to_string())?;
    let networks = table.get("network").and_then(toml::Value::as_array);
    networks.cloned().ok_or("there is no [[network]]".into())
}

/// Writes `source` as a file that the crate includes.
pub fn write(file: &str, source: &str) -> Result<(), String> {
    let folder = env::var_os("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&folder).join(file), source).map_err(|error| error.to_string())
}

/// The string `key` of `table`.
pub fn text<'a>(table: &'a toml::Value, key: &str) -> Result<&'a str, String> {
    table
        .get(key)
        .and_then(toml::Value::as_str)
        .ok_or_else(|| format!("a table has no {key}: {table:?}"))
}
