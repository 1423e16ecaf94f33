//! The process that tries a provider, from outside.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::check::{BEGUN, MARK, Request};
use super::error::ProviderError;
use super::outcome::Outcome;
use crate::inference::runtime;
use crate::inference::session::Cancellation;

/// The program's file.
pub const PROGRAM: &str = "camoverlay-provider-check";

/// Names another file.
pub const VARIABLE: &str = "CAMOVERLAY_PROVIDER_CHECK";

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Most of what it said that is handed on, in characters.
const MOST_WORDS: usize = 400;

/// Why there is no outcome.
pub enum Failure {
    Cancelled,
    Error(ProviderError),
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self::Error(error)
    }
}

/// The program that tries providers: what the variable names, or beside the program or plugin, or where libraries are.
///
/// # Errors
/// [`ProviderError::NoChecker`].
pub fn program(roots: &[PathBuf]) -> Result<PathBuf, ProviderError> {
    let named = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
    let tried: Vec<PathBuf> = match named {
        Some(path) => vec![path.into()],
        None => {
            // Tests are built into a folder below that of the programs.
            let mut folders: Vec<PathBuf> = roots.iter().take(2).cloned().collect();
            for folder in runtime::folders(roots) {
                if !folders.contains(&folder) {
                    folders.push(folder);
                }
            }
            folders.iter().map(|folder| folder.join(PROGRAM)).collect()
        }
    };
    let found = tried.iter().find(|path| path.is_file()).cloned();
    found.ok_or(ProviderError::NoChecker { tried })
}

/// Has `program` try what is asked for, for as long as `patience`.
///
/// # Errors
/// [`ProviderError::Checker`], or that it was cancelled.
pub fn run(
    program: &Path,
    request: &Request,
    model: &[u8],
    pictures: &[Vec<f32>],
    patience: Duration,
    cancellation: &Cancellation,
) -> Result<Outcome, Failure> {
    let failed = |error: io::Error| {
        Failure::from(ProviderError::Checker {
            program: program.to_owned(),
            message: error.to_string(),
        })
    };
    // Files without a name, not pipes: who waits for a pipe waits for ever, or gets SIGPIPE, which ends processes that this
    // crate is a part of.
    let input = input(request, model, pictures).map_err(failed)?;
    let (mut output, mut errors) = (
        tempfile::tempfile().map_err(failed)?,
        tempfile::tempfile().map_err(failed)?,
    );
    let mut child = Command::new(program)
        .stdin(input)
        .stdout(output.try_clone().map(Stdio::from).map_err(failed)?)
        .stderr(errors.try_clone().map(Stdio::from).map_err(failed)?)
        .spawn()
        .map_err(failed)?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) => {}
            // A process that ignores SIGCHLD is not told how its children end.
            Err(_) if !Path::new(&format!("/proc/{}", child.id())).exists() => break None,
            Err(_) => {}
        }
        if cancellation.is_cancelled() {
            end(&mut child);
            return Err(Failure::Cancelled);
        }
        if start.elapsed() > patience {
            end(&mut child);
            return Ok(Outcome::TimedOut(patience.as_secs()));
        }
        std::thread::sleep(LOOK);
    };
    let said = text(&mut output).map_err(failed)?;
    let outcome = said
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix(MARK))
        .and_then(|line| Outcome::from_json(&serde_json::from_str(line).ok()?));
    if let Some(outcome) = outcome {
        return Ok(outcome);
    }
    let words = text(&mut errors).map_err(failed)?;
    let words = last_words(&words);
    // Another program, or one of another version.
    if !said.lines().any(|line| line == BEGUN) {
        return Err(ProviderError::Checker {
            program: program.to_owned(),
            message: match words.is_empty() {
                true => "it says nothing of the outcome".to_owned(),
                false => format!("it says “{words}”"),
            },
        }
        .into());
    }
    let how = status.map_or("it ended".to_owned(), described);
    Ok(Outcome::Died(match words.is_empty() {
        true => how,
        false => format!("{how}, after “{words}”"),
    }))
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn described(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("it ended with the code {code}"),
        None => format!("it was ended by a {status}"),
    }
}

fn input(request: &Request, model: &[u8], pictures: &[Vec<f32>]) -> io::Result<File> {
    let mut input = io::BufWriter::new(tempfile::tempfile()?);
    writeln!(input, "{}", request.to_json(model.len()))?;
    input.write_all(model)?;
    for value in pictures.iter().flatten() {
        input.write_all(&value.to_ne_bytes())?;
    }
    let mut input = input.into_inner().map_err(io::IntoInnerError::into_error)?;
    input.rewind()?;
    Ok(input)
}

fn text(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    // Somebody who prints without an end gets no more room than this.
    file.take(1 << 20).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last lines that say something.
fn last_words(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let skipped = line.chars().count().saturating_sub(MOST_WORDS);
    line.chars().skip(skipped).collect()
}
