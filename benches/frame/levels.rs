//! What frames cost with the kernels held to each level of instructions that the machine has.

use std::time::Duration;

use crate::{Effort, FORMATS, FULL_HD, element, median, network::Network, probe};

/// The element's variable that names a level.
const VARIABLE: &str = "CAMOVERLAY_SIMD";

/// Medians of one kind of frame with one level.
pub struct Row {
    pub frame: String,
    pub level: &'static str,
    pub prepare: Duration,
    pub paint: Duration,
    pub total: Duration,
    pub network: Duration,
}

/// The levels of this machine, by the names that [`VARIABLE`] takes, the least first.
fn levels() -> Vec<&'static str> {
    #[allow(unused_mut, reason = "some targets have no more")]
    let mut levels = vec!["baseline"];
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            levels.push("avx2");
        }
        if is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vnni")
        {
            levels.push("avx512");
        }
    }
    #[cfg(target_arch = "aarch64")]
    levels.push("neon");
    levels
}

/// A row for each format and level. A process has one level: they take turns.
pub fn rows(network: &Network, effort: Effort) -> Vec<Row> {
    // Few rounds a row are what a quick look asks for.
    let turns = if effort.rounds < 10 { 1 } else { 5 };
    let milliseconds = effort.row.as_millis() as usize / 2;
    let mut rows = Vec::new();
    for (format, name) in FORMATS.iter().enumerate() {
        eprintln!("{} {name} level by level", network.nick);
        let levels = levels();
        let mut times = vec![<[Vec<Duration>; 4]>::default(); levels.len()];
        for _ in 0..turns {
            for (level, times) in levels.iter().zip(&mut times) {
                let numbers = [format, FULL_HD.0, FULL_HD.1, milliseconds];
                let answer = probe::run_with((VARIABLE, level), "level", network, &numbers);
                for (times, time) in times.iter_mut().zip(answer) {
                    times.push(Duration::from_nanos(time));
                }
            }
        }
        for (level, times) in levels.into_iter().zip(times) {
            let [prepare, paint, total, network] = times.map(median);
            let (width, height) = FULL_HD;
            rows.push(Row {
                frame: format!("{width} x {height} {name}"),
                level,
                prepare,
                paint,
                total,
                network,
            });
        }
    }
    rows
}

/// The other end: prepare, paint, total and bare network.
pub fn serve(
    network: &Network,
    format: usize,
    (width, height): (usize, usize),
    time: Duration,
) -> Vec<u64> {
    crate::start_gstreamer();
    let info = element::info(FORMATS[format], width, height);
    let effort = Effort {
        row: time,
        rounds: 5,
    };
    let row = element::Row::measure(network, &info, effort);
    let [prepare, _, _, paint] = row.steps;
    [prepare, paint, row.total, row.network]
        .map(|time| time.as_nanos() as u64)
        .into()
}
