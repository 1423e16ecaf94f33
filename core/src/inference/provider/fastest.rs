//! From options to a network: by the provider that they name, or by the fastest of those that are installed and give what
//! ONNX Runtime's own code gives.

use super::error::ProviderError;
use super::known::KNOWN;
use super::trial::Demand;
use super::{AUTO, CPU, Precision, Provider};
use crate::error::Error;
use crate::inference::network::Network;
use crate::inference::open;
use crate::inference::options::Options;
use crate::inference::session::Cancellation;
use crate::inference::warnings::Warning;

/// Opens the network of `options` with the provider that they name, or the fastest if that is asked for. `cancellation`
/// ends the runs that this takes.
///
/// # Errors
/// Any [`Error`] but [`RuntimeError::Run`](crate::RuntimeError::Run).
pub fn network(options: &Options, cancellation: &Cancellation) -> Result<Network, Error> {
    match options.provider.is_auto() {
        true => fastest(options, cancellation),
        false => open::network(options, Demand::Any, cancellation),
    }
}

/// As [`network`], and tells in a notice what was taken.
fn fastest(options: &Options, cancellation: &Cancellation) -> Result<Network, Error> {
    let Provider {
        library,
        options: told,
        ..
    } = &options.provider;
    if library.is_some() || !told.is_empty() {
        return Err(ProviderError::Setting {
            name: AUTO.to_owned(),
            message: "takes neither a library nor options, which are one provider's".into(),
        }
        .into());
    }
    let mut best: Option<Network> = None;
    let mut faults = Vec::new();
    for (nick, precision) in candidates(options.provider.precision) {
        let options = with(options, nick, precision);
        match open::network(&options, Demand::Better, cancellation) {
            Ok(network) => {
                let time =
                    |network: &Network| network.measured.as_ref().map(|measured| measured.provider);
                if best.as_ref().is_none_or(|best| time(&network) < time(best)) {
                    best = Some(network);
                }
            }
            // What is not installed is not missed.
            Err(Error::Provider(
                ProviderError::Missing { .. }
                | ProviderError::OtherRuntime { .. }
                | ProviderError::Setting { .. },
            )) => {}
            Err(Error::Provider(error)) => faults.push(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    let (mut network, fault) = match best {
        Some(network) => {
            let [provider, cpu] = network.measured.as_ref().map_or([0.0; 2], |measured| {
                [measured.provider, measured.cpu].map(|time| time.as_secs_f64() * 1e3)
            });
            let reduced = match network.precision {
                Precision::Auto | Precision::Float32 => "",
                Precision::Reduced => " in reduced precision",
            };
            let fault = format!(
                "Of the execution providers, {} is taken{reduced}: {provider:.1} ms a run instead of {cpu:.1} ms.",
                network.provider_nick()
            );
            (network, fault)
        }
        None => {
            // The last rounding is kept whatever was wished for others.
            let options = with(options, CPU, Precision::Auto);
            let network = open::network(&options, Demand::Any, cancellation)?;
            let fault = match faults.is_empty() {
                true => {
                    "Of the execution providers, cpu is taken: no other is installed.".to_owned()
                }
                false => format!(
                    "Of the execution providers, cpu is taken. {}",
                    faults.join(" ")
                ),
            };
            (network, fault)
        }
    };
    network.notices.push(Warning {
        fault,
        remedy: None,
    });
    Ok(network)
}

/// Who is tried. A provider's own choice of precision may be 32 bits where fewer are as good, as the trial shows: where it is
/// left to them, both are tried.
fn candidates(precision: Precision) -> impl Iterator<Item = (&'static str, Precision)> {
    let precisions: &[Precision] = match precision {
        Precision::Auto => &[Precision::Auto, Precision::Reduced],
        Precision::Float32 => &[Precision::Float32],
        Precision::Reduced => &[Precision::Reduced],
    };
    KNOWN
        .iter()
        .flat_map(|known| precisions.iter().map(|&precision| (known.nick, precision)))
}

fn with(options: &Options, name: &str, precision: Precision) -> Options {
    Options {
        provider: Provider {
            name: name.to_owned(),
            precision,
            ..Provider::default()
        },
        ..options.clone()
    }
}
