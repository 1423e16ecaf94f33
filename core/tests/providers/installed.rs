//! Providers that compute: those that `make provider` has installed.

use std::fs;
use std::time::Duration;

use camoverlay::Explainer;
use camoverlay::cam::Query;
use camoverlay::frame::Frame;
use camoverlay::inference::{Classifier, Options, providers};
use camoverlay::model::{Detail, Target};

use super::common::{resident, skipped, source};
use super::{alone, is_here, options};

/// Starts in `make test`, and in the soak test.
const STARTS: usize = 40;
const STARTS_OF_SOAK: usize = 1000;

/// Until memory, descriptors and threads have settled.
const SETTLING: usize = 10;

/// What a process may hold more at the end of many starts than soon after their beginning, in MiB: what allocators keep.
const SLACK: f64 = 24.0;

/// A provider that is installed here and computes; none, said aloud.
fn installed(what: &str) -> Option<String> {
    if !is_here(what) {
        return None;
    }
    let survey = providers(&options("cpu")).unwrap();
    let (there, not) = survey
        .others
        .into_iter()
        .partition::<Vec<_>, _>(|found| found.measured.is_ok());
    if there.is_empty() {
        // What is installed and unfit is no reason to leave anything out.
        let unfit: Vec<_> = not.iter().filter(|found| !found.is_missing()).collect();
        assert!(unfit.is_empty(), "{unfit:?}");
        skipped(
            what,
            "no execution provider is installed (make provider NAME=openvino)",
        );
    }
    there.into_iter().next().map(|found| found.name)
}

/// A photo of the source tree: pixels, width and height.
fn photo(name: &str) -> (Vec<u8>, usize, usize) {
    let file = fs::File::open(source("examples/media").join(name)).unwrap();
    let mut reader = png::Decoder::new(std::io::BufReader::new(file))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(info.color_type, png::ColorType::Rgb);
    (pixels, info.width as usize, info.height as usize)
}

/// The best class of each photo, and its score.
fn best(options: &Options) -> Vec<(usize, f32)> {
    let mut explainer = Explainer::open(options).unwrap();
    let photos = ["chelsea.png", "coffee.png"].map(photo);
    let best = photos.map(|(rgb, width, height)| {
        let frame = Frame::rgb(&rgb, width, height).unwrap();
        let top = explainer.explain(&frame, &Query::default()).unwrap().top;
        (top[0].id, top[0].score)
    });
    best.into()
}

#[test]
fn photos_are_the_same_to_it() {
    let Some(name) = installed("photos by another execution provider") else {
        return;
    };
    let right = best(&options("cpu"));
    assert_eq!(
        right.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        [285, 967]
    );
    for ((id, score), (other, other_score)) in right.iter().zip(best(&options(&name))) {
        assert_eq!(*id, other, "{name}");
        assert!(
            (score - other_score).abs() < 0.05,
            "{name}: {score} became {other_score}"
        );
    }
    // What this process has loaded meanwhile changes nothing of what cpu computes, to the last bit.
    assert_eq!(best(&options("cpu")), right);
    let network = Classifier::open(&options(&name)).unwrap();
    assert_eq!(network.provider_nick(), name);
    assert_ne!(network.provider(), "CPUExecutionProvider");
    assert_eq!(network.warnings(), []);
}

#[test]
fn auto_tells_what_it_takes() {
    if !is_here("the fastest execution provider") {
        return;
    }
    let network = Classifier::open(&options("auto")).unwrap();
    let told: Vec<String> = network.notices().iter().map(ToString::to_string).collect();
    let words = format!("{} is taken", network.provider_nick());
    println!("{told:?}");
    assert_eq!(
        told.iter().filter(|told| told.contains(&words)).count(),
        1,
        "{told:?}"
    );
    assert_eq!(
        best(&options("auto"))
            .iter()
            .map(|(id, _)| *id)
            .collect::<Vec<_>>(),
        [285, 967]
    );
}

