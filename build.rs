//! Compiles the names of `models/catalogue.toml` into the element's property `net`.

#[path = "models/catalogue.rs"]
mod catalogue;

use catalogue::{networks, text, write};

const CATALOGUE: &str = "models/catalogue.toml";

fn main() {
    gst_plugin_version_helper::info();
    println!("cargo::rerun-if-changed={CATALOGUE}");
    if let Err(error) = networks(CATALOGUE).and_then(|networks| write("net.rs", &net(&networks)?)) {
        println!("cargo::error={CATALOGUE}: {error}");
    }
}

/// The enum behind the element's property `net`, in the order of the catalogue.
fn net(networks: &[toml::Value]) -> Result<String, String> {
    let mut source = String::from(
        "/// Property `net`: the network of the catalogue to run and explain.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, glib::Enum)]\n#[repr(i32)]\n\
         #[enum_type(name = \"GstCamOverlayNet\", allow_name_conflict)]\npub enum Net {\n",
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
