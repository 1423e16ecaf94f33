//! Where the channels of a layout are, and what black and white are in them.

use crate::frame::colorimetry::Coding;
use crate::frame::{Depth, Encoding, Layout, layout};
use crate::simd::dispatched;

/// The samples of a frame.
pub(crate) struct Samples {
    /// Bytes of a sample: 1, or 2 with the least significant byte first.
    pub bytes: usize,
    /// Unused low bits of a sample.
    pub shift: u32,
    /// All channels but alpha.
    pub channels: Vec<Channels>,
}

/// Channels of one plane that lie side by side and have the same black and white.
pub(crate) struct Channels {
    pub plane: usize,
    /// Samples of a row before the first of them, how many they are, and from there to the next.
    pub offset: usize,
    pub count: usize,
    pub step: usize,
    /// Width and height, in pixels, of what shares a sample; each 1 or 2.
    pub cell: (usize, usize),
    /// Their value in a black and in a white pixel.
    pub black: u16,
    pub white: u16,
}

impl Samples {
    /// White takes this share of the codes above black, all of them where it is not given.
    pub fn new(layout: Layout, white: Option<f64>) -> Self {
        let brightest = white.map_or(255, |share| (255.0 * share).round() as u16);
        match layout {
            Layout::Packed(order) => {
                let [r, g, b] = order.offsets();
                Self::bytes(vec![Channels {
                    offset: r.min(g).min(b),
                    count: 3,
                    step: order.bytes(),
                    white: brightest,
                    ..Channels::full(0)
                }])
            }
            Layout::Planar { r, g, b } => {
                let channel = |plane| Channels {
                    white: brightest,
                    ..Channels::full(plane)
                };
                Self::bytes([r, g, b].map(channel).into())
            }
            Layout::YCbCr { samples, encoding } => Self::y_cb_cr(samples, encoding, white),
        }
    }

    /// The same with a colour in the place of white, each channel by itself.
    pub fn coloured(layout: Layout, white: Option<f64>, rgb: [u8; 3]) -> Self {
        let share = white.unwrap_or(1.0);
        let level = |c: u8| (f64::from(c) * share).round() as u16;
        match layout {
            Layout::Packed(order) => {
                let offsets = order.offsets().into_iter().zip(rgb);
                let channel = |(offset, c)| Channels {
                    offset,
                    step: order.bytes(),
                    white: level(c),
                    ..Channels::full(0)
                };
                Self::bytes(offsets.map(channel).collect())
            }
            Layout::Planar { r, g, b } => {
                let planes = [r, g, b].into_iter().zip(rgb);
                let channel = |(plane, c)| Channels {
                    white: level(c),
                    ..Channels::full(plane)
                };
                Self::bytes(planes.map(channel).collect())
            }
            Layout::YCbCr { samples, encoding } => {
                let coding = Coding::new(encoding, samples.depth).with_white(white);
                let mut all = Self::y_cb_cr(samples, encoding, white);
                let rgb = rgb.map(f64::from);
                let luma = coding.black + coding.luma(rgb) / 255.0 * coding.luma_range;
                all.channels.truncate(1);
                all.channels[0].white = luma.round() as u16;
                if let Some(chroma) = samples.chroma {
                    let cell = |halved| if halved { 2 } else { 1 };
                    let components = [chroma.cb, chroma.cr].into_iter();
                    for (component, difference) in components.zip(coding.chroma(rgb)) {
                        let code = coding.neutral + difference / 255.0 * coding.chroma_range;
                        all.channels.push(Channels {
                            offset: component.offset,
                            step: component.step,
                            cell: (cell(chroma.halved_x), cell(chroma.halved_y)),
                            black: coding.neutral as u16,
                            white: code.round().clamp(0.0, coding.largest) as u16,
                            ..Channels::full(component.plane)
                        });
                    }
                }
                all
            }
        }
    }

    fn bytes(channels: Vec<Channels>) -> Self {
        Self {
            bytes: 1,
            shift: 0,
            channels,
        }
    }

    fn y_cb_cr(samples: layout::Samples, encoding: Encoding, white: Option<f64>) -> Self {
        let coding = Coding::new(encoding, samples.depth).with_white(white);
        let channel = |component: layout::Component| Channels {
            offset: component.offset,
            step: component.step,
            ..Channels::full(component.plane)
        };
        let mut channels = vec![Channels {
            black: coding.black as u16,
            white: (coding.black + coding.luma_range) as u16,
            ..channel(samples.y)
        }];
        if let Some(chroma) = samples.chroma {
            let cell = |halved| if halved { 2 } else { 1 };
            let gray = |channel| Channels {
                cell: (cell(chroma.halved_x), cell(chroma.halved_y)),
                black: coding.neutral as u16,
                white: coding.neutral as u16,
                ..channel
            };
            let (cb, cr) = (channel(chroma.cb), channel(chroma.cr));
            if cb.plane == cr.plane && cb.offset.abs_diff(cr.offset) == 1 {
                channels.push(gray(Channels {
                    offset: cb.offset.min(cr.offset),
                    count: 2,
                    ..cb
                }));
            } else {
                channels.extend([gray(cb), gray(cr)]);
            }
        }
        Self {
            bytes: samples.depth.bytes(),
            shift: match samples.depth {
                Depth::Eight | Depth::TenLow => 0,
                Depth::TenHigh => 6,
            },
            channels,
        }
    }
}

impl Channels {
    /// The bytes of `plane`, all of them one channel from 0 to 255.
    fn full(plane: usize) -> Self {
        Self {
            plane,
            offset: 0,
            count: 1,
            step: 1,
            cell: (1, 1),
            black: 0,
            white: 255,
        }
    }

    /// Gives the value of each cell to the samples of the channels there.
    pub fn spread_bytes(&self, values: &[u8], samples: &mut [u8]) {
        let mask = |byte: usize| if self.holds(byte) { u8::MAX } else { 0 };
        match self.step {
            2 => spread_over::<2>(values, [0, 1].map(mask), samples),
            4 => spread_over::<4>(values, [0, 1, 2, 3].map(mask), samples),
            _ => self.spread(values, samples),
        }
    }

    /// Whether one of the channels is the sample of this number in a group.
    fn holds(&self, sample: usize) -> bool {
        (self.offset..self.offset + self.count).contains(&sample)
    }

    /// The same for samples of any kind.
    pub fn spread<T: Copy>(&self, values: &[T], samples: &mut [T]) {
        match (self.count, self.step) {
            (1, 1) => samples.copy_from_slice(values),
            (2, 2) => spread_all::<T, 2>(values, samples),
            (3, 3) => spread_all::<T, 3>(values, samples),
            _ => {
                for (group, &value) in samples.chunks_exact_mut(self.step).zip(values) {
                    group[self.offset..][..self.count].fill(value);
                }
            }
        }
    }
}

/// Gives values to all samples of groups of `STEP`.
fn spread_all<T: Copy, const STEP: usize>(values: &[T], samples: &mut [T]) {
    for (group, &value) in samples.as_chunks_mut::<STEP>().0.iter_mut().zip(values) {
        *group = [value; STEP];
    }
}

dispatched! {
    /// Gives values to the bytes of groups of `STEP` where `mask` is 255.
    fn spread_over<STEP: usize;>(values: &[u8], mask: [u8; STEP], samples: &mut [u8]) {
        for (group, &value) in samples.as_chunks_mut::<STEP>().0.iter_mut().zip(values) {
            for (sample, mask) in group.iter_mut().zip(mask) {
                *sample = (*sample & !mask) | (value & mask);
            }
        }
    }
}
