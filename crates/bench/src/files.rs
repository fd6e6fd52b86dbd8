//! The limit of open files, which caps how many devices one process can play.

use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

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

/// A failure to open one more, with the limit if that is what stops us.
pub(crate) fn explain(error: std::io::Error) -> anyhow::Error {
    let full = error.raw_os_error() == Some(Errno::MFILE.raw_os_error());
    let error = anyhow::Error::new(error);
    if full { error.context(reason()) } else { error }
}

/// Fails if `devices` do not fit.
pub(crate) fn check(devices: usize) -> anyhow::Result<()> {
    anyhow::ensure!(devices <= most_devices(), "{devices} connections do not fit: {}", reason());
    Ok(())
}

fn reason() -> String {
    format!("the limit of open files of one process is {}; `ulimit -Hn` raises it", limit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_named_only_where_it_is_the_reason() {
        let full = explain(Errno::MFILE.into());
        assert!(format!("{full:#}").contains("limit of open files"));
        let refused = explain(Errno::CONNREFUSED.into());
        assert!(!format!("{refused:#}").contains("limit"));
        assert!(check(1).is_ok());
        assert!(check(usize::MAX).is_err());
    }
}
