//! Prints what camoverlay finds in a classifier, and explains a picture with it.

mod arguments;
mod picture;
mod report;

use std::process::ExitCode;

use gstcamoverlay::network::{Classifier, Error};

use arguments::{Arguments, Wish};
use report::Report;

fn main() -> ExitCode {
    let arguments = match arguments::parse(std::env::args().skip(1)) {
        Ok(Wish::Help) => {
            print!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Wish::Inspect(arguments)) => arguments,
        Err(message) => {
            eprintln!("{message} `camoverlay-inspect --help` lists the options.");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let words = |error: Error| error.to_string();
    let mut classifier = Classifier::open(&arguments.options).map_err(words)?;
    arguments.method.resolve(classifier.head()).map_err(words)?;
    let explanation = match &arguments.image {
        Some(path) => Some(picture::explain(path, arguments, &mut classifier)?),
        None => None,
    };
    let report = Report {
        classifier: &classifier,
        explanation: explanation.as_ref(),
    };
    if arguments.json {
        println!("{}", report.json());
    } else {
        print!("{}", report.text());
    }
    Ok(())
}
