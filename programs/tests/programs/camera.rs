//! A camera by RTSP, and how far a recording of it is.

use crate::common::source;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A camera by RTSP with sound, which is gone without a word when it is dropped.
pub struct Camera {
    pub process: Child,
    pub port: u16,
}

impl Camera {
    /// One at `port`, or any free one for 0; none where GStreamer's RTSP server cannot be used from Python.
    pub fn start(port: u16, sound: &str) -> Option<Self> {
        let mut process = Command::new("/usr/bin/python3")
            .arg(source("tests/rtsp_camera.py"))
            .args([&port.to_string(), sound])
            .env_remove("G_DEBUG")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        let _ = BufReader::new(process.stdout.take()?).read_line(&mut line);
        let Ok(port) = line.trim().parse() else {
            let _ = process.wait();
            return None;
        };
        Some(Self { process, port })
    }

    pub fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/cam", self.port)
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The recording `out` of `folder` while it is made.
pub struct InTheMaking<'a> {
    pub folder: &'a Path,
}

impl InTheMaking<'_> {
    /// Seconds to the last frame of which something is written down.
    pub fn time(&self) -> f64 {
        let lines = fs::read_to_string(self.folder.join("out.jsonl.part")).unwrap_or_default();
        let last = lines.lines().last().unwrap_or("{}");
        let last: serde_json::Value = serde_json::from_str(last).unwrap_or_default();
        last["time"].as_f64().unwrap_or_default()
    }

    /// Waits until it has gone on for so many `seconds`; from when to when.
    pub fn go_on(&self, seconds: f64) -> (f64, f64) {
        let (start, deadline) = (self.time(), Instant::now() + Duration::from_secs(60));
        while self.time() < start + seconds {
            assert!(
                Instant::now() < deadline,
                "it stands still at {} s",
                self.time()
            );
            thread::sleep(Duration::from_millis(50));
        }
        (start, self.time())
    }
}
