//! The one way in which a test leaves something out.

use std::fs::OpenOptions;
use std::io::Write;

/// Says that `what` was left out, and `why`: here, and in the file that `CAMOVERLAY_TEST_SKIPS` names, which
/// `scripts/test.sh` reads out when all tests have run and which must be empty in CI.
pub fn skipped(what: &str, why: &str) {
    let line = format!("SKIPPED: {what}: {why}\n");
    eprint!("{line}");
    if let Some(list) = std::env::var_os("CAMOVERLAY_TEST_SKIPS") {
        // One write a line: several processes may write at once.
        let list = OpenOptions::new().create(true).append(true).open(list);
        list.unwrap().write_all(line.as_bytes()).unwrap();
    }
}
