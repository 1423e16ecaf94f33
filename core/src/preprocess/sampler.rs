//! Frame to tensor.

use std::array;
use std::ops::Range;
use std::sync::Arc;

use super::byte_table::ByteTable;
use super::components::{Components, Place};
use super::fit::Fit;
use super::rgb_decoder::Decoder;
use super::transfer_function::ToSdr;
use super::turned_frame::Turner;
use crate::frame::{Geometry, Layout, Plane};
use crate::frame::{Orientation, Presentation};
use crate::luma::reader::{BoundedRows, GrayBounds, GrayReader};
use crate::luma::tiles;
use crate::resample::plane::{PlaneScaler, ScaledRows};
use crate::thread_pool::ThreadPool;

/// Order of a tensor's three channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// How 8-bit channels become tensor values: `(v / divisor - mean) / deviation`, in single
/// precision; `mean` and `deviation` in the tensor's channel order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// Which channel comes first.
    pub order: ChannelOrder,
    /// 255 for channels of 0..1, 1 for channels of 0..255.
    pub divisor: f32,
    /// Subtracted, after the division.
    pub mean: [f32; 3],
    /// Divided by, last.
    pub deviation: [f32; 3],
}

/// Scales frames of one geometry to a network's input tensor.
///
/// Antialiased and bicubic (Keys' cubic convolution, a = -0.5), rounded to 8 bits after each of the
/// two passes. Red, green and blue: the dimension with the smallest scale first, the vertical one
/// when both are equal. Luma and chroma: each at its own resolution and place, 10 bits rounded to
/// 8, the vertical dimension first, then the small picture is converted.
pub struct Sampler {
    width: usize,
    height: usize,
    recipe: Recipe,
    /// Rows of each band of the tensor but the last.
    band_rows: usize,
    /// One for each worker.
    scratches: Vec<BandScratch>,
    /// For frames that do not lie upright.
    turner: Option<Turner>,
    bounds: GrayBounds,
    /// Rows of tiles whose gray is bounded beside each band.
    bounded_rows: usize,
    pool: Arc<ThreadPool>,
}

/// Bands that a tensor is made in, from top to bottom, each by one thread.
const BANDS: usize = 8;

/// How frames become tensors.
struct Recipe {
    planes: Vec<(usize, PlaneScaler)>,
    components: Vec<Place>,
    reader: GrayReader,
    /// The last of `planes` that gray is made of; none where they are not those of the stored frame.
    last_gray: Option<usize>,
    /// Makes red, green and blue of the components, where they are luma and chroma.
    decoder: Option<Decoder>,
    /// Brings these to the range that networks know, if need be.
    to_sdr: Option<ToSdr>,
    /// Tensor value of each 8-bit value, for each channel of the tensor.
    values: [ByteTable; 3],
    /// Index, in red, green and blue, of each channel of the tensor.
    order: [usize; 3],
}

/// What a worker needs on the way to a band of the tensor.
struct BandScratch {
    /// Of each of [`Recipe::planes`].
    planes: Vec<ScaledRows>,
    /// The components of the scaled picture: red, green and blue, or gray alone.
    picture: Vec<Vec<u8>>,
    /// For [`GrayReader`].
    gray: Vec<u8>,
}

impl Sampler {
    /// A sampler of frames of `geometry`, whose sides, like those of `fit`, must be positive.
    pub fn new(geometry: &Geometry, fit: Fit, normalization: &Normalization) -> Self {
        Self::presented(geometry, &Presentation::default(), fit, normalization)
    }

    /// The same for frames that are meant to be seen as `presentation` says. The tensor shows the picture
    /// upright, in the standard dynamic range.
    pub fn presented(
        geometry: &Geometry,
        presentation: &Presentation,
        fit: Fit,
        normalization: &Normalization,
    ) -> Self {
        let is_turned = presentation.orientation != Orientation::IDENTITY;
        let turner = is_turned.then(|| Turner::new(geometry, presentation.orientation));
        let upright = turner.as_ref().map_or(geometry, Turner::geometry);
        let Components {
            planes,
            places,
            size: (width, height),
        } = Components::new(upright, fit, presentation.upright_aspect());
        let recipe = Recipe {
            reader: GrayReader::new(geometry),
            last_gray: (!is_turned).then(|| match geometry.layout {
                Layout::Planar { .. } => planes.len() - 1,
                Layout::Packed { .. } | Layout::YCbCr { .. } => 0,
            }),
            planes,
            components: places,
            decoder: match geometry.layout {
                Layout::YCbCr { samples, encoding } => Some(Decoder::new(encoding, samples.depth)),
                _ => None,
            },
            to_sdr: presentation.hdr.map(ToSdr::new),
            values: array::from_fn(|c| {
                ByteTable::new(|v| {
                    (f32::from(v) / normalization.divisor - normalization.mean[c])
                        / normalization.deviation[c]
                })
            }),
            order: match normalization.order {
                ChannelOrder::Rgb => [0, 1, 2],
                ChannelOrder::Bgr => [2, 1, 0],
            },
        };
        let rows = height.div_ceil(BANDS);
        let pool = ThreadPool::get();
        let scratch = |_| BandScratch {
            planes: (recipe.planes.iter().map(|(_, plane)| plane.rows(rows))).collect(),
            picture: vec![vec![0; width * rows]; recipe.components.len()],
            gray: vec![0; recipe.reader.scratch()],
        };
        Self {
            width,
            height,
            band_rows: rows,
            scratches: (0..pool.workers()).map(scratch).collect(),
            bounds: recipe.reader.bounds(),
            bounded_rows: geometry
                .height
                .div_ceil(tiles::ROWS)
                .div_ceil(height.div_ceil(rows)),
            recipe,
            turner,
            pool,
        }
    }

