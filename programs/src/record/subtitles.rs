//! Labels as WebVTT subtitles (<https://www.w3.org/TR/webvtt1/>).

use std::io::{self, Write};

use gst::ClockTime;

/// A WebVTT file in the making, one cue for as long as the text stays the same.
pub struct Subtitles<W> {
    file: W,
    cue: Option<Cue>,
}

struct Cue {
    start: ClockTime,
    end: ClockTime,
    text: String,
}

impl<W: Write> Subtitles<W> {
    /// # Errors
    /// The file cannot be written.
    pub fn new(mut file: W) -> io::Result<Self> {
        file.write_all(b"WEBVTT\n")?;
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
            Some(cue) if cue.text == text => cue.end = end,
            _ => {
                let next = Some(Cue { start, end, text });
                if let Some(mut cue) = std::mem::replace(&mut self.cue, next) {
                    cue.end = start;
                    self.write(&cue)?;
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
        if let Some(cue) = self.cue.take() {
            self.write(&cue)?;
        }
        self.file.flush()
    }

    fn write(&mut self, cue: &Cue) -> io::Result<()> {
        let (start, end) = (timestamp(cue.start), timestamp(cue.end));
        // A cue has to end after it starts.
        if start < end {
            writeln!(self.file, "\n{start} --> {end}\n{}", cue.text)?;
        }
        Ok(())
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
    use super::*;

    fn written(shown: &[(u64, u64, &[&str])]) -> String {
        let mut subtitles = Subtitles::new(Vec::new()).unwrap();
        for (start, end, lines) in shown {
            let [start, end] = [start, end].map(|time| ClockTime::from_useconds(*time));
            subtitles.show(start, end, lines).unwrap();
        }
        subtitles.finish().unwrap();
        String::from_utf8(subtitles.file).unwrap()
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
