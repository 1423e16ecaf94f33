//! Tables that are all but straight lines.

/// Most entries that may be off the line.
const CORRECTIONS: usize = 4;

/// A table of 16-bit numbers that is computed faster than it is looked up: flat, then a straight line, rounded, then
/// flat again, modulo 2^16. Gray to what it contributes to luma is such a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// The last index of the flat beginning, and how many follow until the flat end.
    pub start: u8,
    pub length: u8,
    /// The entry at the start.
    pub offset: u16,
    /// The slope: whole part, and what is beyond it in steps of 2^-15.
    pub whole: u16,
    pub fraction: i16,
    /// What is to be added at some numbers of steps from the start.
    pub corrections: Vec<(u8, i16)>,
}

impl Line {
    /// The line that has all entries of a table; none where there is no such line.
    pub fn through(entry: impl Fn(u8) -> u16) -> Option<Self> {
        let flat = |from: u8, to: u8| entry(from) == entry(to);
        let start = (0..u8::MAX).find(|&i| !flat(i, i + 1)).unwrap_or(u8::MAX);
        let end = (start..u8::MAX).rev().find(|&i| !flat(i, i + 1));
        let length = end.map_or(0, |last| last + 1 - start);
        let offset = entry(start);
        // Neighbours are as far apart as the slope rounded down or up; all together are as far apart as many slopes.
        let step = |i: u8| entry(start + i + 1).wrapping_sub(entry(start + i));
        let whole = if length > 0 { step(0) } else { 0 };
        let rest = |i: u8| step(i).wrapping_sub(whole) as i16;
        let rise: i64 = (0..length).map(|i| i64::from(rest(i))).sum();
        let slope = rise as f64 / f64::from(length.max(1));
        let whole = whole.wrapping_add(slope.round() as i16 as u16);
        let slope = slope - slope.round();

        // The slope is known as well as the entries bound it.
        let (mut least, mut most) = (f64::NEG_INFINITY, f64::INFINITY);
        let rest = |i: u8| {
            let straight = u16::from(i).wrapping_mul(whole).wrapping_add(offset);
            entry(start + i).wrapping_sub(straight) as i16
        };
        for i in 1..=length {
            let rest = f64::from(rest(i));
            least = least.max((rest - 0.5) / f64::from(i));
            most = most.min((rest + 0.5) / f64::from(i));
        }
        let middle = if length > 0 {
            (least + most) / 2.0
        } else {
            slope
        };
        let fraction = (middle * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16;
        let mut line = Self {
            start,
            length,
            offset,
            whole,
            fraction,
            corrections: Vec::new(),
        };
        for i in 0..=length {
            let off = entry(start + i).wrapping_sub(line.at(start + i));
            if off != 0 {
                line.corrections.push((i, off as i16));
            }
            if line.corrections.len() > CORRECTIONS {
                return None;
            }
        }
        Some(line)
    }

    /// The entry at an index as kernels compute it, but for the corrections.
    fn at(&self, index: u8) -> u16 {
        let steps = index.saturating_sub(self.start).min(self.length);
        let fraction = (i32::from(steps) * i32::from(self.fraction) + (1 << 14)) >> 15;
        let whole = u16::from(steps).wrapping_mul(self.whole);
        whole
            .wrapping_add(fraction as u16)
            .wrapping_add(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What [`Line::at`] and the corrections make of an index.
    fn corrected(line: &Line, index: u8) -> u16 {
        let steps = index.saturating_sub(line.start).min(line.length);
        let found = line.corrections.iter().find(|(at, _)| *at == steps);
        line.at(index)
            .wrapping_add(found.map_or(0, |(_, off)| *off as u16))
    }

    #[test]
    fn grays_are_lines_at_every_contrast() {
        // From the least that luma can have, that of pictures without contrast beyond 255 and below 0, on.
        for stretch in 0..3000 {
            let slope = 60.0 * (f64::from(stretch) / 300.0).exp();
            let level =
                |i: u8, low: f64, range: f64| ((f64::from(i) - low) / range).clamp(0.0, 1.0);
            for (low, range) in [(0.0, 255.0), (16.0, 219.0), (16.0, 128.0)] {
                let entry = |i: u8| (level(i, low, range) * 255.0 * slope).round() as i64 as u16;
                let Some(line) = Line::through(entry) else {
                    panic!("no line of slope {slope} from {low} over {range}");
                };
                let wrong = (0..=255).find(|i| corrected(&line, *i) != entry(*i));
                assert_eq!(wrong, None, "{slope} {line:?}");
            }
        }
    }

    #[test]
    fn others_are_not() {
        assert_eq!(Line::through(|i| u16::from(i) * u16::from(i)), None);
        assert_eq!(Line::through(|i| u16::from(i % 2)), None);
        let flat = Line::through(|_| 7).expect("a line");
        assert!((0..=255).all(|i| corrected(&flat, i) == 7));
    }
}