    /// Width and height of the tensor.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Samples the frame in `planes` into `tensor`, 1 x 3 x height x width, and finds what its gray
    /// lies in on the way.
    ///
    /// # Panics
    /// Where a plane or the tensor is smaller than the geometry asks for.
    pub fn sample(&mut self, planes: &[Plane], tensor: &mut [f32]) -> &GrayBounds {
        if let Some(turner) = &mut self.turner {
            turner.turn(planes);
        }
        let turned = self.turner.as_ref().map(Turner::planes);
        let upright = turned.as_ref().map_or(planes, |planes| &planes[..]);
        let area = self.width * self.height;
        let (first, rest) = tensor[..3 * area].split_at_mut(area);
        let (second, third) = rest.split_at_mut(area);
        let mut channels = [first, second, third];
        let (recipe, width, height, step) = (&self.recipe, self.width, self.height, self.band_rows);
        let mut bounds = self.bounds.parts(self.bounded_rows);
        let mut bands = (0..height).step_by(step);
        let mut parts: [_; BANDS] = array::from_fn(move |_| {
            let first = bands.next()?;
            let rows = first..height.min(first + step);
            let tensor = channels.each_mut().map(|channel| {
                let (band, rest) = std::mem::take(channel).split_at_mut(width * rows.len());
                *channel = rest;
                band
            });
            Some((rows, tensor, bounds.next()))
        });
        self.pool
            .each_at(&mut self.scratches, &mut parts, |scratch, part| {
                if let Some((rows, tensor, bounds)) = part {
                    recipe.sample([planes, upright], rows.clone(), scratch, tensor, bounds);
                }
            });
        &self.bounds
    }
}

impl Recipe {
    /// Samples one band of the tensor, its rows `rows`, and bounds the gray of some rows of tiles, from the frame as it is
    /// stored and upright.
    fn sample(
        &self,
        [stored, upright]: [&[Plane]; 2],
        rows: Range<usize>,
        scratch: &mut BandScratch,
        tensor: &mut [&mut [f32]; 3],
        bounds: &mut Option<BoundedRows>,
    ) {
        let mut bound = |end| {
            if let Some(bounds) = bounds {
                bounds.find(&self.reader, stored, end, &mut scratch.gray);
            }
        };
        for (i, ((plane, scaler), out)) in self.planes.iter().zip(&mut scratch.planes).enumerate() {
            scaler.scale(upright[*plane], rows.clone(), out, |end| {
                if Some(i) == self.last_gray {
                    bound(end);
                }
            });
        }
        bound(usize::MAX);
        let area = tensor[0].len();
        for (component, out) in self.components.iter().zip(&mut scratch.picture) {
            let pixels = scratch.planes[component.plane].view(component.view);
            pixels.copy_samples(component.offset, &mut out[..area]);
        }
        if let Some(decoder) = &self.decoder {
            match &mut scratch.picture[..] {
                [y, cb, cr] => {
                    decoder.decode(&mut y[..area], &mut cb[..area], &mut cr[..area]);
                }
                planes => planes
                    .iter_mut()
                    .for_each(|y| decoder.decode_gray(&mut y[..area])),
            }
        }
        if let Some(to_sdr) = &self.to_sdr {
            match &mut scratch.picture[..] {
                [r, g, b] => to_sdr.convert(&mut r[..area], &mut g[..area], &mut b[..area]),
                planes => planes
                    .iter_mut()
                    .for_each(|gray| to_sdr.convert_gray(&mut gray[..area])),
            }
        }
        for ((out, values), channel) in tensor.iter_mut().zip(&self.values).zip(self.order) {
            let channel = &scratch.picture[channel.min(scratch.picture.len() - 1)];
            values.look_up_all(&channel[..area], out);
        }
    }
}
