//! A frame of one pipeline, for another that goes by the same clock.

use gst::prelude::*;

/// The frame in `sample`, of a pipeline whose running time began at `base` of the clock, with the time at which it is due in that of
/// `entrance`; none where it has no time there.
pub fn restamped(
    sample: &gst::Sample,
    base: gst::ClockTime,
    entrance: &gst_app::AppSrc,
) -> Option<gst::Sample> {
    let time = due(sample, base, entrance)?;
    let mut buffer = sample.buffer_owned()?;
    let stamped = buffer.make_mut();
    stamped.set_pts(time);
    stamped.set_dts(time);
    let caps = sample.caps_owned();
    let sample = gst::Sample::builder()
        .buffer(&buffer)
        .caps_if_some(caps.as_ref())
        .build();
    Some(sample)
}

/// Whether nothing of what came before the frame in `sample` is needed to decode it.
pub fn is_key_frame(sample: &gst::Sample) -> bool {
    let buffer = sample.buffer();
    buffer.is_some_and(|buffer| !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT))
}

fn due(
    sample: &gst::Sample,
    base: gst::ClockTime,
    entrance: &gst_app::AppSrc,
) -> Option<gst::ClockTime> {
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let time = segment.to_running_time(sample.buffer()?.pts()?)?;
    (time + base).checked_sub(entrance.base_time()?)
}
