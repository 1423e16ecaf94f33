//! Prints what camoverlay finds in a classifier, and explains a picture with it.

mod arguments;
mod layers;
mod picture;
mod report;

use camoverlay::{Error, Explainer};
use camoverlay_programs::{self, Failure};

use arguments::Arguments;
use report::Report;

fn main() {
    camoverlay_programs::main(run)
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    arguments.check()?;
    let options = arguments.network.options(arguments.model.as_deref())?;
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
        .resolve(
            explainer.classifier().head(),
            explainer.classifier().similar_classes(),
        )
        .map_err(Error::from)?;
    let explanation = match &arguments.image {
        Some(path) => Some(picture::explain(path, &arguments, &mut explainer)?),
        None => None,
    };
    let report = Report {
        classifier: explainer.classifier(),
        explanation: explanation.as_ref(),
    };
    camoverlay_programs::print(&if arguments.json {
        format!("{}\n", report.json())
    } else {
        report.text()
    })
}
