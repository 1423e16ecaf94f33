//! What the process that tries a provider does: `camoverlay-provider-check`.
//!
//! Its standard input is a line of JSON, the serialised network and pictures, as [`Request`] has them; the last line of
//! its standard output that begins with [`MARK`] is the outcome. What libraries print themselves may stand around it.

use std::io::{self, Read, Write};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::attach::{Attachment, How, Refusal, devices};
use super::known;
use super::outcome::{Measured, Outcome};
use crate::inference::runtime;
use crate::inference::session::{Choice, Outputs, Session};
use crate::model::Target;

/// What stands before the outcome.
pub const MARK: &str = "camoverlay-outcome ";

/// Stands alone on a line once the request was understood.
pub const BEGUN: &str = "camoverlay-begun";

/// Most runs of each that are timed.
const RUNS: usize = 15;

/// How long these may take, together.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often the process looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(200);

/// What is to be tried.
pub struct Request {
    pub attachment: Attachment,
    /// The library of ONNX Runtime.
    pub runtime: PathBuf,
    pub threads: usize,
    pub channels: usize,
    /// Height and width of the pictures.
    pub size: [usize; 2],
    pub choice: Option<Choice<'static>>,
    /// Scores are logistic functions, not a softmax.
    pub is_sigmoid: bool,
}

impl Request {
    /// The line of JSON.
    pub fn to_json(&self, model: usize) -> Value {
        json!({
            "attachment": self.attachment.to_json(),
            "runtime": self.runtime.to_str(),
            "threads": self.threads,
            "channels": self.channels,
            "size": self.size,
            "choice": self.choice.map(|choice| json!([choice.detail, choice.share, choice.alone])),
            "sigmoid": self.is_sigmoid,
            "model": model,
        })
    }

    /// The request and the length of the network.
    fn from_json(value: &Value) -> Option<(Self, usize)> {
        let count = |value: &Value| usize::try_from(value.as_u64()?).ok();
        let choice = &value["choice"];
        let request = Self {
            attachment: Attachment::from_json(&value["attachment"])?,
            runtime: value["runtime"].as_str()?.into(),
            threads: count(&value["threads"])?,
            channels: count(&value["channels"])?,
            size: [count(&value["size"][0])?, count(&value["size"][1])?],
            choice: match choice.is_null() {
                true => None,
                false => Some(Choice {
                    target: Target::Class(0),
                    further: None,
                    detail: choice[0].as_bool(),
                    share: choice[1].as_f64().map(|share| share as f32),
                    alone: choice[2].as_bool(),
                }),
            },
            is_sigmoid: value["sigmoid"].as_bool()?,
        };
        Some((request, count(&value["model"])?))
    }
}

/// The program.
pub fn main() -> ExitCode {
    end_with_parent();
    let mut input = Vec::new();
    let outcome = match io::stdin().read_to_end(&mut input).map(|_| outcome(&input)) {
        Ok(Some(outcome)) => outcome,
        Ok(None) | Err(_) => {
            eprintln!(
                "This program tries execution providers for camoverlay, which starts it. There is nothing for it to do here."
            );
            return ExitCode::from(2);
        }
    };
    let mut output = io::stdout().lock();
    let written = writeln!(output, "\n{MARK}{}", outcome.to_json()).and_then(|()| output.flush());
    match written {
        // Libraries that end badly have no say in it any more.
        Ok(()) => std::process::exit(0),
        Err(_) => ExitCode::FAILURE,
    }
}

/// Ends the process when the one that started it has ended.
fn end_with_parent() {
    let parent = parent_id();
    std::thread::spawn(move || {
        while parent_id() == parent {
            std::thread::sleep(LOOK);
        }
        std::process::exit(1);
    });
}

