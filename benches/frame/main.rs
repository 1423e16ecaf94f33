//! What a whole frame costs in the element, next to what cannot be saved (the bare network on the same tensor with the
//! same threads, and a copy of the frame) and next to what one would write by hand instead. What is compared is measured
//! in turns in one run, so that the machine's mood is the same for each; the ratios are the result.
//!
//! Writes `docs/performance.md`; with `QUICK=1` in the environment it measures less and writes to the terminal only, with
//! `PART=levels`, `maps`, `streams`, `flight` or `providers` it writes the section of that name anew and leaves the others as they are.

mod bare;
mod by_hand;
mod document;
mod element;
mod flight;
mod levels;
mod machine;
mod map;
mod network;
mod probe;
mod providers;
mod streams;

use std::{path::Path, time::Duration};

use document::Document;
use network::Network;

const SIZES: [(usize, usize); 4] = [(640, 480), (1280, 720), (1920, 1080), (3840, 2160)];
const FORMATS: [gst_video::VideoFormat; 5] = [
    gst_video::VideoFormat::I420,
    gst_video::VideoFormat::Nv12,
    gst_video::VideoFormat::Yuy2,
    gst_video::VideoFormat::Rgb,
    gst_video::VideoFormat::Bgrx,
];
/// The frame at which networks are compared.
const FULL_HD: (usize, usize) = (1920, 1080);

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Time for one row of a table.
    pub row: Duration,
    /// Rounds of a row, even if they take longer.
    pub rounds: usize,
}

impl Effort {
    /// Repeats `round` until time and rounds are spent, after two rounds that do not count.
    pub fn repeat(self, mut round: impl FnMut(bool)) {
        for _ in 0..2 {
            round(false);
        }
        let start = std::time::Instant::now();
        let mut done = 0;
        while done < self.rounds || start.elapsed() < self.row {
            round(true);
            done += 1;
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--probe") {
        return probe::serve(&arguments[at + 1..]);
    }
    let quick = std::env::var_os("QUICK").is_some_and(|value| !value.is_empty());
    let effort = Effort {
        row: Duration::from_millis(if quick { 300 } else { 1500 }),
        rounds: if quick { 5 } else { 15 },
    };
    start_gstreamer();
    let networks = network::installed();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
    if let Ok(part) = std::env::var("PART")
        && !part.is_empty()
    {
        let mut section = Document::empty();
        section.part(&part, &networks, effort);
        let text = std::fs::read_to_string(&path).expect("docs/performance.md is there");
        return write(&path, &section.put_into(&text));
    }
    let mut document = Document::new(&networks, effort);
    for network in &networks {
        if quick && network.nick != networks[0].nick {
            break;
        }
        document.frames(network, &frames(network, effort));
    }
    document.part("levels", &networks[..1], effort);
    document.part("maps", &networks, effort);
    document.by_hand(&by_hand::rows(&networks, quick, effort));
    document.starts(
        &networks
            .iter()
            .map(|network| probe::Start::measure(network, FULL_HD, quick))
            .collect::<Vec<_>>(),
    );
    let all = if quick { &networks[..1] } else { &networks[..] };
    for part in ["streams", "flight", "providers"] {
        document.part(part, all, effort);
    }
    let text = document.text();
    if quick {
        println!("{text}");
        return;
    }
    write(&path, &text);
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a file is in a folder"))
        .and_then(|()| std::fs::write(path, text))
        .expect("docs/performance.md can be written");
    println!("{} is written.", path.display());
}

fn start_gstreamer() {
    gst::init().expect("GStreamer starts");
    gstcamoverlay::plugin_register_static().expect("the plugin registers");
}

/// A row for each size and each format that the element takes.
fn frames(network: &Network, effort: Effort) -> Vec<element::Row> {
    let factory = gst::ElementFactory::find("camoverlay").expect("the plugin has the element");
    let accepts = |info: &gst_video::VideoInfo| {
        let caps = info.to_caps().expect("the format has caps");
        factory.can_sink_all_caps(&caps)
    };
    let mut rows = Vec::new();
    for (width, height) in SIZES {
        for format in FORMATS {
            let info = element::info(format, width, height);
            if accepts(&info) {
                eprintln!("{} {width} x {height} {format}", network.nick);
                rows.push(element::Row::measure(network, &info, effort));
            }
        }
    }
    rows
}

/// The middle one of several times.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
