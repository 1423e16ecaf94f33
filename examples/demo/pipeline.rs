//! Building and waiting for pipelines.

use gst::prelude::*;

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The pipeline that `description` (in gst-launch's syntax) describes.
pub fn launch(description: &str) -> Result<gst::Pipeline, Failure> {
    let element = gst::parse::launch(description).map_err(|error| {
        format!(
            "{}. `make setup` installs what is missing.",
            error.message()
        )
    })?;
    element
        .downcast()
        .map_err(|_| "the description is not a pipeline".into())
}

/// The element called `name`, as the type asked for.
pub fn find<T: IsA<gst::Object>>(pipeline: &gst::Pipeline, name: &str) -> Result<T, Failure> {
    let element = pipeline
        .by_name(name)
        .and_then(|element| element.dynamic_cast().ok());
    element.ok_or_else(|| format!("the pipeline has no {name}").into())
}

/// Waits for the end of the stream, calling `tick` ten times a second.
///
/// # Errors
/// The first error on the bus, in the words meant for the user.
pub fn wait(pipeline: &gst::Pipeline, mut tick: impl FnMut()) -> Result<(), Failure> {
    let bus = pipeline.bus().ok_or("the pipeline has no bus")?;
    loop {
        let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
        let message = bus.timed_pop_filtered(gst::ClockTime::from_mseconds(100), &kinds);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => return Err(error.error().message().into()),
            Some(_) => return Ok(()),
            None => tick(),
        }
    }
}
