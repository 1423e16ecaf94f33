//! Kernels for [`Vectors`](super::vectors::Vectors) of any width: methods of [`Native`], under the names of their plain twins.
//!
//! Those that work from left to right stop at the last whole register, and return how far they came: the rest is their
//! twins'.

#![allow(
    unsafe_code,
    reason = "kernels: each is called where its instructions were found"
)]

pub(crate) mod chroma;
pub(crate) mod colours;
mod gray;
mod heat;
mod mix;
pub(crate) mod row_pairs;
pub(crate) mod row_taps;
mod sum_table;

#[cfg(target_arch = "x86_64")]
pub(crate) use super::avx2::Avx2 as Native;
#[cfg(target_arch = "aarch64")]
pub(crate) use super::neon::Neon as Native;

/// Defines a method of [`Native`] that runs its body compiled for these instructions; the first argument is the proof
/// that they are there, of whichever kind.
macro_rules! kernel {
    (
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident
        <$($generic:ident: $kind:ty),*; $($parameter:ident: $bound:path),*>
        ($vectors:ident $(, $argument:ident: $type:ty)* $(,)?) $(-> $result:ty)? $body:block
    ) => {
        impl $crate::simd::kernels::Native {
            $(#[$attribute])*
            $visibility fn $name<$($parameter: $bound,)* $(const $generic: $kind),*>(
                self, $($argument: $type),*
            ) $(-> $result)? {
                #[inline(always)]
                fn body<V: $crate::simd::vectors::Vectors, $($parameter: $bound,)* $(const $generic: $kind),*>(
                    $vectors: V, $($argument: $type),*
                ) $(-> $result)? $body

                #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
                fn compiled<$($parameter: $bound,)* $(const $generic: $kind),*>(
                    proof: $crate::simd::kernels::Native, $($argument: $type),*
                ) $(-> $result)? {
                    body::<_, $($parameter,)* $($generic),*>(proof, $($argument),*)
                }

                // SAFETY: there is a proof only on a machine that was seen to have the instructions.
                #[cfg_attr(target_arch = "aarch64", allow(unused_unsafe, reason = "part of the target"))]
                unsafe { compiled::<$($parameter,)* $($generic),*>(self, $($argument),*) }
            }
        }
    };
}
use kernel;
