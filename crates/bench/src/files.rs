//! The limit of open files, which caps how many devices one process can play.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that the program has open besides its connections.
const BESIDES: u64 = 64;

/// Raises the limit to what may be had without rights.
pub(crate) fn raise_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it is refused, the limit that there is gets named when it is hit.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// The most files this process may have open.
pub(crate) fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The most devices that fit into the limit.
pub(crate) fn most_devices() -> usize {
    usize::try_from(limit().saturating_sub(BESIDES)).unwrap_or(usize::MAX)
}

/// What to add to an error at `open` connections: names the limit if that is what stops us.
pub(crate) fn hint(open: usize) -> String {
    let limit = limit();
    if (open as u64) + BESIDES < limit {
        return String::new();
    }
    format!(" (the limit of open files, {limit}: raise it with `ulimit -Hn`)")
}
