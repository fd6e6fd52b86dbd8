//! All clients of a run, on one thread.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::{
    endpoint::{Endpoint, nanos},
    signal::Signal,
    tally::Tally,
};
use crate::load::{faults::Faults, poll::Poll};

/// How long connecting may take altogether.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long packets of a window are waited for after it.
const LATE: Duration = Duration::from_millis(300);

/// How often each WebSocket is looked at, to answer pings.
const TENDED_EVERY: Duration = Duration::from_secs(2);

/// The connections, and who is to receive what.
pub(super) struct Crowd {
    begin: Instant,
    poll: Poll,
    endpoints: Vec<Endpoint>,
    /// Which streams come to which endpoint.
    hears: Vec<Vec<u32>>,
    signals: Vec<Signal>,
    /// Whose turn it is to be tended, and when.
    turn: (usize, Instant),
    tally: Tally,
    windows: u32,
}

/// What receivers got in a window.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) tally: Tally,
    /// Packets sent that did not come, of all receivers together.
    pub(super) lost: u64,
    /// Packets that should have come.
    pub(super) expected: u64,
    /// Streams of which a receiver got nothing, and connections that have ended.
    pub(super) faults: Faults,
}

impl Crowd {
    /// Nobody yet.
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            begin: Instant::now(),
            poll: Poll::new().context("epoll")?,
            endpoints: Vec::new(),
            hears: Vec::new(),
            signals: Vec::new(),
            turn: (0, Instant::now()),
            tally: Tally::default(),
            windows: 0,
        })
    }

    /// Adds a connection that is to get these streams.
    pub(super) fn add(&mut self, endpoint: Endpoint, hears: Vec<u32>) -> anyhow::Result<()> {
        self.poll.add_reader(&endpoint.socket, self.endpoints.len())?;
        self.endpoints.push(endpoint);
        self.hears.push(hears);
        Ok(())
    }

    /// Keeps a WebSocket alive from now on.
    pub(super) fn keep(&mut self, signal: Signal) {
        self.signals.push(signal);
    }

    /// Goes on until all are connected.
    pub(super) fn connect(&mut self) -> anyhow::Result<()> {
        let patience = Instant::now() + PATIENCE;
        loop {
            let left = self.endpoints.iter().filter(|endpoint| !endpoint.is_connected()).count();
            if left == 0 {
                return Ok(());
            }
            if Instant::now() > patience {
                bail!("{left} of {} media connections do not come up", self.endpoints.len());
            }
            self.run(Duration::from_millis(20))?;
        }
    }

    /// Sends and receives for a while.
    pub(super) fn run(&mut self, length: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + length;
        let Self { begin, poll, endpoints, tally, signals, turn, .. } = self;
        let pace = TENDED_EVERY / u32::try_from(signals.len().max(1)).unwrap_or(u32::MAX);
        loop {
            let now = Instant::now();
            if now >= until {
                return Ok(());
            }
            if now >= turn.1 && !signals.is_empty() {
                let at = turn.0 % signals.len();
                signals[at].tend().context("a client's WebSocket")?;
                *turn = (at + 1, now + pace);
            }
            let mut next = until;
            for (number, endpoint) in endpoints.iter_mut().enumerate() {
                if endpoint.due() <= now {
                    endpoint.tend(now, *begin, |mark, bytes| {
                        tally.note(number, mark, bytes, nanos(begin.elapsed()));
                    });
                }
                next = next.min(endpoint.due());
            }
            let ready = poll.wait(next).context("waiting for sockets")?;
            for at in 0..ready {
                let number = poll.ready(at).line;
                endpoints[number].receive(|mark, bytes| {
                    tally.note(number, mark, bytes, nanos(begin.elapsed()));
                });
            }
        }
    }

    /// Counts what comes of what is sent for a while. `around` is called when counting begins and
    /// when it ends.
    pub(super) fn window(
        &mut self,
        length: Duration,
        mut around: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Heard> {
        self.windows += 1;
        self.tally = Tally::of(self.windows);
        self.enter(self.windows);
        around()?;
        self.run(length)?;
        around()?;
        let sent: Vec<(u32, u32)> = self.endpoints.iter().flat_map(Endpoint::sent).collect();
        self.enter(0);
        self.run(LATE)?;
        let tally = std::mem::take(&mut self.tally);
        let (mut lost, mut expected, mut faults) = (0, 0, Faults::default());
        for (number, streams) in self.hears.iter().enumerate() {
            if !self.endpoints[number].is_connected() {
                faults.note("a media connection has ended");
            }
            for stream in streams {
                let sent = sent.iter().find(|(of, _)| of == stream).map_or(0, |(_, sent)| *sent);
                let missing = tally.lost(number, *stream, sent);
                if missing == u64::from(sent) {
                    faults.note("a stream of which nothing came");
                }
                lost += missing;
                expected += u64::from(sent);
            }
        }
        Ok(Heard { tally, lost, expected, faults })
    }

    fn enter(&mut self, window: u32) {
        for endpoint in &mut self.endpoints {
            endpoint.enter(window);
        }
    }
}
