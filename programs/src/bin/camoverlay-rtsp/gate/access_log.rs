//! A line for whatever a client comes to, does and goes with.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use camoverlay_programs::Failure;
use gst::glib;

/// How many lines wait for a slow disk; more are lost, and that is told.
const WAITING: usize = 1024;

/// The most characters of what a client calls itself or asks for.
const LONGEST: usize = 100;

/// Where the lines go, if anywhere.
#[derive(Clone, Default)]
pub struct AccessLog(Option<Arc<Writer>>);

struct Writer {
    lines: SyncSender<String>,
    lost: AtomicU64,
}

impl AccessLog {
    /// A log that is appended to `file`, or written to stderr where that is `-`. A thread of its own writes it: nobody is
    /// served later because a disk is slow.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn open(file: &Path) -> Result<Self, Failure> {
        let mut out: Box<dyn Write + Send> = if file.as_os_str() == "-" {
            Box::new(io::stderr())
        } else {
            let open = OpenOptions::new().append(true).create(true).open(file);
            Box::new(open.map_err(|error| -> Failure {
                format!(
                    "The access log {} cannot be written: {error}. Choose another with --access-log.",
                    file.display()
                )
                .into()
            })?)
        };
        let (lines, incoming) = sync_channel::<String>(WAITING);
        let name = file.display().to_string();
        let write = move || {
            let mut told = false;
            for line in incoming {
                if let Err(error) = out.write_all(line.as_bytes())
                    && !told
                {
                    told = true;
                    eprintln!("Lines of the access log {name} are lost: {error}.");
                }
            }
        };
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(write)?;
        Ok(Self(Some(Arc::new(Writer {
            lines,
            lost: AtomicU64::new(0),
        }))))
    }

    /// Writes that `client` did `event`, which has no line breaks: what clients say is [`quoted`] in it.
    pub fn write(&self, client: SocketAddr, event: &str) {
        let Some(writer) = &self.0 else {
            return;
        };
        let now = glib::DateTime::now_utc().and_then(|now| now.format("%Y-%m-%dT%H:%M:%SZ"));
        let now = now.map_or_else(|_| String::new(), |text| text.to_string());
        let client = SocketAddr::new(client.ip().to_canonical(), client.port());
        let lost = writer.lost.swap(0, Ordering::Relaxed);
        let mut line = format!("{now} {client} {event}\n");
        if lost > 0 {
            line = format!("{now} {lost} lines are lost here\n{line}");
        }
        if writer.lines.try_send(line).is_err() {
            writer.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }
}

/// What a client says of itself, in quotes, with all that is no printable character escaped, and not too long.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_clients_say_stays_on_its_line() {
        let said = quoted("a\"b\nc\x1b[2J\u{202e}\u{85}\u{2028}");
        assert_eq!(said, r#""a\"b\nc\u{1b}[2J\u{202e}\u{85}\u{2028}""#);
        assert!(quoted(&"ä".repeat(5000)).chars().count() < 110);
    }
}
