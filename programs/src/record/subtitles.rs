//! Labels as WebVTT subtitles (<https://www.w3.org/TR/webvtt1/>).

use std::io;

use gst::ClockTime;

use super::whole_lines::WholeLines;

/// What every such file begins with.
pub const HEADER: &str = "WEBVTT\n";

/// How often a cue that goes on is written down as it is so far.
const SO_FAR: ClockTime = ClockTime::SECOND;

/// A WebVTT file in the making, one cue for as long as the text stays the same.
pub struct Subtitles {
    file: WholeLines,
    cue: Option<Cue>,
}

struct Cue {
    start: ClockTime,
    end: ClockTime,
    text: String,
    /// Where it ends in the file so far.
    told: ClockTime,
}

impl Subtitles {
    /// # Errors
    /// The file cannot be written.
    pub fn new(mut file: WholeLines) -> io::Result<Self> {
        file.put(HEADER.as_bytes())?;
        Ok(Self { file, cue: None })
    }

    /// Shows `lines` from `start` to the next call, or to `end` if there is none.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn show(
        &mut self,
        start: ClockTime,
        end: ClockTime,
        lines: &[impl AsRef<str>],
    ) -> io::Result<()> {
        let text = lines
            .iter()
            .map(|line| cue_text(line.as_ref()))
            .collect::<Vec<_>>()
            .join("\n");
        match &mut self.cue {
            Some(cue) if cue.text == text => {
                cue.end = end;
                if cue.told + SO_FAR <= end {
                    cue.told = end;
                    self.file.put_for_now(cue.entry().as_bytes())?;
                }
            }
            _ => {
                let told = start;
                let next = Cue {
                    start,
                    end,
                    text,
                    told,
                };
                if let Some(mut cue) = self.cue.replace(next) {
                    cue.end = start;
                    self.file.put(cue.entry().as_bytes())?;
                }
            }
        }
        Ok(())
    }

    /// Writes the last cue.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        let last = self.cue.take();
        last.map_or(Ok(()), |cue| self.file.put(cue.entry().as_bytes()))
    }
}

impl Cue {
    /// The cue as it stands in the file; nothing where it does not end after it starts, which none may.
    fn entry(&self) -> String {
        let (start, end) = (timestamp(self.start), timestamp(self.end));
        match start < end {
            true => format!("\n{start} --> {end}\n{}\n", self.text),
            false => String::new(),
        }
    }
}

/// `time` as WebVTT writes it, to the nearest millisecond.
fn timestamp(time: ClockTime) -> String {
    let milliseconds = (time + ClockTime::from_useconds(500)).mseconds();
    let seconds = milliseconds / 1000;
    format!(
        "{:02}:{:02}:{:02}.{:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        milliseconds % 1000
    )
}

/// One line of a cue: nothing in it that means something to WebVTT, and never empty, which would end the cue.
fn cue_text(line: &str) -> String {
    let line = line
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace(['\n', '\r'], " ");
    if line.trim().is_empty() {
        "-".to_owned()
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};

    use super::*;

    fn written(shown: &[(u64, u64, &[&str])]) -> String {
        let mut file = tempfile::tempfile().unwrap();
        let whole = WholeLines::new(file.try_clone().unwrap());
        let mut subtitles = Subtitles::new(whole).unwrap();
        for (start, end, lines) in shown {
            let [start, end] = [start, end].map(|time| ClockTime::from_useconds(*time));
            subtitles.show(start, end, lines).unwrap();
        }
        subtitles.finish().unwrap();
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_cue_lasts_while_the_text_does() {
        let text = written(&[
            (0, 40_000, &["cat", "dog"]),
            (40_000, 80_000, &["cat", "dog"]),
            (3_599_999_600, 3_600_039_600, &["dog", "cat"]),
        ]);
        assert_eq!(
            text,
            "WEBVTT\n\n00:00:00.000 --> 01:00:00.000\ncat\ndog\n\n01:00:00.000 --> 01:00:00.040\ndog\ncat\n"
        );
    }

    #[test]
    fn labels_cannot_break_the_file() {
        let text = written(&[(0, 1000, &["a --> b & <c>", "", "d\ne"])]);
        assert!(
            text.ends_with("\na --&gt; b &amp; &lt;c&gt;\n-\nd e\n"),
            "{text}"
        );
    }

    #[test]
    fn a_cue_too_short_to_write_is_none() {
        assert_eq!(written(&[(0, 100, &["cat"])]), "WEBVTT\n");
        assert_eq!(written(&[]), "WEBVTT\n");
    }
}
