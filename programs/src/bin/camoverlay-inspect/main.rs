//! Prints what camoverlay finds in a classifier, and explains a picture with it.

mod arguments;
mod faithfulness;
mod layers;
mod picture;
mod providers;
mod report;
mod table;

use camoverlay::inference::Options;
use camoverlay::{Error, Explainer};
use camoverlay_programs::{self, Failure};

use arguments::Arguments;
use report::Report;

fn main() {
    camoverlay_programs::main(run)
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    arguments.check()?;
    let mut network = arguments.network.clone();
    if arguments.providers && arguments.model.is_none() {
        let first = camoverlay::inference::entries()[0].nick;
        network.net.get_or_insert(first.to_owned());
    }
    let options = Options {
        cell_by_cell: true,
        ..network.options(arguments.model.as_deref())?
    };
    if arguments.providers {
        let survey = camoverlay::inference::providers(&options)?;
        return camoverlay_programs::print(&if arguments.json {
            providers::json(&survey)
        } else {
            providers::text(&survey)
        });
    }
    if arguments.layers {
        let layers = camoverlay::inference::layers(&options)?;
        return camoverlay_programs::print(&if arguments.json {
            layers::json(&layers)
        } else {
            layers::text(&layers)
        });
    }
    let mut explainer = Explainer::open(&options)?;
    arguments
        .method()
        .resolve(explainer.classifier().traits())
        .map_err(Error::from)?;
    let found = match &arguments.image {
        Some(path) => Some(picture::explain(path, &arguments, &mut explainer)?),
        None => None,
    };
    let report = Report {
        classifier: explainer.classifier(),
        found: found.as_ref(),
    };
    camoverlay_programs::print(&if arguments.json {
        format!("{}\n", report.json())
    } else {
        report.text()
    })
}
