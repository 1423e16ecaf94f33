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
use crate::luma::gray::gray_planes;
use crate::luma::reader::{BoundedRows, GrayBounds, GrayReader};
use crate::luma::tiles;
use crate::resample::plane::{PlaneScaler, ScaledRows};
use crate::thread_pool::ThreadPool;

/// Which channels a tensor has, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Gray alone: the frame's own luma, or that of its red, green and blue.
    Gray,
    /// The same gray three times, for networks that were trained on gray pictures and take three channels.
    GrayThrice,
}

impl ChannelOrder {
    /// How many channels: 3, or 1 of gray alone.
    pub fn channels(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr | Self::GrayThrice => CHANNELS,
            Self::Gray => 1,
        }
    }

    /// Whether the channels are gray.
    pub fn is_gray(self) -> bool {
        match self {
            Self::Rgb | Self::Bgr => false,
            Self::Gray | Self::GrayThrice => true,
        }
    }

    /// In words, such as “BGR”.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rgb => "RGB",
            Self::Bgr => "BGR",
            Self::Gray => "gray",
            Self::GrayThrice => "gray three times",
        }
    }
}

/// Most channels of a tensor.
const CHANNELS: usize = 3;

/// How 8-bit channels become tensor values: `(v / divisor - mean) / deviation`, in single
/// precision; `mean` and `deviation` in the tensor's channel order, of gray alone the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// Which channels there are.
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
    /// Width and height of the tensor.
    size: (usize, usize),
    /// The rows of the tensor in which the picture lies.
    down: Range<usize>,
    recipe: Recipe,
    /// Rows of each band of the picture but the last.
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

/// Bands that a picture is made in, from top to bottom, each by one thread.
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
    /// Makes gray of red, green and blue.
    is_gray: bool,
    /// Brings these to the range that networks know, if need be.
    to_sdr: Option<ToSdr>,
    /// Tensor value of each 8-bit value, for each channel of the tensor.
    values: [ByteTable; CHANNELS],
    /// Index, in red, green and blue, of each channel of the tensor.
    order: [usize; CHANNELS],
    channels: usize,
    /// Where in a row of the tensor the picture lies.
    across: Range<usize>,
}

/// What a worker needs on the way to a band of the tensor.
struct BandScratch {
    /// Of each of [`Recipe::planes`].
    planes: Vec<ScaledRows>,
    /// The components of the scaled picture: red, green and blue, or gray alone.
    picture: Vec<Vec<u8>>,
    /// Gray made of the picture, where the tensor has that.
    luma: Vec<u8>,
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
        let aspect = presentation.upright_aspect();
        let Components {
            planes,
            places,
            size,
            picture,
            inset,
        } = match presentation.hdr {
            // Luma alone is gray already.
            None if normalization.order.is_gray() => {
                Components::new(&upright.without_chroma(), fit, aspect)
            }
            None | Some(_) => Components::new(upright, fit, aspect),
        };
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
            is_gray: normalization.order.is_gray(),
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
                ChannelOrder::Gray | ChannelOrder::GrayThrice => [0; CHANNELS],
            },
            channels: normalization.order.channels(),
            across: inset.0..inset.0 + picture.0,
        };
        let (width, height) = picture;
        let rows = height.div_ceil(BANDS);
        let pool = ThreadPool::get();
        let scratch = |_| BandScratch {
            planes: (recipe.planes.iter().map(|(_, plane)| plane.rows(rows))).collect(),
            picture: vec![vec![0; width * rows]; recipe.components.len()],
            luma: vec![0; if recipe.is_gray { width * rows } else { 0 }],
            gray: vec![0; recipe.reader.scratch()],
        };
        Self {
            size,
            down: inset.1..inset.1 + height,
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
        self.size
    }

    /// Channels of the tensor.
    pub fn channels(&self) -> usize {
        self.recipe.channels
    }

    /// Values of the tensor.
    pub fn values(&self) -> usize {
        self.recipe.channels * self.size.0 * self.size.1
    }

    /// Samples the frame in `planes` into `tensor`, 1 x channels x height x width, and finds what its
    /// gray lies in on the way.
    ///
    /// # Panics
    /// Where a plane or the tensor is smaller than the geometry asks for.
    pub fn sample(&mut self, planes: &[Plane], tensor: &mut [f32]) -> &GrayBounds {
        if let Some(turner) = &mut self.turner {
            turner.turn(planes);
        }
        let turned = self.turner.as_ref().map(Turner::planes);
        let upright = turned.as_ref().map_or(planes, |planes| &planes[..]);
        let (recipe, step) = (&self.recipe, self.band_rows);
        let (width, height) = (self.size.0, self.down.len());
        let tensor = &mut tensor[..self.values()];
        if (recipe.across.len(), height) != self.size {
            tensor.fill(0.0);
        }
        let mut whole = tensor.chunks_exact_mut(width * self.size.1);
        let mut channels: [&mut [f32]; CHANNELS] = array::from_fn(|_| {
            let channel = whole.next().unwrap_or_default();
            let above = channel.len().min(width * self.down.start);
            &mut channel[above..]
        });
        let mut bounds = self.bounds.parts(self.bounded_rows);
        let mut bands = (0..height).step_by(step);
        let mut parts: [_; BANDS] = array::from_fn(move |_| {
            let first = bands.next()?;
            let rows = first..height.min(first + step);
            let tensor = channels.each_mut().map(|channel| {
                let whole = std::mem::take(channel);
                let (band, rest) = whole.split_at_mut(whole.len().min(width * rows.len()));
                *channel = rest;
                band
            });
            Some((rows, tensor, bounds.next()))
        });
        self.pool
            .each_at(&mut self.scratches, &mut parts, |scratch, part| {
                if let Some((rows, tensor, bounds)) = part {
                    recipe.sample(
                        [planes, upright],
                        rows.clone(),
                        scratch,
                        (tensor, width),
                        bounds,
                    );
                }
            });
        &self.bounds
    }
}

impl Recipe {
    /// Samples one band of the picture, its rows `rows`, into rows of the tensor of `width` values, and bounds the gray of
    /// some rows of tiles, from the frame as it is stored and upright.
    fn sample(
        &self,
        [stored, upright]: [&[Plane]; 2],
        rows: Range<usize>,
        scratch: &mut BandScratch,
        (tensor, width): (&mut [&mut [f32]; CHANNELS], usize),
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
        let across = self.across.len();
        let area = across * rows.len();
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
        if let ([r, g, b], true) = (&mut scratch.picture[..], self.is_gray) {
            gray_planes(
                &r[..area],
                &g[..area],
                &b[..area],
                &mut scratch.luma[..area],
            );
            std::mem::swap(r, &mut scratch.luma);
        }
        for ((out, values), channel) in tensor.iter_mut().zip(&self.values).zip(self.order) {
            let channel = &scratch.picture[channel.min(scratch.picture.len() - 1)];
            for (out, row) in out
                .chunks_exact_mut(width)
                .zip(channel[..area].chunks_exact(across))
            {
                values.look_up_all(row, &mut out[self.across.clone()]);
            }
        }
    }
}
