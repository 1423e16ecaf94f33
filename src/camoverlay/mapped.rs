//! A frame's memory for as long as it is worked on: to be painted, or only read.

use super::frame_memory::PLANES;
use camoverlay::frame::{Plane, PlaneMut};
use gst_video::{VideoFrameExt, VideoFrameRef, VideoInfo};

/// The planes of a mapped frame.
pub struct Mapped<'a> {
    frame: Access<'a>,
    /// Bytes of each plane.
    lengths: [usize; PLANES],
}

enum Access<'a> {
    Write(VideoFrameRef<&'a mut gst::BufferRef>),
    Read(VideoFrameRef<&'a gst::BufferRef>),
}

impl<'a> Mapped<'a> {
    /// Maps `buffer`, for writing if it is to be painted, whose planes have `lengths` bytes; none where it cannot be.
    pub fn new(
        buffer: &'a mut gst::BufferRef,
        info: &VideoInfo,
        lengths: [usize; PLANES],
        is_painted: bool,
    ) -> Option<Self> {
        let frame = if is_painted {
            Access::Write(VideoFrameRef::from_buffer_ref_writable(buffer, info).ok()?)
        } else {
            Access::Read(VideoFrameRef::from_buffer_ref_readable(buffer, info).ok()?)
        };
        Some(Self { frame, lengths })
    }

    /// The planes for reading; those it has not are empty.
    pub fn planes(&self) -> [Plane<'_>; PLANES] {
        let (data, strides) = match &self.frame {
            Access::Write(frame) => (frame.planes_data(), frame.plane_stride()),
            Access::Read(frame) => (frame.planes_data(), frame.plane_stride()),
        };
        std::array::from_fn(|plane| Plane {
            data: &data[plane][..data[plane].len().min(self.lengths[plane])],
            stride: stride(strides, plane),
        })
    }

    /// The planes for painting; those it has not are empty. None of a frame that is only read.
    pub fn planes_mut(&mut self) -> Option<[PlaneMut<'_>; PLANES]> {
        let Access::Write(frame) = &mut self.frame else {
            return None;
        };
        let strides: [usize; PLANES] =
            std::array::from_fn(|plane| stride(frame.plane_stride(), plane));
        let [first, second, third, _] = frame.planes_data_mut();
        let mut data = [first, second, third].into_iter().zip(self.lengths);
        Some(strides.map(|stride| {
            let (data, length) = data.next().unwrap_or((&mut [], 0));
            let length = data.len().min(length);
            PlaneMut {
                data: &mut data[..length],
                stride,
            }
        }))
    }
}

fn stride(strides: &[i32], plane: usize) -> usize {
    let stride = strides.get(plane).copied().unwrap_or(0);
    usize::try_from(stride).unwrap_or(0)
}
