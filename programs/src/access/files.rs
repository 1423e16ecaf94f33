//! How many clients the open files allow for that a process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::command_line::say;

/// Open files that the rest of the program takes, at most.
const OF_OTHERS: u64 = 256;

/// As many of the `wanted` clients, each of whom takes so many files, as the process may have, whose limit is raised as far
/// as it can be. That it is fewer is said.
pub fn clients_by_files(wanted: usize, per_client: u64) -> usize {
    let files = getrlimit(Resource::Nofile);
    let needed = wanted as u64 * per_client + OF_OTHERS;
    // None: as many as there are.
    let Some(current) = files.current.filter(|current| *current < needed) else {
        return wanted;
    };
    let raised = files
        .maximum
        .map_or(needed, |most| most.min(needed))
        .max(current);
    let got = match setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(raised),
            maximum: files.maximum,
        },
    ) {
        Ok(()) => raised,
        Err(_) => current,
    };
    let clients = (got.saturating_sub(OF_OTHERS) / per_client).max(1);
    let clients = usize::try_from(clients).map_or(wanted, |clients| clients.min(wanted));
    if clients < wanted {
        say(&format!(
            "This process may have {got} open files, enough for {clients} clients, not {wanted}: `ulimit -n` raises that."
        ));
    }
    clients
}
