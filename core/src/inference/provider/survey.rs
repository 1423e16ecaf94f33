//! Which providers there are on this machine, and how fast each computes a network.

use std::time::{Duration, Instant};

use super::error::ProviderError;
use super::find::Asked;
use super::known::KNOWN;
use super::outcome::Measured;
use super::trial::Demand;
use super::{AUTO, Provider, environment};
use crate::error::Error;
use crate::inference::classifier::Classifier;
use crate::inference::options::Options;
use crate::inference::session::Cancellation;
use crate::inference::{open, probe};
use crate::model::{Detail, Target};

/// A provider, and what came of trying it with a network.
#[derive(Debug)]
pub struct Found {
    /// What [`Provider::name`] calls it.
    pub name: String,
    /// What was measured, or why nothing was.
    pub measured: Result<Measured, Error>,
}

impl Found {
    /// Whether it is not installed, rather than unfit.
    pub fn is_missing(&self) -> bool {
        let missing = matches!(
            &self.measured,
            Err(Error::Provider(ProviderError::Missing { .. }))
        );
        missing
    }
}

/// Providers on a machine.
#[derive(Debug)]
pub struct Survey {
    /// A run of ONNX Runtime's own processor code on a picture of 16:9, the shortest of several.
    pub cpu: Duration,
    /// The others: all that have a nick, and one that was named.
    pub others: Vec<Found>,
}

/// Runs of which the shortest is taken.
const RUNS: usize = 9;

/// Tries each provider with the network of `options`, anew: all that have a nick, and the one that
/// [`Options::provider`] names, whose library and options are its own; its precision is that of all.
///
/// # Errors
/// What is wrong with the network itself.
pub fn providers(options: &Options) -> Result<Survey, Error> {
    // Before others: a build that has one of them in itself.
    environment::environment(&Options {
        provider: Provider {
            name: AUTO.to_owned(),
            ..Provider::default()
        },
        ..options.clone()
    })?;
    let cpu = time_of_cpu(options)?;
    let named = &options.provider;
    let asked = Asked::of(named)
        .ok()
        .filter(|asked| !asked.is_cpu() && !named.is_auto());
    let known = KNOWN.iter().map(|known| known.nick);
    let others = known.filter(|nick| asked.as_ref().is_none_or(|asked| asked.nick() != *nick));
    let others = others.map(|nick| Provider {
        name: nick.to_owned(),
        precision: named.precision,
        ..Provider::default()
    });
    let named = asked.as_ref().map(|_| named.clone());
    let mut found = Vec::new();
    for provider in named.into_iter().chain(others) {
        let name = provider.name.clone();
        let options = Options {
            provider,
            ..options.clone()
        };
        let measured = match open::network(&options, Demand::Anew, &Cancellation::default()) {
            Ok(network) => match network.measured {
                Some(measured) => Ok(measured),
                None => continue,
            },
            Err(error @ Error::Provider(_)) => Err(error),
            Err(error) => return Err(error),
        };
        found.push(Found { name, measured });
    }
    Ok(Survey { cpu, others: found })
}

fn time_of_cpu(options: &Options) -> Result<Duration, Error> {
    let options = Options {
        provider: Provider::default(),
        ..options.clone()
    };
    let mut classifier = Classifier::open(&options)?;
    let (width, height) = classifier.fit().size(16 * 80, 9 * 80);
    let frame = probe::Frame {
        size: [height, width],
        normalization: classifier.normalization(),
    };
    let channels = classifier.channels();
    let tensor = probe::tensors(&frame, channels).swap_remove(0);
    let mut least = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        classifier.run(&tensor, width, height, Target::Rank(0), Detail::Sums)?;
        least = least.min(start.elapsed());
    }
    Ok(least)
}
