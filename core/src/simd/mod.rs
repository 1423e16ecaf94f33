//! One plain function, compiled for each instruction set, chosen when it is called.

#[cfg(target_arch = "x86_64")]
pub(crate) mod lookup;

use std::sync::OnceLock;

/// Instruction sets that functions are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// What the compiler assumes of every machine of the target: SSE2 on x86-64, NEON on AArch64.
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// As from Ice Lake and Zen 4 on.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The best level of this machine, looked for once: functions ask for it tile by tile.
    pub fn detected() -> Self {
        static DETECTED: OnceLock<Level> = OnceLock::new();
        *DETECTED.get_or_init(Self::detect)
    }

    fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vbmi")
                && is_x86_feature_detected!("avx512vnni")
            {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self::Avx2;
            }
        }
        Self::Baseline
    }

    /// The level to run now: the detected one, or a lower one that a test asks for.
    pub fn current() -> Self {
        #[cfg(test)]
        if let Some(level) = forced::LEVEL.get() {
            return level.min(Self::detected());
        }
        Self::detected()
    }
}

/// Defines a function that runs the version of its body compiled for the current [`Level`].
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

            match $crate::simd::Level::current() {
                // SAFETY: a level is current only on a machine that was seen to have its
                // instructions; nothing else about the versions is unsafe.
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx512 => unsafe {
                    avx512::<$($parameter,)* $($generic),*>($($argument),*)
                },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx2 => unsafe {
                    avx2::<$($parameter,)* $($generic),*>($($argument),*)
                },
                $crate::simd::Level::Baseline => {
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

#[cfg(test)]
pub(crate) mod forced {
    use super::Level;

    thread_local! {
        pub static LEVEL: std::cell::Cell<Option<Level>> = const { std::cell::Cell::new(None) };
    }

    /// Runs `body` once for each level up to the detected one.
    pub fn each_level(mut body: impl FnMut(Level)) {
        let levels = [
            Level::Baseline,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2,
            #[cfg(target_arch = "x86_64")]
            Level::Avx512,
        ];
        for level in levels {
            if level <= Level::detected() {
                LEVEL.set(Some(level));
                body(level);
                LEVEL.set(None);
            }
        }
    }
}
