//! The fastest of the providers that are installed and give what ONNX Runtime's own code gives.

use super::error::ProviderError;
use super::known::KNOWN;
use super::trial::Demand;
use super::{AUTO, CPU, Precision, Provider};
use crate::error::Error;
use crate::inference::network::Network;
use crate::inference::options::Options;
use crate::inference::session::Cancellation;
use crate::inference::warnings::Warning;
use crate::inference::open;

/// Opens the network of `options` with the fastest provider, and tells of it in a notice.
///
/// # Errors
/// What is wrong with the network, or with what is asked of all providers at once.
pub fn network(options: &Options, cancellation: &Cancellation) -> Result<Network, Error> {
    let Provider {
        library, options: told, ..
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
    for known in KNOWN {
        let options = with(options, known.nick, options.provider.precision);
        match open::computed(&options, Demand::Better, cancellation) {
            Ok(network) => {
                let time = |network: &Network| network.measured.as_ref().map(|measured| measured.provider);
                if best.as_ref().is_none_or(|best| time(&network) < time(best)) {
                    best = Some(network);
                }
            }
            // What is not installed is not missed.
            Err(Error::Provider(
                ProviderError::Missing { .. } | ProviderError::OtherRuntime { .. },
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
            let fault = format!(
                "Of the execution providers, {} is taken: {provider:.1} ms a run instead of {cpu:.1} ms.",
                network.provider_nick()
            );
            (network, fault)
        }
        None => {
            // The last rounding is kept whatever was wished for others.
            let options = with(options, CPU, Precision::Auto);
            let network = open::computed(&options, Demand::Any, cancellation)?;
            let fault = match faults.is_empty() {
                true => "Of the execution providers, cpu is taken: no other is installed.".to_owned(),
                false => format!("Of the execution providers, cpu is taken. {}", faults.join(" ")),
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
