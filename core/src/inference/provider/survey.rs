//! Which providers there are on this machine, and how fast each computes a network.

use super::error::ProviderError;
use super::find::Asked;
use super::known::KNOWN;
use super::outcome::Measured;
use super::trial::Demand;
use super::Provider;
use crate::error::Error;
use crate::inference::open;
use crate::inference::options::Options;
use crate::inference::session::Cancellation;

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

/// Tries each provider with the network of `options`, anew: all that have a nick, and the one that
/// [`Options::provider`] names, whose library and options are its own; its precision is that of all.
///
/// # Errors
/// What is wrong with the network itself.
pub fn providers(options: &Options) -> Result<Vec<Found>, Error> {
    let named = &options.provider;
    let asked = Asked::of(named).ok().filter(|asked| !asked.is_cpu() && !named.is_auto());
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
        let measured = match open::computed(&options, Demand::Anew, &Cancellation::default()) {
            Ok(network) => match network.measured {
                Some(measured) => Ok(measured),
                None => continue,
            },
            Err(error @ Error::Provider(_)) => Err(error),
            Err(error) => return Err(error),
        };
        found.push(Found { name, measured });
    }
    Ok(found)
}
