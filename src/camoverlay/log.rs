//! What the element logs, under `GST_DEBUG=camoverlay:4`.

use std::sync::LazyLock;

use gst::prelude::*;

use super::CamOverlay;
use camoverlay::cam::Method;
use camoverlay::inference::Network;
use camoverlay::model::Places;

pub static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "camoverlay",
        gst::DebugColorFlags::empty(),
        Some("Class activation map overlay"),
    )
});

/// Which network was opened, what in it is explained, how, and by what it is run.
pub fn opened(element: &CamOverlay, network: &Network, method: Method) {
    let structure = network.structure();
    gst::info!(
        CAT,
        obj = element,
        "opened {} of {}: output “{}”, head {} ({}), feature map “{}”, method {}",
        network.name(),
        network.path().display(),
        structure.outputs.taken,
        network.head().description(),
        structure.head.join(", "),
        structure.features,
        method.resolve(network.traits()).unwrap_or(method).name(),
    );
    let preprocessing = network.preprocessing();
    gst::info!(
        CAT,
        obj = element,
        "input “{}”, {:?}, {}, preprocessing {} ({}, {:?}), places shown by {}, {} classes, run by the {}",
        structure.input,
        structure.layout,
        network.fit(),
        preprocessing.name(),
        preprocessing.description(),
        preprocessing.origin,
        match &structure.places {
            Places::Proven { .. } => "the graph".to_owned(),
            Places::Probed { by } => format!("a probe, for {by}"),
            Places::Tokens { cells, .. } => {
                format!("the graph and a probe, {} x {} tokens", cells[1], cells[0])
            }
        },
        network.class_count(),
        network.provider(),
    );
}

/// Which frames come, and what the network gets of one: width and height.
pub fn caps(element: &CamOverlay, info: &gst_video::VideoInfo, tensor: Option<(usize, usize)>) {
    let (columns, rows) = tensor.unwrap_or_default();
    gst::info!(
        CAT,
        obj = element,
        "frames of {} x {} pixels of {}, {} a second: the network gets {columns} x {rows}",
        info.width(),
        info.height(),
        info.format(),
        info.fps(),
    );
}

/// That the frame of `pts` came too late to wait for the network, and whether that was left out.
pub fn late(element: &CamOverlay, pts: Option<gst::ClockTime>, skipped: bool) {
    let fate = if skipped {
        "shows the map of an earlier one"
    } else {
        "needed no run of the network to wait for"
    };
    gst::info!(
        CAT,
        obj = element,
        "the frame of {} is late and {fate}",
        pts.display()
    );
}

/// The latency that the pipeline is to know.
pub fn latency(element: &CamOverlay, latency: gst::ClockTime) {
    gst::info!(CAT, obj = element, "announces a latency of {latency}");
}
