//! GStreamer's video frames as the picture room sees them.

use gst_video::{VideoFormat, VideoFrameExt};

use super::failure::Failure;
use crate::picture::{Geometry, Layout, Plane, PlaneMut};

/// Largest picture fed to a network: beyond it an inference needs many GiB.
pub const MAX_TENSOR_PIXELS: usize = 16 << 20;

/// Size and layout of frames of `info`.
pub fn geometry(info: &gst_video::VideoInfo) -> Result<Geometry, Failure> {
    let layout = match info.format() {
        VideoFormat::Rgb => Layout::RGB,
        VideoFormat::Bgr => Layout::BGR,
        VideoFormat::Rgbx | VideoFormat::Rgba => Layout::RGBX,
        VideoFormat::Bgrx | VideoFormat::Bgra => Layout::BGRX,
        VideoFormat::Xrgb | VideoFormat::Argb => Layout::XRGB,
        VideoFormat::Xbgr | VideoFormat::Abgr => Layout::XBGR,
        format => return Err(Failure::Format(format)),
    };
    Ok(Geometry {
        layout,
        width: info.width() as usize,
        height: info.height() as usize,
    })
}

/// The planes of `frame`, for reading.
pub fn planes<'a>(frame: &'a gst_video::VideoFrameRef<&mut gst::BufferRef>) -> [Plane<'a>; 1] {
    [Plane {
        data: frame.planes_data()[0],
        stride: frame.plane_stride()[0] as usize,
    }]
}

/// The planes of `frame`, for writing.
pub fn planes_mut<'a>(
    frame: &'a mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
) -> [PlaneMut<'a>; 1] {
    let stride = frame.plane_stride()[0] as usize;
    let [data, ..] = frame.planes_data_mut();
    [PlaneMut { data, stride }]
}
