//! How far a recording is: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use gst::ClockTime;
use indicatif::{ProgressBar, ProgressStyle};

use crate::command_line::say;

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Tells on stderr how far a recording is.
pub struct Progress {
    name: String,
    bar: Option<ProgressBar>,
    started: Instant,
    lines: u32,
}

impl Progress {
    pub fn new(name: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::no_length().with_prefix(name.to_owned());
            bar.set_style(style("{prefix} {spinner} {msg}, Ctrl-C ends it"));
            bar
        });
        Self {
            name: name.to_owned(),
            bar,
            started: Instant::now(),
            lines: 0,
        }
    }

    /// So much of the input is recorded, of so much if that is known.
    pub fn show(&mut self, done: ClockTime, all: Option<ClockTime>) {
        if let Some(bar) = &self.bar {
            if let Some(all) = all
                && bar.length() != Some(all.mseconds())
            {
                bar.set_length(all.mseconds());
                bar.set_style(style("{prefix} {wide_bar} {percent} %, {eta} left"));
            }
            bar.set_message(format!("{done:.0}"));
            bar.set_position(done.mseconds());
        } else if self.started.elapsed() >= LINE_EVERY * (self.lines + 1) {
            self.lines += 1;
            say(&format!(
                "{}: {}",
                self.name,
                line(self.started.elapsed(), done, all)
            ));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// How far it is after `elapsed`, and how long it will take still.
fn line(elapsed: Duration, done: ClockTime, all: Option<ClockTime>) -> String {
    let seconds = |time: ClockTime| time.mseconds() as f64 / 1000.0;
    match all.filter(|all| *all > ClockTime::ZERO) {
        Some(all) if done > ClockTime::ZERO => {
            let share = (seconds(done) / seconds(all)).min(1.0);
            let left = elapsed.as_secs_f64() * (1.0 / share - 1.0);
            format!("{:.0} %, {left:.0} s left", 100.0 * share)
        }
        _ => format!("{:.0} s recorded", seconds(done)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_long_it_will_take() {
        let seconds = ClockTime::from_seconds;
        let elapsed = Duration::from_secs(10);
        assert_eq!(
            line(elapsed, seconds(5), Some(seconds(20))),
            "25 %, 30 s left"
        );
        assert_eq!(line(elapsed, seconds(5), None), "5 s recorded");
        assert_eq!(line(elapsed, seconds(0), Some(seconds(20))), "0 s recorded");
        assert_eq!(
            line(elapsed, seconds(21), Some(seconds(20))),
            "100 %, 0 s left"
        );
    }
}
