//! Measurements that need a process of their own: the first frame, and memory.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use gst::prelude::*;

use crate::{
    bare::Bare,
    element::{Feed, info, pictures},
    flight, levels, map, median,
    network::Network,
    providers, streams,
};

/// Frames or runs after which memory has settled.
const SETTLED: usize = 20;

/// What a process with one element and nothing else needs.
pub struct Start {
    pub nick: &'static str,
    /// From READY to the first painted frame.
    pub first_frame: Duration,
    /// Resident memory with the element, in bytes.
    pub element: u64,
    /// Resident memory with the bare network, in bytes.
    pub network: u64,
}

impl Start {
    pub fn measure(network: &Network, frame: (usize, usize), quick: bool) -> Self {
        eprintln!("{} from the start", network.nick);
        let processes = if quick { 1 } else { 3 };
        let size = [frame.0, frame.1];
        let runs: Vec<Vec<u64>> = (0..processes)
            .map(|_| run("element", network, &size))
            .collect();
        let times = runs.iter().map(|run| Duration::from_nanos(run[0]));
        Self {
            nick: network.nick,
            first_frame: median(times.collect()),
            element: runs.iter().map(|run| run[1]).min().unwrap_or(0),
            network: run("network", network, &size)[0],
        }
    }
}

/// The numbers that a process of this program answers with about a network.
pub fn run(kind: &str, network: &Network, numbers: &[usize]) -> Vec<u64> {
    ask(kind, network.nick, numbers)
}

/// The same of a process that has a variable in its environment.
pub fn run_with(
    variable: (&str, &str),
    kind: &str,
    network: &Network,
    numbers: &[usize],
) -> Vec<u64> {
    answer(
        Command::new(program()).env(variable.0, variable.1),
        kind,
        network.nick,
        numbers,
    )
}

/// The same about a network by its nick or a file by its path.
pub fn ask(kind: &str, subject: &str, numbers: &[usize]) -> Vec<u64> {
    answer(&mut Command::new(program()), kind, subject, numbers)
}

fn program() -> PathBuf {
    std::env::current_exe().expect("this program has a file")
}

fn answer(command: &mut Command, kind: &str, subject: &str, numbers: &[usize]) -> Vec<u64> {
    let output = command
        .args(["--probe", kind, subject])
        .args(numbers.iter().map(usize::to_string))
        .output()
        .expect("this program runs");
    assert!(
        output.status.success(),
        "{kind} of {subject}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .map(|word| word.parse().expect("a probe answers in numbers"))
        .collect()
}

/// The other end of [`ask`].
pub fn serve(arguments: &[String]) {
    let [kind, subject, numbers @ ..] = arguments else {
        panic!("a probe has a kind and a subject");
    };
    let network = || Network::named(subject);
    let numbers: Vec<usize> = numbers
        .iter()
        .map(|number| number.parse().expect("a number"))
        .collect();
    let answer = match (kind.as_str(), &*numbers) {
        ("element", &[width, height]) => element(&network(), (width, height)),
        ("network", &[width, height]) => settle(Bare::open(&network(), (width, height))),
        ("file", &[width, height]) => settle(Bare::of_file(Path::new(subject), (width, height))),
        ("map", &[width, height]) => map(Path::new(subject), (width, height)),
        ("level", &[format, width, height, milliseconds]) => {
            let time = Duration::from_millis(milliseconds as u64);
            levels::serve(&network(), format, (width, height), time)
        }
        ("streams", &[count, width, height, milliseconds]) => {
            let turn = Duration::from_millis(milliseconds as u64);
            streams::serve(&network(), count, (width, height), turn)
        }
        ("flight", &[provider, threads, milliseconds]) => {
            let turn = Duration::from_millis(milliseconds as u64);
            flight::serve(&network(), provider, threads, turn)
        }
        ("provider", &[provider, milliseconds]) => {
            let time = Duration::from_millis(milliseconds as u64);
            providers::serve(&network(), provider, time)
        }
        _ => panic!("no such probe: {arguments:?}"),
    };
    for number in answer {
        println!("{number}");
    }
}

fn element(network: &Network, frame: (usize, usize)) -> Vec<u64> {
    crate::start_gstreamer();
    let element = network.element();
    element
        .set_state(gst::State::Ready)
        .expect("READY takes nothing");
    let info = info(gst_video::VideoFormat::Rgb, frame.0, frame.1);
    let pictures = pictures(&info);
    let start = Instant::now();
    let mut feed = Feed::start(element, &info, pictures);
    feed.frame();
    let first_frame = start.elapsed();
    for _ in 1..SETTLED {
        feed.frame();
    }
    vec![first_frame.as_nanos() as u64, resident() - feed.memory()]
}

fn settle(mut bare: Bare) -> Vec<u64> {
    for _ in 0..SETTLED {
        bare.run();
    }
    vec![resident()]
}

fn map(file: &Path, tensor: (usize, usize)) -> Vec<u64> {
    let mut explainer = map::Explainer::of_file(file, tensor);
    for _ in 0..SETTLED {
        explainer.run();
    }
    vec![resident()]
}

/// Resident memory of this process in bytes.
pub fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|size| size.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .expect("Linux tells in kB")
        * 1024
}
