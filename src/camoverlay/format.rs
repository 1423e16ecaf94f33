//! GStreamer's video frames as the picture room sees them.

use gst_video::{
    VideoColorMatrix, VideoColorPrimaries, VideoColorRange, VideoColorimetry, VideoFormat,
    VideoFrameExt, VideoTransferFunction,
};

use super::errors::ElementError;
use super::frame_memory::PLANES;
use camoverlay::frame::{
    Curve, Encoding, Geometry, Hdr, Layout, Matrix, Orientation, Plane, PlaneMut, Presentation,
    Range, Samples,
};

pub use camoverlay::preprocess::MAX_TENSOR_PIXELS;

/// The formats that are sampled and painted as they are, those that take least time first.
pub const FORMATS: [VideoFormat; 24] = [
    VideoFormat::Nv12,
    VideoFormat::Nv21,
    VideoFormat::I420,
    VideoFormat::Yv12,
    VideoFormat::Gray8,
    VideoFormat::Y42b,
    VideoFormat::Yuy2,
    VideoFormat::Uyvy,
    VideoFormat::Yvyu,
    VideoFormat::Rgb,
    VideoFormat::Bgr,
    VideoFormat::Gbr,
    VideoFormat::Bgrx,
    VideoFormat::Rgbx,
    VideoFormat::Xrgb,
    VideoFormat::Xbgr,
    VideoFormat::Bgra,
    VideoFormat::Rgba,
    VideoFormat::Argb,
    VideoFormat::Abgr,
    VideoFormat::Y444,
    VideoFormat::Nv24,
    VideoFormat::P01010le,
    VideoFormat::I42010le,
];

/// Size and layout of frames of `info`.
pub fn geometry(info: &gst_video::VideoInfo) -> Result<Geometry, ElementError> {
    let y_cb_cr = |samples| Layout::YCbCr {
        samples,
        encoding: encoding(&info.colorimetry()),
    };
    let layout = match info.format() {
        VideoFormat::Rgb => Layout::RGB,
        VideoFormat::Bgr => Layout::BGR,
        VideoFormat::Rgbx | VideoFormat::Rgba => Layout::RGBX,
        VideoFormat::Bgrx | VideoFormat::Bgra => Layout::BGRX,
        VideoFormat::Xrgb | VideoFormat::Argb => Layout::XRGB,
        VideoFormat::Xbgr | VideoFormat::Abgr => Layout::XBGR,
        VideoFormat::Gbr => Layout::GBR,
        VideoFormat::I420 => y_cb_cr(Samples::I420),
        VideoFormat::Yv12 => y_cb_cr(Samples::YV12),
        VideoFormat::Nv12 => y_cb_cr(Samples::NV12),
        VideoFormat::Nv21 => y_cb_cr(Samples::NV21),
        VideoFormat::Nv24 => y_cb_cr(Samples::NV24),
        VideoFormat::Y42b => y_cb_cr(Samples::Y42B),
        VideoFormat::Y444 => y_cb_cr(Samples::Y444),
        VideoFormat::Yuy2 => y_cb_cr(Samples::YUY2),
        VideoFormat::Uyvy => y_cb_cr(Samples::UYVY),
        VideoFormat::Yvyu => y_cb_cr(Samples::YVYU),
        VideoFormat::Gray8 => y_cb_cr(Samples::GRAY8),
        VideoFormat::P01010le => y_cb_cr(Samples::P010_10LE),
        VideoFormat::I42010le => y_cb_cr(Samples::I420_10LE),
        format => return Err(ElementError::Format(format)),
    };
    Ok(Geometry {
        layout,
        width: info.width() as usize,
        height: info.height() as usize,
    })
}

/// How frames of `info` are meant to be seen, those of `orientation` upright. Pixels without a shape are square.
pub fn presentation(info: &gst_video::VideoInfo, orientation: Orientation) -> Presentation {
    let pixel_aspect = info.par();
    let side = |length: i32| u32::try_from(length).ok().filter(|length| *length > 0);
    Presentation {
        orientation,
        pixel_aspect: side(pixel_aspect.numer())
            .zip(side(pixel_aspect.denom()))
            .unwrap_or((1, 1)),
        hdr: hdr(&info.colorimetry()),
    }
}

/// None for what is of the standard dynamic range, as far as `colorimetry` says.
fn hdr(colorimetry: &VideoColorimetry) -> Option<Hdr> {
    let curve = match colorimetry.transfer() {
        VideoTransferFunction::Smpte2084 => Curve::Pq,
        VideoTransferFunction::AribStdB67 => Curve::Hlg,
        _ => return None,
    };
    Some(Hdr {
        curve,
        wide: colorimetry.primaries() == VideoColorPrimaries::Bt2020,
    })
}

/// Matrix and range of `colorimetry`; what it does not say is as in standard definition.
fn encoding(colorimetry: &VideoColorimetry) -> Encoding {
    Encoding {
        matrix: match colorimetry.matrix() {
            VideoColorMatrix::Bt709 => Matrix::Bt709,
            VideoColorMatrix::Bt2020 => Matrix::Bt2020,
            _ => Matrix::Bt601,
        },
        range: match colorimetry.range() {
            VideoColorRange::Range0_255 => Range::Full,
            _ => Range::Limited,
        },
    }
}

fn stride<T>(frame: &gst_video::VideoFrameRef<T>, plane: usize) -> usize
where
    gst_video::VideoFrameRef<T>: VideoFrameExt,
{
    let stride = frame.plane_stride().get(plane).copied().unwrap_or(0);
    usize::try_from(stride).unwrap_or(0)
}

/// The planes of `frame`, `lengths` bytes each, for reading; those it has not are empty.
pub fn planes<'a>(
    frame: &'a gst_video::VideoFrameRef<&mut gst::BufferRef>,
    lengths: &[usize; PLANES],
) -> [Plane<'a>; PLANES] {
    let data = frame.planes_data();
    std::array::from_fn(|plane| Plane {
        data: &data[plane][..data[plane].len().min(lengths[plane])],
        stride: stride(frame, plane),
    })
}

/// The planes of `frame`, `lengths` bytes each, for writing; those it has not are empty.
pub fn planes_mut<'a>(
    frame: &'a mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
    lengths: &[usize; PLANES],
) -> [PlaneMut<'a>; PLANES] {
    let strides: [usize; PLANES] = std::array::from_fn(|plane| stride(frame, plane));
    let [first, second, third, _] = frame.planes_data_mut();
    let mut data = [first, second, third].into_iter().zip(lengths);
    strides.map(|stride| {
        let (data, length) = data.next().unwrap_or((&mut [], &0));
        let length = data.len().min(*length);
        PlaneMut {
            data: &mut data[..length],
            stride,
        }
    })
}
