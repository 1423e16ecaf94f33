//! High dynamic range brought to standard dynamic range.
//!
//! Networks have learnt from pictures in which white is the code 255. In HDR that code is light that a
//! picture hardly ever has, and white things are found at BT.2408's reference white.

use crate::frame::{Curve, Hdr};

/// ITU-R BT.2408: what diffuse white has, in cd/m².
const REFERENCE_WHITE: f64 = 203.0;

/// BT.2100's nominal peak of a display for HLG, in cd/m², and the gamma of its OOTF there.
const HLG_PEAK: f64 = 1000.0;
const HLG_GAMMA: f64 = 1.2;

/// Linear red, green and blue of BT.2020 to those of BT.709 (ITU-R BT.2407, table 1: the inverse of BT.2087's matrix).
const TO_BT709: [[f32; 3]; 3] = [
    [1.6605, -0.5876, -0.0728],
    [-0.1246, 1.1329, -0.0083],
    [-0.0182, -0.1006, 1.1187],
];

/// Steps of linear light that have a code of their own: near black, a code takes 14 of them.
const STEPS: usize = 1 << 14;

/// Takes 8-bit codes of HDR to those of SDR.
///
/// Light in cd/m², divided by [`REFERENCE_WHITE`] and clipped to 0..1; to BT.709's primaries, and clipped
/// again; BT.709's transfer function.
pub(crate) struct ToSdr {
    hdr: Hdr,
    /// Light of each code: relative to reference white (PQ), or to the scene's brightest (HLG).
    light: [f32; 256],
    /// BT.709's code of each step of light from black to reference white.
    codes: Box<[u8]>,
}

/// SMPTE ST 2084's EOTF: the light, in cd/m², of the signal `e` (0 to 1).
fn pq(e: f64) -> f64 {
    let (m1, m2) = (2610.0 / 16384.0, 2523.0 / 4096.0 * 128.0);
    let (c1, c2, c3) = (
        3424.0 / 4096.0,
        2413.0 / 4096.0 * 32.0,
        2392.0 / 4096.0 * 32.0,
    );
    let power = e.powf(1.0 / m2);
    10_000.0 * ((power - c1).max(0.0) / (c2 - c3 * power)).powf(1.0 / m1)
}

/// The inverse of ARIB STD-B67's OETF: the scene's light (0 to 1) of the signal `e` (0 to 1).
fn hlg(e: f64) -> f64 {
    let (a, b, c) = (0.178_832_77, 0.284_668_92, 0.559_910_73);
    if e <= 0.5 {
        e * e / 3.0
    } else {
        (((e - c) / a).exp() + b) / 12.0
    }
}

/// BT.709's OETF.
fn bt709(light: f64) -> f64 {
    if light < 0.018 {
        4.5 * light
    } else {
        1.099 * light.powf(0.45) - 0.099
    }
}

impl ToSdr {
    pub fn new(hdr: Hdr) -> Self {
        let light = |code: usize| {
            let signal = code as f64 / 255.0;
            match hdr.curve {
                Curve::Pq => (pq(signal) / REFERENCE_WHITE).min(1.0),
                Curve::Hlg => hlg(signal),
            }
        };
        let code = |step: usize| (bt709(step as f64 / STEPS as f64) * 255.0).round() as u8;
        Self {
            hdr,
            light: std::array::from_fn(|code| light(code) as f32),
            codes: (0..=STEPS).map(code).collect(),
        }
    }

    /// Light relative to reference white, 0 to 1, of red, green and blue.
    fn linear(&self, rgb: [u8; 3]) -> [f32; 3] {
        let light = rgb.map(|code| self.light[usize::from(code)]);
        match self.hdr.curve {
            Curve::Pq => light,
            Curve::Hlg => {
                let weights = if self.hdr.wide {
                    [0.2627, 0.678, 0.0593]
                } else {
                    [0.2126, 0.7152, 0.0722]
                };
                let luminance: f32 = light.iter().zip(weights).map(|(c, w)| c * w).sum();
                let gain =
                    luminance.powf((HLG_GAMMA - 1.0) as f32) * (HLG_PEAK / REFERENCE_WHITE) as f32;
                light.map(|c| (c * gain).min(1.0))
            }
        }
    }

    fn code(&self, light: f32) -> u8 {
        let step = (light.clamp(0.0, 1.0) * STEPS as f32 + 0.5) as usize;
        self.codes[step.min(STEPS)]
    }

    /// Converts pixels in place.
    pub fn convert(&self, r: &mut [u8], g: &mut [u8], b: &mut [u8]) {
        for (r, (g, b)) in r.iter_mut().zip(g.iter_mut().zip(b)) {
            let light = self.linear([*r, *g, *b]);
            let light = if self.hdr.wide {
                TO_BT709.map(|row| row.iter().zip(light).map(|(m, c)| m * c).sum())
            } else {
                light
            };
            [*r, *g, *b] = light.map(|c| self.code(c));
        }
    }

