//! The list of execution providers.

use std::fmt::Write;
use std::time::Duration;

use camoverlay::inference::{Found, Survey};
use gstcamoverlay::camoverlay::words;
use serde_json::{Value, json};

use super::table;

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A line for each provider that computes the network, under a line of headings; then what is in the way of others, and
/// what is not installed.
pub fn text(survey: &Survey) -> String {
    let mut rows = vec![
        [
            "provider",
            "device",
            "a run",
            "cpu beside it",
            "classes",
            "scores off by",
        ]
        .map(str::to_owned),
        [
            "cpu".to_owned(),
            "CPU".to_owned(),
            format!("{:.1} ms", milliseconds(survey.cpu)),
            String::new(),
            String::new(),
            String::new(),
        ],
    ];
    let mut rest = String::new();
    let mut missing = Vec::new();
    for found in &survey.others {
        match &found.measured {
            Ok(measured) => rows.push([
                found.name.clone(),
                measured.device.clone(),
                format!("{:.1} ms", milliseconds(measured.provider)),
                format!("{:.1} ms", milliseconds(measured.cpu)),
                if measured.is_same_class {
                    "the same"
                } else {
                    "others"
                }
                .to_owned(),
                format!("{:.4}", measured.score_difference),
            ]),
            Err(_) if found.is_missing() => missing.push(&*found.name),
            Err(error) => {
                let _ = writeln!(rest, "{}: {}", found.name, words::of_error(error));
            }
        }
    }
    let mut text = table::text(&rows);
    text.push_str(&rest);
    if !missing.is_empty() {
        let _ = writeln!(
            text,
            "not installed: {} (make provider NAME=...)",
            missing.join(", ")
        );
    }
    text
}

/// An array with an object for each provider, cpu first; times are in milliseconds.
pub fn json(survey: &Survey) -> String {
    let other = |found: &Found| match &found.measured {
        Ok(measured) => json!({
            "provider": found.name,
            "device": measured.device,
            "time": milliseconds(measured.provider),
            "cpu-time": milliseconds(measured.cpu),
            "same-class": measured.is_same_class,
            "score-difference": measured.score_difference,
            "correlation": measured.correlation,
            "steps": measured.steps,
        }),
        Err(error) => json!({
            "provider": found.name,
            "installed": !found.is_missing(),
            "error": words::of_error(error),
        }),
    };
    let own = json!({ "provider": "cpu", "device": "CPU", "time": milliseconds(survey.cpu) });
    let all: Vec<Value> = std::iter::once(own)
        .chain(survey.others.iter().map(other))
        .collect();
    format!("{}\n", Value::Array(all))
}