fn outcome(input: &[u8]) -> Option<Outcome> {
    let end = input.iter().position(|&byte| byte == b'\n')?;
    let header: Value = serde_json::from_slice(&input[..end]).ok()?;
    let (request, length) = Request::from_json(&header)?;
    let (model, pictures) = input[end + 1..].split_at_checked(length)?;
    let pictures: Vec<f32> = pictures
        .chunks_exact(size_of::<f32>())
        .map(|bytes| f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect();
    let values = request.channels * request.size[0] * request.size[1];
    let pictures: Vec<&[f32]> = pictures.chunks_exact(values.max(1)).collect();
    // From here on, what ends the process is the provider's doing.
    println!("{BEGUN}");
    Some(match measure(&request, model, &pictures) {
        Ok(measured) => Outcome::Measured(measured),
        Err(refusal) => Outcome::Refused(refusal),
    })
}

fn measure(request: &Request, model: &[u8], pictures: &[&[f32]]) -> Result<Measured, Refusal> {
    let environment = runtime::environment(Some(&request.runtime), &[])
        .map_err(|error| Refusal::Library(error.to_string()))?;
    let folder = tempfile::tempdir().map_err(|error| Refusal::Network(error.to_string()))?;
    let profile = folder.path().join("profile");
    let session = |attachment: &Attachment, profile: Option<&Path>| {
        let Request {
            channels, threads, ..
        } = *request;
        Session::profiled(
            &environment,
            model,
            channels,
            threads,
            None,
            attachment,
            profile,
        )
    };
    let mut tried = Runner::new(session(&request.attachment, Some(&profile))?, request);
    let mut own = Runner::new(session(&Attachment::cpu(), None)?, request);
    let mut measured = Measured {
        is_same_class: true,
        score_difference: 0.0,
        correlation: 1.0,
        cpu: Duration::ZERO,
        provider: Duration::ZERO,
        steps: [0; 2],
        device: device(&request.attachment, &devices(&environment)),
    };
    for (index, picture) in pictures.iter().enumerate() {
        let right = own.answer(picture)?;
        let answer = tried.answer(picture)?;
        if index == 0 {
            measured.steps = steps(&mut tried.session)?;
            if measured.steps[0] == 0 {
                let words = "it takes none of the network's operators";
                return Err(Refusal::Network(words.into()));
            }
        }
        if !answer.is_finite() && right.is_finite() {
            return Err(Refusal::Network("it returns what is no number".into()));
        }
        if answer.shape != right.shape || answer.logits.len() != right.logits.len() {
            return Err(Refusal::Network(format!(
                "it returns a feature map of the shape {:?}, not {:?}",
                answer.shape, right.shape
            )));
        }
        let (scores, others) = (
            answer.scores(request.is_sigmoid),
            right.scores(request.is_sigmoid),
        );
        measured.is_same_class &= best(&scores) == best(&others);
        let differences = scores.iter().zip(&others).map(|(a, b)| (a - b).abs());
        measured.score_difference = differences.fold(measured.score_difference, f64::max);
        let correlation = correlation(&answer.features, &right.features);
        measured.correlation = measured.correlation.min(correlation);
    }
    let picture = pictures.first().copied().unwrap_or_default();
    let (mut times, mut own_times) = (Vec::new(), Vec::new());
    let start = Instant::now();
    for _ in 0..RUNS {
        times.push(tried.time(picture)?);
        own_times.push(own.time(picture)?);
        if start.elapsed() > PATIENCE {
            break;
        }
    }
    measured.provider = least(times);
    measured.cpu = least(own_times);
    Ok(measured)
}

/// The device that it computes on, where ONNX Runtime tells.
fn device(attachment: &Attachment, all: &[super::attach::Device]) -> String {
    let kind = attachment.kind;
    let kinds = match (&kind, known::known(&attachment.name)) {
        (Some(kind), _) => std::slice::from_ref(kind),
        (None, Some(known)) => known.devices,
        (None, None) => &[],
    };
    let vendor = |kind: known::Kind| {
        let is_it = |device: &&super::attach::Device| {
            device.kind == kind
                && (attachment.how == How::BuiltIn
                    || known::is_called(&device.provider, &attachment.name))
        };
        all.iter().find(is_it).map(|device| match &*device.vendor {
            "" => kind.to_string(),
            vendor => format!("{kind} ({vendor})"),
        })
    };
    let found = kinds.iter().find_map(|&kind| vendor(kind));
    found.unwrap_or_else(|| kinds.first().map(ToString::to_string).unwrap_or_default())
}

/// How many steps of the network the provider took, and how many there are, from what was written down of its first run.
fn steps(session: &mut Session) -> Result<[u64; 2], Refusal> {
    let file = session.end_profile().map_err(Refusal::Network)?;
    let read = std::fs::read(&file).map_err(|error| Refusal::Network(error.to_string()))?;
    let events: Vec<Value> =
        serde_json::from_slice(&read).map_err(|error| Refusal::Network(error.to_string()))?;
    let name = &session.attachment().name;
    let mut steps = [0; 2];
    for event in events {
        let is_run = event["name"]
            .as_str()
            .is_some_and(|name| name.ends_with("_kernel_time"));
        let Some(provider) = event["args"]["provider"].as_str().filter(|_| is_run) else {
            continue;
        };
        steps[1] += 1;
        steps[0] += u64::from(known::is_called(provider, name));
    }
    Ok(steps)
}

/// The time that other processes disturbed least.
fn least(times: Vec<Duration>) -> Duration {
    times.into_iter().min().unwrap_or_default()
}

/// A session that answers.
struct Runner<'a> {
    session: Session,
    outputs: Outputs,
    request: &'a Request,
}

