//! Antialiased bicubic resampling.

pub(crate) mod coefficients;
pub(crate) mod horizontal;
#[cfg(target_arch = "x86_64")]
pub(crate) mod inrow;
pub(crate) mod plane;
#[cfg(target_arch = "x86_64")]
pub(crate) mod vnni;