#[test]
#[ignore = "started by many_may_start_at_once, alone"]
fn a_start_among_others() {
    let provider = std::env::var("PROVIDER").unwrap();
    let network = Classifier::open(&options(&provider)).unwrap();
    assert_eq!(network.provider_nick(), provider);
}

/// With nothing kept of earlier starts, so that all of them compile the network.
#[test]
fn many_may_start_at_once() {
    let Some(name) = installed("many first starts with another execution provider") else {
        return;
    };
    for _ in 0..4 {
        let caches = tempfile::tempdir().unwrap();
        let start = || {
            let test = ["--exact", "installed::a_start_among_others", "--ignored"];
            std::process::Command::new(std::env::current_exe().unwrap())
                .args(test)
                .env("XDG_CACHE_HOME", caches.path())
                .env("PROVIDER", &name)
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        };
        // One's half-written file is what another finds.
        let start_later = |_| {
            std::thread::sleep(Duration::from_millis(30));
            start()
        };
        let starts: Vec<_> = (0..8).map(start_later).collect();
        for start in starts {
            let output = start.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{said}");
        }
    }
}

#[test]
fn a_second_start_is_quick() {
    if installed("the second start with another execution provider").is_some() {
        alone("installed::a_start_with_what_is_kept");
    }
}

/// What this process has computed, all threads together: the clock would tell of other processes.
fn computed() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1;
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}

#[test]
#[ignore = "started by a_second_start_is_quick, alone"]
fn a_start_with_what_is_kept() {
    let Some(name) = installed("the second start with another execution provider") else {
        return;
    };
    let start = |name: &str| {
        let before = computed();
        best(&options(name));
        computed() - before
    };
    let least = |name: &str| (0..3).map(|_| start(name)).min().unwrap();
    let (own, cpu) = (least(&name), least("cpu"));
    println!("to the first frames: {own:?}, cpu {cpu:?}");
    assert!(
        own < cpu + Duration::from_millis(300),
        "{name}: {own:?} after {cpu:?}"
    );
}

/// Memory in MiB, descriptors and threads of this process.
fn held() -> (f64, usize, usize) {
    let count = |folder: &str| fs::read_dir(folder).unwrap().count();
    (resident(), count("/proc/self/fd"), count("/proc/self/task"))
}

fn alternate(name: &str, starts: usize) {
    let mut settled = None;
    for start in 0..starts {
        for name in ["cpu", name] {
            let mut network = Classifier::open(&options(name)).unwrap();
            let tensor = vec![0.5; 3 * 227 * 227];
            let (target, detail) = (Target::Rank(0), Detail::Sums);
            network.run(&tensor, 227, 227, target, detail).unwrap();
        }
        if start == SETTLING {
            settled = Some(held());
        }
    }
    let (memory, descriptors, threads) = settled.unwrap();
    let (memory_now, descriptors_now, threads_now) = held();
    println!("{starts} starts: {memory:.0} MiB became {memory_now:.0}");
    assert!(
        memory_now < memory + SLACK,
        "{memory} MiB became {memory_now}"
    );
    assert!(
        descriptors_now <= descriptors,
        "{descriptors} descriptors became {descriptors_now}"
    );
    assert!(
        threads_now <= threads,
        "{threads} threads became {threads_now}"
    );
}

#[test]
fn starts_and_stops_leave_nothing_behind() {
    if installed("starts and stops of several execution providers").is_some() {
        alone("installed::a_few_starts_and_stops");
    }
}

#[test]
#[ignore = "started by starts_and_stops_leave_nothing_behind, alone"]
fn a_few_starts_and_stops() {
    if let Some(name) = installed("starts and stops of several execution providers") {
        alternate(&name, STARTS);
    }
}

#[test]
#[ignore = "make soak"]
fn a_thousand_starts_and_stops() {
    if let Some(name) = installed("a thousand starts and stops of several execution providers") {
        alternate(&name, STARTS_OF_SOAK);
    }
}
