//! Making pipelines from descriptions.

use gst::prelude::*;

use crate::failure::Failure;

/// Starts GStreamer and registers the element with it, so that no installed plugin is needed.
///
/// # Errors
/// GStreamer's reason not to start.
pub fn start() -> Result<(), Failure> {
    gst::init().map_err(|error| format!("GStreamer does not start: {error}."))?;
    gstcamoverlay::plugin_register_static()?;
    Ok(())
}

/// The pipeline that `description` (in gst-launch's syntax) describes.
///
/// # Errors
/// An element that is not installed, and how to get it.
pub fn launch(description: &str) -> Result<gst::Pipeline, Failure> {
    let element = gst::parse::launch(description).map_err(|error| {
        format!(
            "{}. Install GStreamer's plugins, good, bad, ugly and libav (in a source tree, `make setup` does).",
            error.message()
        )
    })?;
    let pipeline = element.downcast::<gst::Pipeline>();
    pipeline.map_err(|_| Failure::from("The description is not a pipeline."))
}

/// The element called `name`, as the type asked for.
///
/// # Errors
/// There is none.
pub fn find<T: IsA<gst::Object>>(pipeline: &gst::Pipeline, name: &str) -> Result<T, Failure> {
    let element = pipeline.by_name(name);
    element
        .and_then(|element| element.dynamic_cast().ok())
        .ok_or_else(|| Failure::from(format!("The pipeline has no {name}.")))
}
