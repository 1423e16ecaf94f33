//! Sampling and painting against the plain arithmetic, and their contracts.

mod converter;
mod guard;
mod guarded;
mod levels;
mod placed;
mod presented;
mod rgb;
mod scales;
mod styles;
mod yuv;

use crate::frame::*;
use crate::oracle::{self, Image};
use crate::preprocess::*;
use crate::render::*;

/// A small random number generator (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    /// A number in `range`.
    pub(crate) fn pick(&mut self, range: std::ops::Range<usize>) -> usize {
        range.start + self.next() as usize % range.len()
    }

    fn float(&mut self) -> f32 {
        self.next() as f32 / u32::MAX as f32 * 2.0 - 1.0
    }
}

const TORCH: Normalization = Normalization {
    order: ChannelOrder::Rgb,
    divisor: 255.0,
    mean: [0.485, 0.456, 0.406],
    deviation: [0.229, 0.224, 0.225],
};

fn view(values: &[f32], width: usize) -> MapView<'_> {
    MapView {
        values,
        width,
        height: values.len() / width,
    }
}

fn map_image(values: &[f32], width: usize) -> Image {
    Image {
        width,
        height: values.len() / width,
        channels: 1,
        data: values.iter().map(|v| f64::from(*v)).collect(),
    }
}

/// A random map and its width: signed, rectified, or of few values.
fn random_map(random: &mut Random) -> (Vec<f32>, usize) {
    let (width, height) = (random.pick(1..20), random.pick(1..20));
    let kind = random.pick(0..3);
    let values = (0..width * height).map(|_| match kind {
        0 => 10.0 * random.float(),
        1 => random.float().max(0.0),
        _ => (random.float() * 2.0).round(),
    });
    (values.collect(), width)
}

fn random_fit(random: &mut Random, geometry: &Geometry) -> Fit {
    let shortest = geometry.width.min(geometry.height);
    let (width, height) = (random.pick(1..90), random.pick(1..90));
    match random.pick(0..8) {
        4 => Fit::Letterbox { width, height },
        5 => Fit::Crop {
            width,
            height,
            covers: (width + random.pick(0..20), height + random.pick(0..20)),
        },
        6 => Fit::Height(height),
        7 => Fit::Width(width),
        0 => Fit::ShortestSide(random.pick(1..60)),
        1 => Fit::ShortestSide(shortest.div_ceil(2)),
        2 => Fit::ShortestSide(shortest.div_ceil(3)),
        _ => Fit::Exact { width, height },
    }
}

/// A colour map, its name, and what the plain arithmetic makes of each heat index.
struct TestedMap {
    name: &'static str,
    colormap: Colormap,
    plain: Box<dyn Fn(usize) -> [f64; 3]>,
}

/// Every colour map. Jet and gray are worked out anew; a published table has no other arithmetic than its own.
fn tested_maps() -> [TestedMap; 6] {
    let published = |name, colormap: Colormap| {
        let table = *colormap.rgb();
        TestedMap {
            name,
            colormap,
            plain: Box::new(move |index: usize| table[index]),
        }
    };
    [
        TestedMap {
            name: "jet",
            colormap: Colormap::jet(),
            plain: Box::new(oracle::jet),
        },
        published("turbo", Colormap::turbo()),
        published("viridis", Colormap::viridis()),
        published("inferno", Colormap::inferno()),
        published("cividis", Colormap::cividis()),
        TestedMap {
            name: "gray",
            colormap: Colormap::gray(),
            plain: Box::new(|index| [index as f64 * 255.0 / 254.0; 3]),
        },
    ]
}

/// A painter of upright frames in other colours.
fn coloured(geometry: &Geometry, colormap: &Colormap) -> Painter {
    let style = Style::coloured(colormap.clone());
    Painter::styled(geometry, &Presentation::default(), &style)
}

/// Every way in which luma and chroma lie.
pub(crate) const Y_CB_CR: [Samples; 13] = [
    Samples::I420,
    Samples::YV12,
    Samples::Y42B,
    Samples::Y444,
    Samples::NV12,
    Samples::NV21,
    Samples::NV24,
    Samples::YUY2,
    Samples::YVYU,
    Samples::UYVY,
    Samples::GRAY8,
    Samples::I420_10LE,
    Samples::P010_10LE,
];

/// Every packed layout of red, green and blue.
pub(crate) const PACKED: [Layout; 6] = [
    Layout::RGB,
    Layout::BGR,
    Layout::RGBX,
    Layout::BGRX,
    Layout::XRGB,
    Layout::XBGR,
];

/// Every layout, with luma and chroma in `encoding`.
fn layouts(encoding: Encoding) -> Vec<Layout> {
    let y_cb_cr = Y_CB_CR.map(|samples| Layout::YCbCr { samples, encoding });
    let rgb = PACKED.into_iter().chain([Layout::GBR]);
    rgb.chain(y_cb_cr).collect()
}

/// Bytes of a row, and rows, of each plane of a frame.
fn plane_sizes(geometry: &Geometry) -> Vec<(usize, usize)> {
    let (width, height) = (geometry.width, geometry.height);
    match geometry.layout {
        Layout::Packed(order) => vec![(width * order.bytes(), height)],
        Layout::Planar { .. } => vec![(width, height); 3],
        Layout::YCbCr { samples, .. } => {
            let mut components = vec![(samples.y, width, height)];
            if let Some(chroma) = samples.chroma {
                let (width, height) = chroma.size(width, height);
                components.extend([chroma.cb, chroma.cr].map(|c| (c, width, height)));
            }
            let mut planes: Vec<(usize, usize)> = Vec::new();
            for (component, width, height) in components {
                let row = width * component.step * samples.depth.bytes();
                match planes.get_mut(component.plane) {
                    Some(plane) => plane.0 = plane.0.max(row),
                    // Luma comes first, and the planes of chroma are alike.
                    None => planes.resize(component.plane + 1, (row, height)),
                }
            }
            planes
        }
    }
}
