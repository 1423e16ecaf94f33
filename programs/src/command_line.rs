//! From the words on the command line to a program's arguments, and from its outcome to an exit code.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Command, Parser};
use clap_complete::Shell;

use crate::failure::Failure;

/// Hidden option that prints the man page or a shell's completion, for installation and packages.
const GENERATE: &str = "generate";
const MAN: &str = "man";
const SHELLS: [(&str, Shell); 3] = [
    ("bash", Shell::Bash),
    ("zsh", Shell::Zsh),
    ("fish", Shell::Fish),
];

/// Prints `text` on stdout. Who reads it may have read enough and closed it.
///
/// # Errors
/// It cannot be written.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("What was found cannot be written: {error}.").into())
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints `text` on stderr, as a line. Where nobody can read it, a terminal that is closed for instance, work goes on.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A program's `main`: reads the command line, runs the program, says on stderr what went wrong, and exits with 0,
/// 1 (it failed), 2 (the command line makes no sense) or 3 (the input was cut short).
///
/// It ends without the destructors of libraries: a network that was being opened when something else failed may still be
/// at work.
pub fn main<A: Parser>(program: impl FnOnce(A) -> Result<(), Failure>) -> ! {
    let code = run(program);
    // Who reads it may have closed it.
    let _ = io::stdout().flush();
    signal_hook::low_level::exit(code)
}

/// The exit code.
fn run<A: Parser>(program: impl FnOnce(A) -> Result<(), Failure>) -> i32 {
    let outcome = match read::<A>(std::env::args_os()) {
        Ok(Some(arguments)) => program(arguments),
        Ok(None) => Ok(()),
        Err(failure) => Err(failure),
    };
    let Err(failure) = outcome else {
        return 0;
    };
    match failure {
        Failure::Usage(_) => {
            let name = A::command().get_name().to_owned();
            say(&format!("{failure} `{name} --help` lists the options."));
        }
        Failure::Run(_) | Failure::Stalled(_) => say(&failure.to_string()),
    }
    failure.exit_code()
}

/// The arguments; none if the user only wanted something printed, which is done then.
fn read<A: Parser>(words: impl IntoIterator<Item = OsString>) -> Result<Option<A>, Failure> {
    let command = A::command();
    let kinds = std::iter::once(MAN).chain(SHELLS.iter().map(|(name, _)| *name));
    let generate = Arg::new(GENERATE)
        .long(GENERATE)
        .value_parser(kinds.collect::<Vec<_>>())
        .exclusive(true)
        .hide(true);
    let matches = match command.clone().arg(generate).try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() => {
            // --help or --version; a reader that has gone away has seen enough.
            let _ = error.print();
            return Ok(None);
        }
        Err(error) => return Err(Failure::Usage(sentence(&error))),
    };
    if let Some(kind) = matches.get_one::<String>(GENERATE) {
        print_generated(kind, command)?;
        return Ok(None);
    }
    arguments(&matches).map(Some)
}

fn arguments<A: Parser>(matches: &ArgMatches) -> Result<A, Failure> {
    A::from_arg_matches(matches).map_err(|error| Failure::Usage(sentence(&error)))
}

fn print_generated(kind: &str, mut command: Command) -> io::Result<()> {
    let mut text = Vec::new();
    match SHELLS.iter().find(|(name, _)| *name == kind) {
        Some((_, shell)) => {
            let name = command.get_name().to_owned();
            clap_complete::generate(*shell, &mut command, name, &mut text);
        }
        None => clap_mangen::Man::new(command).render(&mut text)?,
    }
    io::stdout().write_all(&text)
}

/// What clap has to say, in one sentence.
fn sentence(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let argument = context(ContextKind::InvalidArg);
    // `--top-k <N>` is called --top-k.
    let option = argument.split(' ').next().unwrap_or(&argument);
    let value = context(ContextKind::InvalidValue);
    let choices = context(ContextKind::ValidValue);
    match error.kind() {
        ErrorKind::UnknownArgument if argument.parse::<f64>().is_ok() => {
            format!("{argument} is below 0, which no option takes.")
        }
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            format!("There is no option {argument}.")
        }
        ErrorKind::UnknownArgument => format!("{argument} is one argument too many."),
        ErrorKind::InvalidValue if value.is_empty() => format!("{option} needs a value."),
        ErrorKind::InvalidValue => {
            // `--net <NETWORK>` chooses a network.
            let (_, kind) = argument.split_once('<').unwrap_or(("", option));
            let kind = kind.trim_matches(['-', '>']).to_lowercase();
            format!("There is no {kind} {value}; there are {choices}.")
        }
        ErrorKind::ValueValidation => {
            let reason =
                std::error::Error::source(error).map_or(String::new(), ToString::to_string);
            format!("{option} takes {reason}, not “{value}”.")
        }
        ErrorKind::ArgumentConflict => {
            let other = context(ContextKind::PriorArg);
            match other.split(' ').next().unwrap_or(&other) {
                other if other == option => format!("{option} is given twice."),
                other => format!("{option} goes not with {other}."),
            }
        }
        ErrorKind::MissingRequiredArgument => match argument.rsplit_once(", ") {
            Some((others, last)) => format!("{others} and {last} are missing."),
            None => format!("{argument} is missing."),
        },
        _ => {
            let text = error.to_string();
            let text = text.lines().next().unwrap_or_default();
            format!("{}.", text.trim_start_matches("error: "))
        }
    }
}
