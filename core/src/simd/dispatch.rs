//! One plain function, compiled for each instruction set, chosen when it is called.

/// Defines a function that runs the version of its body compiled for the current
/// [`Level`](crate::simd::level::Level).
///
/// In the body the constant `FUSED` tells whether [`multiply_add`] may fuse, so results may differ
/// in the last bit of a float between levels: a body has to be exact (integers), or to say where
/// rounding might have decided.
macro_rules! dispatched {
    (
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident
        <$($generic:ident: $kind:ty),*; $($parameter:ident: $bound:path),*>
        ($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block
    ) => {
        $(#[$attribute])*
        #[allow(
            clippy::too_many_arguments,
            reason = "kernels take apart what a struct would only hide from the vectoriser"
        )]
        #[allow(unsafe_code, reason = "calls the version whose instructions were found")]
        $visibility fn $name<$($parameter: $bound,)* $(const $generic: $kind),*>(
            $($argument: $type),*
        ) $(-> $result)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            fn body<$($parameter: $bound,)* const FUSED: bool, $(const $generic: $kind),*>(
                $($argument: $type),*
            ) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            fn avx2<$($parameter: $bound,)* $(const $generic: $kind),*>(
                $($argument: $type),*
            ) $(-> $result)? {
                body::<$($parameter,)* true, $($generic),*>($($argument),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni,avx2,fma")]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            fn avx512<$($parameter: $bound,)* $(const $generic: $kind),*>(
                $($argument: $type),*
            ) $(-> $result)? {
                body::<$($parameter,)* true, $($generic),*>($($argument),*)
            }

            match $crate::simd::level::Level::current() {
                // SAFETY: a level is current only on a machine that was seen to have its
                // instructions; nothing else about the versions is unsafe.
                #[cfg(target_arch = "x86_64")]
                $crate::simd::level::Level::Avx512 => unsafe {
                    avx512::<$($parameter,)* $($generic),*>($($argument),*)
                },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::simd::level::Level::Avx2 => unsafe {
                    avx2::<$($parameter,)* $($generic),*>($($argument),*)
                },
                #[cfg(target_arch = "aarch64")]
                $crate::simd::level::Level::Neon => {
                    body::<$($parameter,)* true, $($generic),*>($($argument),*)
                }
                $crate::simd::level::Level::Baseline => {
                    body::<$($parameter,)* { cfg!(target_arch = "aarch64") }, $($generic),*>(
                        $($argument),*
                    )
                }
            }
        }
    };
}
pub(crate) use dispatched;

/// `a * b + c`, in one instruction where the level has it.
#[inline(always)]
pub(crate) fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}
