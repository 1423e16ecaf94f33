//! GStreamer's video frames as the picture room sees them.

use gst_video::{
    VideoColorMatrix, VideoColorPrimaries, VideoColorRange, VideoColorimetry, VideoFormat,
    VideoTransferFunction,
};

use super::errors::ElementError;
use camoverlay::frame::{
    Curve, Encoding, Geometry, Hdr, Layout, Matrix, Orientation, Presentation, Range, Samples,
};

pub use camoverlay::preprocess::MAX_TENSOR_PIXELS;

use Kind::{Rgb, YCbCr};

/// Where a format's samples are; what luma and chroma codes mean, each stream says for itself.
#[derive(Clone, Copy)]
enum Kind {
    Rgb(Layout),
    YCbCr(Samples),
}

/// The formats that are sampled and painted as they are, those that take least time first (`make bench` has the times
/// of some): negotiation prefers them in this order.
const FORMATS: [(VideoFormat, Kind); 24] = [
    (VideoFormat::Nv12, YCbCr(Samples::NV12)),
    (VideoFormat::Nv21, YCbCr(Samples::NV21)),
    (VideoFormat::I420, YCbCr(Samples::I420)),
    (VideoFormat::Yv12, YCbCr(Samples::YV12)),
    (VideoFormat::Gray8, YCbCr(Samples::GRAY8)),
    (VideoFormat::Y42b, YCbCr(Samples::Y42B)),
    (VideoFormat::Yuy2, YCbCr(Samples::YUY2)),
    (VideoFormat::Uyvy, YCbCr(Samples::UYVY)),
    (VideoFormat::Yvyu, YCbCr(Samples::YVYU)),
    (VideoFormat::Rgb, Rgb(Layout::RGB)),
    (VideoFormat::Bgr, Rgb(Layout::BGR)),
    (VideoFormat::Gbr, Rgb(Layout::GBR)),
    (VideoFormat::Bgrx, Rgb(Layout::BGRX)),
    (VideoFormat::Rgbx, Rgb(Layout::RGBX)),
    (VideoFormat::Xrgb, Rgb(Layout::XRGB)),
    (VideoFormat::Xbgr, Rgb(Layout::XBGR)),
    (VideoFormat::Bgra, Rgb(Layout::BGRX)),
    (VideoFormat::Rgba, Rgb(Layout::RGBX)),
    (VideoFormat::Argb, Rgb(Layout::XRGB)),
    (VideoFormat::Abgr, Rgb(Layout::XBGR)),
    (VideoFormat::Y444, YCbCr(Samples::Y444)),
    (VideoFormat::Nv24, YCbCr(Samples::NV24)),
    (VideoFormat::P01010le, YCbCr(Samples::P010_10LE)),
    (VideoFormat::I42010le, YCbCr(Samples::I420_10LE)),
];

/// The formats that are sampled and painted as they are, the preferred ones first.
pub fn formats() -> impl IntoIterator<Item = VideoFormat> {
    FORMATS.map(|(format, _)| format)
}

/// Size and layout of frames of `info`.
pub fn geometry(info: &gst_video::VideoInfo) -> Result<Geometry, ElementError> {
    let known = FORMATS.iter().find(|(format, _)| *format == info.format());
    let layout = match known {
        Some(&(_, Rgb(layout))) => layout,
        Some(&(_, YCbCr(samples))) => Layout::YCbCr {
            samples,
            encoding: encoding(&info.colorimetry()),
        },
        None => return Err(ElementError::Format(info.format())),
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
