//! What the numbers were measured on.

use std::process::Command;

use crate::{by_hand, network::source_tree};

/// Pairs of what and which, for a table.
pub fn describe() -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let memory = field("/proc/meminfo", "MemTotal:")
        .and_then(|size| size.strip_suffix(" kB")?.trim().parse::<f64>().ok())
        .map_or_else(String::new, |kilobytes| {
            format!("{:.0} GiB", kilobytes / f64::from(1 << 20))
        });
    let mut lines = vec![
        (
            "processor",
            format!(
                "{}, {cores} cores used",
                field("/proc/cpuinfo", "model name").unwrap_or_default()
            ),
        ),
        ("memory", memory),
        (
            "system",
            format!(
                "{}, Linux {}",
                field("/etc/os-release", "PRETTY_NAME=").unwrap_or_default(),
                first_line("/proc/sys/kernel/osrelease")
            ),
        ),
        ("GStreamer", gst::version_string().replace("GStreamer ", "")),
        ("ONNX Runtime", runtime()),
        ("camoverlay", revision()),
    ];
    if let Some(python) = by_hand::python() {
        let program = "import cv2, onnxruntime, torch; \
                       print(f'OpenCV {cv2.__version__}, ONNX Runtime {onnxruntime.__version__}, torch {torch.__version__}')";
        lines.push((
            "Python",
            output(Command::new(python).args(["-c", program])).unwrap_or_default(),
        ));
    }
    lines
}

/// The version in the name of the library that set-up installed.
fn runtime() -> String {
    std::fs::read_dir(source_tree().join(".deps/lib/camoverlay"))
        .into_iter()
        .flatten()
        .flatten()
        .find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some(name.strip_prefix("libonnxruntime.so.")?.to_owned())
        })
        .unwrap_or_default()
}

fn revision() -> String {
    let git = output(
        Command::new("git")
            .args(["rev-parse", "--short", "HEAD"])
            .current_dir(source_tree()),
    );
    format!(
        "{} {}",
        env!("CARGO_PKG_VERSION"),
        git.map_or_else(String::new, |revision| format!("({revision})"))
    )
}

fn output(command: &mut Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The rest of the first line of `file` that starts with `name`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let value = value.trim().trim_start_matches(':').trim();
    Some(value.trim_matches('"').to_owned())
}

fn first_line(file: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

/// How many threads have wanted to run, on average over a minute: this program's and others'.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").expect("Linux tells");
    text.split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}
