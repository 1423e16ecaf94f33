//! The networks that are here to be measured.

use std::path::{Path, PathBuf};

use camoverlay::inference::{Entry, Options, Source, entries};

/// A network of the catalogue that is installed, or lies among the test networks.
pub struct Network {
    pub nick: &'static str,
    pub entry: &'static Entry,
    pub file: PathBuf,
    installed: bool,
}

/// Those that stand for the others where there are many rows for each.
pub const FEW: [&str; 3] = ["squeezenet", "resnet18", "mobilenetv2"];

/// The networks that are here, in the catalogue's order.
pub fn installed() -> Vec<Network> {
    let networks: Vec<Network> = entries().iter().filter_map(Network::find).collect();
    assert!(
        !networks.is_empty(),
        "No network is installed. Run 'make setup' first."
    );
    networks
}

impl Network {
    fn find(entry: &'static Entry) -> Option<Self> {
        let installed = entry.locate(None, &[source_tree()]).ok();
        let file = installed.clone().or_else(|| test_model(entry.nick))?;
        Some(Self {
            nick: entry.nick,
            entry,
            file,
            installed: installed.is_some(),
        })
    }

    /// The network called `nick`, which is here.
    pub fn named(nick: &str) -> Self {
        entries()
            .iter()
            .find(|entry| entry.nick == nick)
            .and_then(Self::find)
            .expect("the network was found before")
    }

    /// An element that explains this network.
    pub fn element(&self) -> gst::Element {
        let builder = gst::ElementFactory::make("camoverlay");
        if self.installed {
            builder.property_from_str("net", self.nick)
        } else {
            builder.property("model", self.file.to_string_lossy().into_owned())
        }
        .build()
        .expect("the element exists")
    }

    pub fn options(&self) -> Options {
        Options {
            source: Source::File(self.file.clone()),
            input_size: Some(self.entry.input_size),
            search_roots: vec![source_tree()],
            ..Options::default()
        }
    }

    /// Width and height of the tensor that a frame is scaled to.
    pub fn tensor_size(&self, (width, height): (usize, usize)) -> (usize, usize) {
        camoverlay::preprocess::network_size(width, height, self.entry.input_size as usize)
    }
}

pub fn source_tree() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

/// A test network: in the folder that `CAMOVERLAY_TEST_MODELS` names, else beside the source tree.
fn test_model(nick: &str) -> Option<PathBuf> {
    let name = match nick {
        "mobilenetv2" => "mobilenet_v2",
        nick => nick,
    };
    let folder = std::env::var_os("CAMOVERLAY_TEST_MODELS")
        .map_or_else(|| source_tree().join("../shared/models"), PathBuf::from);
    Some(Path::new(&folder).join(format!("{name}.onnx"))).filter(|path| path.exists())
}
