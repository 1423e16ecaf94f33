//! Where a recording is cut into files that play on their own: after a time, or before a size.

use gst::ClockTime;

/// Smallest size of a file, in bytes: a picture that stands on its own has to fit in many times.
const SMALLEST: u64 = 1_000_000;

/// The largest extent of one file of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Time(ClockTime),
    /// In bytes.
    Size(u64),
}

/// Names of units and what they stand for: seconds or bytes.
const TIMES: [(&str, u64); 3] = [("s", 1), ("min", 60), ("h", 3600)];
const SIZES: [(&str, u64); 4] = [
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

impl Limit {
    /// `1h`, `10min`, `90s`, `2GB` or `500MB`; the binary MiB and GiB too.
    ///
    /// # Errors
    /// What is taken instead: another unit, less than a second, less than a megabyte.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "a time such as 1h, 10min or 90s, or a size from 1MB such as 2GB".to_owned();
        let letters = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(letters);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let find = |units: &[(&str, u64)]| {
            let found = units.iter().find(|(name, _)| *name == unit.trim());
            found.and_then(|(_, factor)| number.checked_mul(*factor))
        };
        if let Some(seconds) = find(&TIMES).filter(|seconds| *seconds > 0) {
            let nanoseconds = seconds.checked_mul(1_000_000_000).ok_or_else(wrong)?;
            return Ok(Self::Time(ClockTime::from_nseconds(nanoseconds)));
        }
        let size = find(&SIZES).filter(|size| *size >= SMALLEST);
        size.map(Self::Size).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_times_and_sizes() {
        let seconds = |n| Ok(Limit::Time(ClockTime::from_seconds(n)));
        assert_eq!(Limit::parse("1h"), seconds(3600));
        assert_eq!(Limit::parse("10min"), seconds(600));
        assert_eq!(Limit::parse("90 s"), seconds(90));
        assert_eq!(Limit::parse("2GB"), Ok(Limit::Size(2_000_000_000)));
        assert_eq!(Limit::parse("1MiB"), Ok(Limit::Size(1 << 20)));
        for wrong in [
            "",
            "1",
            "h",
            "0s",
            "-1h",
            "1.5h",
            "999kB",
            "0MB",
            "1 week",
            "99999999999999999999h",
            "9999999999999999h",
            "18446744073709551615GB",
            "1m",
        ] {
            assert!(Limit::parse(wrong).is_err(), "{wrong}");
        }
    }
}
