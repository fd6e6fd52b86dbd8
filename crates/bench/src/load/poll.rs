//! Waiting for sockets: epoll, edge-triggered.

use std::{
    net::TcpStream,
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};

use rustix::{
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
    },
    io::Errno,
};

/// How many sockets are told of at once.
const BATCH: usize = 512;

/// A set of sockets to wait for.
pub(crate) struct Poll {
    epoll: OwnedFd,
    events: Vec<Event>,
}

/// A socket that can be read or written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    /// The number it was added with.
    pub(crate) line: usize,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The other side has closed, or the socket has failed: read until that shows.
    pub(crate) closing: bool,
}

impl Poll {
    /// An empty set.
    pub(crate) fn new() -> std::io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(BATCH) })
    }

    /// Adds a socket as number `line`; it leaves the set when it is closed.
    pub(crate) fn add(&self, socket: &TcpStream, line: usize) -> std::io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(line as u64), flags)?)
    }

    /// Adds a socket that is only told of when something has come.
    pub(crate) fn add_reader(&self, socket: impl AsFd, line: usize) -> std::io::Result<()> {
        let flags = EventFlags::IN | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(line as u64), flags)?)
    }

    /// Waits until a socket is ready or it is `until`; how many are.
    pub(crate) fn wait(&mut self, until: Instant) -> std::io::Result<usize> {
        let left = until.saturating_duration_since(Instant::now());
        self.events.clear();
        let buffer = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, buffer, Some(&timespec(left))) {
            Ok(_) | Err(Errno::INTR) => Ok(self.events.len()),
            Err(error) => Err(error.into()),
        }
    }

    /// The ready socket at a place below what `wait` returned.
    pub(crate) fn ready(&self, at: usize) -> Ready {
        let Event { flags, data, .. } = self.events[at];
        let closing = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        Ready {
            // It was a `usize` when it was added.
            line: usize::try_from(data.u64()).unwrap_or(usize::MAX),
            readable: closing || flags.contains(EventFlags::IN),
            writable: flags.contains(EventFlags::OUT),
            closing,
        }
    }
}

fn timespec(left: Duration) -> Timespec {
    let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
    Timespec { tv_sec: seconds, tv_nsec: i64::from(left.subsec_nanos()) }
}
