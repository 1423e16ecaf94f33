//! The arithmetic of sampling and painting, plain and slow, in double precision: what the fast
//! code is tested against.

use crate::preprocess::{ChannelOrder, Normalization};

/// `height` x `width` x `channels` samples.
#[derive(Clone)]
pub struct Image {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    pub data: Vec<f64>,
}

impl Image {
    fn at(&self, x: usize, y: usize, c: usize) -> f64 {
        self.data[(y * self.width + x) * self.channels + c]
    }

    fn transposed(&self) -> Self {
        let mut data = Vec::new();
        for x in 0..self.width {
            for y in 0..self.height {
                data.extend((0..self.channels).map(|c| self.at(x, y, c)));
            }
        }
        Self {
            width: self.height,
            height: self.width,
            channels: self.channels,
            data,
        }
    }
}

pub fn round_u8(x: f64) -> f64 {
    (x.clamp(0.0, 255.0) + 0.5).floor()
}

fn keys(t: f64) -> f64 {
    match t.abs() {
        t if t <= 1.0 => (1.5 * t - 2.5) * t * t + 1.0,
        t if t <= 2.0 => ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0,
        _ => 0.0,
    }
}

/// `cut` rows of the scaled image are left out at its top.
fn scale_rows(image: &Image, out: usize, scale: f64, cut: f64, round: bool) -> Image {
    let shrink = scale.min(1.0);
    let mut data = Vec::new();
    for y in 1..=out {
        // Half-pixel centres, positions counted from 1.
        let centre = (y as f64 + cut) / scale + 0.5 * (1.0 - 1.0 / scale);
        let first = (centre - 2.0 / shrink).floor() as isize;
        let taps = first..=(centre + 2.0 / shrink).ceil() as isize;
        let mut weights: Vec<_> = taps
            .map(|i| (i - 1, shrink * keys(shrink * (centre - i as f64))))
            .collect();
        let total: f64 = weights.iter().map(|(_, w)| w).sum();
        weights.iter_mut().for_each(|(_, w)| *w /= total);
        for x in 0..image.width {
            for c in 0..image.channels {
                let sum: f64 = weights
                    .iter()
                    .map(|&(i, w)| {
                        let n = image.height as isize;
                        let i = i.rem_euclid(2 * n);
                        w * image.at(x, i.min(2 * n - 1 - i) as usize, c)
                    })
                    .sum();
                data.push(if round { round_u8(sum) } else { sum });
            }
        }
    }
    Image {
        height: out,
        data,
        ..*image
    }
}

pub fn resize(image: &Image, size: (usize, usize), scale: (f64, f64), round: bool) -> Image {
    cropped(image, size, scale, (0.0, 0.0), round)
}

/// Part of the scaled image that begins `cut` columns and rows after its left and top.
pub fn cropped(
    image: &Image,
    size: (usize, usize),
    scale: (f64, f64),
    cut: (f64, f64),
    round: bool,
) -> Image {
    if scale.1 <= scale.0 {
        let rows = scale_rows(image, size.1, scale.1, cut.1, round).transposed();
        scale_rows(&rows, size.0, scale.0, cut.0, round).transposed()
    } else {
        let columns = scale_rows(&image.transposed(), size.0, scale.0, cut.0, round).transposed();
        scale_rows(&columns, size.1, scale.1, cut.1, round)
    }
}

/// The image in the middle of one of `size` that is 0 around it.
pub fn letterboxed(image: &Image, size: (usize, usize)) -> Image {
    let (left, top) = ((size.0 - image.width) / 2, (size.1 - image.height) / 2);
    let mut data = vec![0.0; size.0 * size.1 * image.channels];
    for (y, row) in image
        .data
        .chunks_exact(image.width * image.channels)
        .enumerate()
    {
        let at = ((top + y) * size.0 + left) * image.channels;
        data[at..at + row.len()].copy_from_slice(row);
    }
    Image {
        width: size.0,
        height: size.1,
        channels: image.channels,
        data,
    }
}

/// Tensor of a scaled red, green and blue picture.
pub fn tensor(rgb: &Image, normalization: &Normalization) -> Vec<f32> {
    let order: &[usize] = match normalization.order {
        ChannelOrder::Rgb => &[0, 1, 2],
        ChannelOrder::Bgr => &[2, 1, 0],
        ChannelOrder::Gray => &[3],
        ChannelOrder::GrayThrice => &[3; 3],
    };
    let mut tensor = Vec::new();
    for (c, channel) in order.iter().enumerate() {
        for pixel in rgb.data.chunks_exact(3) {
            let level = pixel.get(*channel).copied().unwrap_or_else(|| gray(pixel));
            let value = level as f32 / normalization.divisor;
            tensor.push((value - normalization.mean[c]) / normalization.deviation[c]);
        }
    }
    tensor
}

fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    values
        .into_iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        })
}

/// Heat index of each pixel of a frame of `width` x `height`.
pub fn heat_index(map: &Image, width: usize, height: usize, threshold: f64) -> Vec<usize> {
    let (low, high) = range(map.data.iter().copied());
    let flat = high - low <= 1e-6 * low.abs().max(high.abs());
    if flat || map.data.iter().any(|v| !v.is_finite()) {
        return vec![0; width * height];
    }
    let scale = (
        width as f64 / map.width as f64,
        height as f64 / map.height as f64,
    );
    let scaled = resize(map, (width, height), scale, false);
    let (low, high) = range(scaled.data.iter().copied());
    let level = |v: f64| match (v - low) / (high - low) {
        v if v < threshold => 0,
        v => (round_u8(v * 255.0) as usize).min(254),
    };
    if high > low {
        scaled.data.into_iter().map(level).collect()
    } else {
        vec![0; width * height]
    }
}

/// Red, green and blue, 0..=255, of one row of jet's heat table.
pub fn jet(row: usize) -> [f64; 3] {
    let i = (row + 1) as f64;
    [(96.0, 288.0), (32.0, 224.0), (-32.0, 160.0)].map(|(up, down)| {
        let jet = ((i - up) / 64.0).min((down - i) / 64.0).clamp(0.0, 1.0);
        jet * (row as f64 / 254.0) * 255.0
    })
}

/// Gray of a pixel, rounded half up.
fn gray(p: &[f64]) -> f64 {
    let gray = 0.298936021293775 * p[0] + 0.587043074451121 * p[1];
    round_u8(gray + 0.114020904255103 * p[2])
}

/// The painted picture, `heat` being red, green and blue, 0..=255, of each heat index.
pub fn paint(
    rgb: &Image,
    map: &Image,
    threshold: f64,
    heat: impl Fn(usize) -> [f64; 3],
) -> Vec<u8> {
    let index = heat_index(map, rgb.width, rgb.height, threshold);
    let combined: Vec<f64> = rgb
        .data
        .chunks_exact(3)
        .zip(index)
        .flat_map(|(p, index)| {
            let gray = gray(p);
            heat(index).map(|heat| gray / 2.0 + heat)
        })
        .collect();
    let (low, high) = range(combined.iter().copied());
    let stretched = combined.into_iter().map(|v| {
        if high > low {
            round_u8((v - low) / (high - low) * 255.0) as u8
        } else {
            0
        }
    });
    stretched.collect()
}
