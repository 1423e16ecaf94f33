//! What can be wrong with a class map.

use std::fmt;

use crate::remedy::Remedy;

/// Why there is no class map. `Display` says what is wrong, [`remedy`](Self::remedy) what to do.
#[derive(Debug, Clone, PartialEq)]
pub enum CamError {
    /// The method makes no sense for the network's head.
    Method {
        /// [`Method::name`](super::Method::name).
        method: &'static str,
        /// Why it makes none.
        reason: &'static str,
    },
    /// The gradient of the head is infinite, or no number, where features are not zero.
    InfiniteGradient,
    /// The network returned a value that is not a finite number.
    NotFinite {
        /// What holds the value: logits, features.
        what: &'static str,
    },
}

impl CamError {
    /// What to do about it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Method { .. } => Remedy::ChooseMethod,
            Self::InfiniteGradient => Remedy::Words(
                "Choose the method eigencam, which needs none, or export the network with a small bound below what it \
                 takes the root or the logarithm of.",
            ),
            Self::NotFinite { .. } => Remedy::CheckPreprocess,
        }
    }
}

impl fmt::Display for CamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method { method, reason } => {
                write!(
                    f,
                    "The method {method} does not suit this network: {reason}."
                )
            }
            Self::InfiniteGradient => write!(
                f,
                "The gradient of the network's head is not finite on this frame, as that of a root or a logarithm of 0 \
                 is."
            ),
            Self::NotFinite { what } => {
                write!(
                    f,
                    "The network returned {what} that are not finite numbers."
                )
            }
        }
    }
}

impl std::error::Error for CamError {}