/// What a network returned.
struct Answer {
    shape: Vec<i64>,
    features: Vec<f32>,
    logits: Vec<f32>,
}

impl<'a> Runner<'a> {
    fn new(session: Session, request: &'a Request) -> Self {
        Self {
            session,
            outputs: Outputs::default(),
            request,
        }
    }

    fn run(&mut self, picture: &[f32]) -> Result<(), Refusal> {
        let [height, width] = self.request.size;
        let choice = self.request.choice;
        let run = self
            .session
            .run(picture, width, height, choice, &mut self.outputs);
        run.map_err(|failure| Refusal::Network(failure.words()))
    }

    fn answer(&mut self, picture: &[f32]) -> Result<Answer, Refusal> {
        self.run(picture)?;
        let features = self.outputs.get(0).map_err(Refusal::Network)?;
        let logits = self.outputs.get(1).map_err(Refusal::Network)?;
        Ok(Answer {
            shape: features.shape.to_vec(),
            features: features.values.to_vec(),
            logits: logits.values.to_vec(),
        })
    }

    fn time(&mut self, picture: &[f32]) -> Result<Duration, Refusal> {
        let start = Instant::now();
        self.run(picture)?;
        Ok(start.elapsed())
    }
}

impl Answer {
    fn is_finite(&self) -> bool {
        let mut values = self.features.iter().chain(&self.logits);
        values.all(|value| value.is_finite())
    }

    fn scores(&self, is_sigmoid: bool) -> Vec<f64> {
        let logits = self.logits.iter().map(|&logit| f64::from(logit));
        if is_sigmoid {
            return logits.map(|logit| 1.0 / (1.0 + (-logit).exp())).collect();
        }
        let most = logits.clone().fold(f64::NEG_INFINITY, f64::max);
        let parts: Vec<f64> = logits.map(|logit| (logit - most).exp()).collect();
        let sum: f64 = parts.iter().sum();
        parts.into_iter().map(|part| part / sum).collect()
    }
}

fn best(scores: &[f64]) -> Option<usize> {
    let best = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.map(|(index, _)| index)
}

/// Pearson's; 1 where both are constant.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let count = a.len().max(1) as f64;
    let mean = |values: &[f32]| values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let mut sums = [0.0; 3];
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a) - mean_a, f64::from(b) - mean_b);
        for (sum, product) in sums.iter_mut().zip([a * b, a * a, b * b]) {
            *sum += product;
        }
    }
    let [both, of_a, of_b] = sums;
    match of_a > 0.0 && of_b > 0.0 {
        true => both / (of_a * of_b).sqrt(),
        false => f64::from(of_a == of_b),
    }
}
