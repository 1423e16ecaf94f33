//! What one would write instead: programs in Python that make the overlay of one frame after the other.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use crate::{
    Effort, FULL_HD, SIZES,
    element::{Feed, info},
    median,
    network::{Network, source_tree},
};

/// Frames that every contestant gets before the next one's turn.
const TURN: usize = 3;

/// Medians of whole frames, from packed RGB to packed RGB.
pub struct Row {
    pub nick: &'static str,
    pub frame: (usize, usize),
    pub element: Duration,
    /// ONNX Runtime, OpenCV for scaling and colours, NumPy for the blend.
    pub numpy: Option<Duration>,
    /// ONNX Runtime, and an OpenCV function for every step over the frame.
    pub opencv: Option<Duration>,
    pub grad_cam: Option<Duration>,
}

/// The first network at every size, the others at one.
pub fn rows(networks: &[Network], quick: bool, effort: Effort) -> Vec<Row> {
    let mut loops = Program::start(python(), "opencv_loop.py");
    let mut grad_cam = Program::start(python(), "grad_cam.py");
    let mut rows = Vec::new();
    for (i, network) in networks.iter().enumerate() {
        for frame in SIZES {
            if frame == FULL_HD || (i == 0 && !quick) {
                eprintln!("{} by hand, {} x {}", network.nick, frame.0, frame.1);
                rows.push(Row::measure(
                    network,
                    frame,
                    &mut loops,
                    &mut grad_cam,
                    effort,
                ));
            }
        }
        if quick {
            break;
        }
    }
    rows
}

impl Row {
    fn measure(
        network: &Network,
        frame: (usize, usize),
        loops: &mut Program,
        grad_cam: &mut Program,
        effort: Effort,
    ) -> Self {
        let mut feed = Feed::new(
            network,
            &info(gst_video::VideoFormat::Rgb, frame.0, frame.1),
        );
        let file = tempfile::NamedTempFile::new().expect("room for a frame");
        std::fs::write(file.path(), feed.picture()).expect("room for a frame");
        let what = format!(
            "{}\t{}\t{}\t{}\t{TURN}",
            network.entry.input_size,
            file.path().display(),
            frame.0,
            frame.1
        );
        let preprocess = format!("{:?}", network.entry.preprocess).to_lowercase();
        let hand = |blend| format!("{blend}\t{}\t{preprocess}\t{what}", network.file.display());
        let requests = [hand("numpy"), hand("opencv")];
        let library = format!("{}\t{what}", network.nick);
        let mut element = Vec::new();
        let mut others: [Vec<Duration>; 3] = Default::default();
        let effort = Effort {
            rounds: effort.rounds.div_ceil(2 * TURN),
            ..effort
        };
        effort.repeat(|counts| {
            // As in the programs, the first frame of a turn finds the caches full of others' things.
            feed.frame();
            let own: Vec<Duration> = (0..TURN).map(|_| feed.frame()).collect();
            let times = [
                loops.times(&requests[0]),
                loops.times(&requests[1]),
                grad_cam.times(&library),
            ];
            if counts {
                element.extend(own);
                for (all, times) in others.iter_mut().zip(times) {
                    all.extend(times);
                }
            }
        });
        let [numpy, opencv, grad_cam] =
            others.map(|times| (!times.is_empty()).then(|| median(times)));
        Self {
            nick: network.nick,
            frame,
            element: median(element),
            numpy,
            opencv,
            grad_cam,
        }
    }
}

/// The Python that `make bench-python` sets up.
pub fn python() -> Option<PathBuf> {
    installed("bench-python")
}

/// The Python that `make recipes-python` sets up.
pub fn python_of_recipes() -> Option<PathBuf> {
    installed("recipes-python")
}

fn installed(environment: &str) -> Option<PathBuf> {
    let python = source_tree().join(format!(".deps/{environment}/bin/python"));
    Some(python).filter(|path| path.exists())
}

/// A program that answers each line with the times of some frames; nothing where it cannot run.
pub struct Program(Option<(Child, ChildStdin, BufReader<ChildStdout>)>);

impl Program {
    /// The program of that `name`, by that Python.
    pub fn start(python: Option<PathBuf>, name: &str) -> Self {
        let Some(python) = python else {
            return Self(None);
        };
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let child = Command::new(python)
            .arg(Path::new("benches/by_hand").join(name))
            .arg(cores.to_string())
            .current_dir(source_tree())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        Self(child.ok().and_then(|mut child| {
            let input = child.stdin.take()?;
            let output = BufReader::new(child.stdout.take()?);
            Some((child, input, output))
        }))
    }

    /// Times of the frames that `request` asks for; none where the program is absent, ended, or has no such network.
    pub fn times(&mut self, request: &str) -> Vec<Duration> {
        let Some((child, input, output)) = &mut self.0 else {
            return Vec::new();
        };
        signal(child, "-CONT");
        let mut line = String::new();
        if writeln!(input, "{request}").is_err() || output.read_line(&mut line).is_err() {
            return Vec::new();
        }
        // Its threads would spin for a while, at the cost of whose turn is next.
        signal(child, "-STOP");
        line.split_whitespace()
            .filter_map(|word| word.parse().ok().map(Duration::from_nanos))
            .collect()
    }
}

/// Stops a program, or has it go on.
fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(status.is_ok_and(|status| status.success()), "kill {signal}");
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some((mut child, input, output)) = self.0.take() {
            // Without input it ends by itself.
            drop((input, output));
            signal(&child, "-CONT");
            let _ = child.wait();
        }
    }
}
