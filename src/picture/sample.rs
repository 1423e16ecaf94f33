//! Frame to tensor.

use super::resize::Axis;
use super::scale::{Columns, ROWS, round_rows};
use super::view::{Geometry, Layout, Plane};

/// Order of a tensor's three channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelOrder {
    Rgb,
    Bgr,
}

/// How 8-bit channels become tensor values: `(v / divisor - mean) / deviation`, in single
/// precision; `mean` and `deviation` in the tensor's channel order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    pub order: ChannelOrder,
    pub divisor: f32,
    pub mean: [f32; 3],
    pub deviation: [f32; 3],
}

/// How a frame is fitted to a network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The shortest side becomes so many pixels and the aspect ratio is kept; see
    /// [`network_size`].
    ShortestSide(usize),
    /// Width and height are scaled independently.
    Exact { width: usize, height: usize },
}

impl Fit {
    /// Width and height of the tensor for a frame of `width` x `height` pixels.
    pub fn size(self, width: usize, height: usize) -> (usize, usize) {
        match self {
            Self::ShortestSide(side) => network_size(width, height, side),
            Self::Exact { width, height } => (width, height),
        }
    }

    /// Horizontal and vertical scale.
    fn scale(self, width: usize, height: usize) -> (f64, f64) {
        match self {
            Self::ShortestSide(side) => {
                let scale = side as f64 / width.min(height) as f64;
                (scale, scale)
            }
            Self::Exact {
                width: out_width,
                height: out_height,
            } => (
                out_width as f64 / width as f64,
                out_height as f64 / height as f64,
            ),
        }
    }
}

/// Width and height of a frame whose shortest side is scaled to `side`: the other side is
/// `ceil(length * side / shortest)`. `width` and `height` must be positive.
pub fn network_size(width: usize, height: usize, side: usize) -> (usize, usize) {
    let scaled = |long: usize, short: usize| {
        let scale = side as f64 / short as f64;
        (long as f64 * scale).ceil() as usize
    };
    if height <= width {
        (scaled(width, height), side)
    } else {
        (side, scaled(height, width))
    }
}

/// Scales frames of one geometry to a network's input tensor.
///
/// Bicubic (see [`Axis`]), the dimension with the smallest scale first, the vertical one when
/// both are equal, rounded to 8 bits after each of the two passes.
pub struct Sampler {
    height: usize,
    /// Byte offset in a pixel of each channel of the tensor.
    channels: [usize; 3],
    vertical: Axis,
    horizontal: Columns,
    vertical_first: bool,
    /// Rows after the first pass: [`ROWS`] of them, or all where the horizontal pass comes first.
    between: Vec<u8>,
    /// Where the horizontal pass comes first, one row after the second.
    line: Vec<u8>,
    /// Tensor value of each 8-bit value, for each channel of the tensor.
    values: [[f32; 256]; 3],
}

impl Sampler {
    /// A sampler of frames of `geometry`, whose sides, like those of `fit`, must be positive.
    pub fn new(geometry: &Geometry, fit: Fit, normalization: &Normalization) -> Self {
        let Geometry {
            layout,
            width,
            height,
        } = *geometry;
        let Layout::Packed { bytes, r, g, b } = layout;
        let (out_width, out_height) = fit.size(width, height);
        let (scale_x, scale_y) = fit.scale(width, height);
        let vertical_first = scale_y <= scale_x;
        let (between, line) = if vertical_first {
            (ROWS * width * bytes, 0)
        } else {
            (height * out_width * 4, out_width * 4)
        };
        Self {
            height,
            channels: match normalization.order {
                ChannelOrder::Rgb => [r, g, b],
                ChannelOrder::Bgr => [b, g, r],
            },
            vertical: Axis::new(height, out_height, scale_y),
            horizontal: Columns::new(Axis::new(width, out_width, scale_x), bytes),
            vertical_first,
            between: vec![0; between],
            line: vec![0; line],
            values: std::array::from_fn(|c| {
                std::array::from_fn(|v| {
                    (v as f32 / normalization.divisor - normalization.mean[c])
                        / normalization.deviation[c]
                })
            }),
        }
    }

    /// Width and height of the tensor.
    pub fn size(&self) -> (usize, usize) {
        (self.horizontal.out_width(), self.vertical.output())
    }

    /// Samples the frame in `planes` into `tensor`, 1 x 3 x height x width.
    ///
    /// # Panics
    /// Where a plane or the tensor is smaller than the geometry asks for.
    pub fn sample(&mut self, planes: &[Plane], tensor: &mut [f32]) {
        if self.vertical_first {
            self.sample_vertical_first(planes[0], tensor);
        } else {
            self.sample_horizontal_first(planes[0], tensor);
        }
    }

    fn sample_vertical_first(&mut self, source: Plane, tensor: &mut [f32]) {
        let (width, height) = self.size();
        let stride = self.horizontal.row_bytes();
        for first in (0..height).step_by(ROWS) {
            let rows = ROWS.min(height - first);
            let lines = &mut self.between[..rows * stride];
            for (y, line) in (first..).zip(lines.chunks_exact_mut(stride)) {
                round_rows(source.data, source.stride, &self.vertical, y, line);
            }
            let columns = self.horizontal.scale(lines, stride);
            for (c, values) in self.values.iter().enumerate() {
                let offset = self.channels[c];
                for j in 0..rows {
                    let out = &mut tensor[(c * height + first + j) * width..][..width];
                    for (out, column) in out.iter_mut().zip(columns) {
                        *out = values[usize::from(column[j][offset])];
                    }
                }
            }
        }
    }

    fn sample_horizontal_first(&mut self, source: Plane, tensor: &mut [f32]) {
        let (width, height) = self.size();
        let stride = width * 4;
        for first in (0..self.height).step_by(ROWS) {
            let rows = ROWS.min(self.height - first);
            let columns = self
                .horizontal
                .scale(&source.data[first * source.stride..], source.stride);
            let between = &mut self.between[first * stride..][..rows * stride];
            for (j, out) in between.chunks_exact_mut(stride).enumerate() {
                for (out, column) in out.as_chunks_mut::<4>().0.iter_mut().zip(columns) {
                    *out = column[j];
                }
            }
        }
        for y in 0..height {
            round_rows(&self.between, stride, &self.vertical, y, &mut self.line);
            for (c, values) in self.values.iter().enumerate() {
                let offset = self.channels[c];
                let out = &mut tensor[(c * height + y) * width..][..width];
                for (out, pixel) in out.iter_mut().zip(self.line.as_chunks::<4>().0) {
                    *out = values[usize::from(pixel[offset])];
                }
            }
        }
    }
}
