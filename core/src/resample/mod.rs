//! Antialiased bicubic resampling.
//!
//! Keys' cubic convolution with a = -0.5 (R. G. Keys, "Cubic Convolution Interpolation for Digital Image Processing",
//! IEEE TASSP 1981) with half-pixel centres, widened by the factor of shrinking so that nothing aliases, and mirrored
//! at the borders: what MATLAB's `imresize` does. `coefficients` has the taps of one dimension, `vertical` makes one pass
//! across rows and `horizontal` one along them, and `plane` both. Results are those of double precision, to the last bit: sums are made
//! in integers or single precision, with a bound of their error, and made again in double precision where rounding
//! might go either way.

pub(crate) mod coefficients;
pub(crate) mod horizontal;
mod in_row;
pub(crate) mod plane;
pub(crate) mod vertical;
