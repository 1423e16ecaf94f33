//! Instruction sets, and which of them to use now.

use std::sync::OnceLock;

/// Instruction sets that functions are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// What the compiler makes of plain functions with what every machine of the target has: SSE2 on x86-64, NEON on
    /// AArch64.
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// As from Ice Lake and Zen 4 on.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// What every AArch64 has, by hand.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// The environment variable that names a level to use instead of the best: for tests and benchmarks.
const VARIABLE: &str = "CAMOVERLAY_SIMD";

impl Level {
    /// All that the target has, from the least on.
    pub const ALL: &[Self] = &[
        Self::Baseline,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512,
        #[cfg(target_arch = "aarch64")]
        Self::Neon,
    ];

    /// The best level of this machine, looked for once: functions ask for it tile by tile.
    pub fn detected() -> Self {
        static DETECTED: OnceLock<Level> = OnceLock::new();
        *DETECTED.get_or_init(|| Self::asked(Self::detect()))
    }

    /// What [`VARIABLE`] asks for, which can be no more than the machine has.
    fn asked(best: Self) -> Self {
        let Some(name) = std::env::var_os(VARIABLE) else {
            return best;
        };
        let known = Self::ALL.iter().copied().filter(|level| *level <= best);
        let level = known.clone().find(|level| name == level.name());
        level.unwrap_or_else(|| {
            let names: Vec<&str> = known.map(Self::name).collect();
            eprintln!(
                "{VARIABLE}={} is no level of instructions of this machine, so {} is used: name one of {}.",
                name.display(),
                best.name(),
                names.join(", ")
            );
            best
        })
    }

    /// As [`VARIABLE`] has it.
    fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
        }
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
        #[cfg(target_arch = "aarch64")]
        return Self::Neon;
        #[cfg(not(target_arch = "aarch64"))]
        Self::Baseline
    }

    /// The level to run now: the detected one, or a lower one that a test asks for.
    pub fn current() -> Self {
        #[cfg(test)]
        if let Some(level) = super::forced::LEVEL.get() {
            return level.min(Self::detected());
        }
        Self::detected()
    }
}
