//! Levels that tests ask for.

use super::level::Level;

thread_local! {
    pub static LEVEL: std::cell::Cell<Option<Level>> = const { std::cell::Cell::new(None) };
}

/// Runs `body` once for each level up to the detected one.
pub fn each_level(mut body: impl FnMut(Level)) {
    for &level in Level::ALL {
        if level <= Level::detected() {
            LEVEL.set(Some(level));
            body(level);
            LEVEL.set(None);
        }
    }
}
