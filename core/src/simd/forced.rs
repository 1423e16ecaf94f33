//! Levels that tests ask for.

use super::level::Level;

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