    /// The same for grays.
    pub fn convert_gray(&self, gray: &mut [u8]) {
        for gray in gray {
            *gray = self.code(self.linear([*gray; 3])[0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What SMPTE ST 2084 makes of light: the inverse of [`pq`], written down by itself.
    fn to_pq(nits: f64) -> f64 {
        let y = (nits / 10_000.0).powf(0.159_301_757_812_5);
        ((0.835_937_5 + 18.851_562_5 * y) / (1.0 + 18.687_5 * y)).powf(78.843_75)
    }

    fn from_bt709(code: f64) -> f64 {
        if code < 0.081 {
            code / 4.5
        } else {
            ((code + 0.099) / 1.099).powf(1.0 / 0.45)
        }
    }

    #[test]
    fn reference_white_is_white() {
        for (curve, code) in [(Curve::Pq, 0.5806), (Curve::Hlg, 0.7498)] {
            let share = curve.white();
            assert!((share - code).abs() < 1e-3, "{curve:?}: {share}");
            let converter = ToSdr::new(Hdr { curve, wide: true });
            let mut gray = [0, (code * 255.0).round() as u8, 255];
            converter.convert_gray(&mut gray);
            assert_eq!([gray[0], gray[2]], [0, 255]);
            assert!(gray[1] >= 254, "{curve:?}: {gray:?}");
        }
    }

    #[test]
    fn known_light() {
        // BT.2408, table 1: 100 cd/m² is the signal 0.508, 203 cd/m² 0.581; HLG's 0.75 is 203 cd/m² at a peak of 1000.
        assert!((pq(0.508) - 100.0).abs() < 0.5 && (pq(0.5807) - 203.0).abs() < 0.5);
        let white = HLG_PEAK * hlg(0.75).powf(HLG_GAMMA);
        assert!((white - 203.0).abs() < 0.5, "{white}");
        assert!((hlg(1.0) - 1.0).abs() < 1e-6);
    }

    /// Red, green and blue of BT.709 become those of BT.2020 (BT.2087's matrix).
    const TO_BT2020: [[f64; 3]; 3] = [
        [0.6274, 0.3293, 0.0433],
        [0.0691, 0.9195, 0.0114],
        [0.0164, 0.0880, 0.8956],
    ];

    #[test]
    fn colours_come_back_from_where_they_were_brought() {
        for wide in [false, true] {
            for curve in [Curve::Pq, Curve::Hlg] {
                let converter = ToSdr::new(Hdr { curve, wide });
                let (mut worst, mut sum, mut count) = (0, 0, 0);
                for r in (16..=255).step_by(29) {
                    for g in (16..=255).step_by(29) {
                        for b in (16..=255).step_by(29) {
                            let sdr = [r, g, b].map(|c| c as u8);
                            let linear = sdr.map(|c| from_bt709(f64::from(c) / 255.0));
                            let linear = if wide {
                                TO_BT2020
                                    .map(|row| row.iter().zip(linear).map(|(m, c)| m * c).sum())
                            } else {
                                linear
                            };
                            let hdr = to_hdr(curve, wide, linear);
                            let [mut r, mut g, mut b] = hdr.map(|c| [(c * 255.0).round() as u8]);
                            converter.convert(&mut r, &mut g, &mut b);
                            for (a, b) in [r[0], g[0], b[0]].into_iter().zip(sdr) {
                                worst = worst.max(a.abs_diff(b));
                                sum += u32::from(a.abs_diff(b));
                                count += 1;
                            }
                        }
                    }
                }
                // An 8-bit code of PQ is about two of SDR; the dark channels of saturated colours, which the primaries
                // turn into differences of large numbers, lose most.
                let mean = f64::from(sum) / f64::from(count);
                assert!(
                    worst <= 20 && mean < 1.5,
                    "{curve:?} {wide}: {worst} {mean}"
                );
            }
        }
    }

    fn to_hdr(curve: Curve, wide: bool, linear: [f64; 3]) -> [f64; 3] {
        match curve {
            Curve::Pq => linear.map(|c| to_pq(203.0 * c)),
            Curve::Hlg => {
                let weights = if wide {
                    [0.2627, 0.678, 0.0593]
                } else {
                    [0.2126, 0.7152, 0.0722]
                };
                let display = linear.map(|c| 0.203 * c);
                let y: f64 = display.iter().zip(weights).map(|(c, w)| c * w).sum();
                let gain = y.powf(-0.2 / 1.2);
                display.map(|c| {
                    let e: f64 = c * gain;
                    if e <= 1.0 / 12.0 {
                        (3.0 * e).sqrt()
                    } else {
                        0.178_832_77 * (12.0 * e - 0.284_668_92).ln() + 0.559_910_73
                    }
                })
            }
        }
    }
}
