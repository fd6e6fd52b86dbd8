//! What breaks, and how it mends.

use super::{Event, World};
use crate::plan::Fault;

/// A trouble that is over.
#[derive(Debug, Clone, Copy)]
pub(super) enum Relief {
    Disk,
    Commits,
    Groups,
    SlowReads,
    FailingReads,
}

/// The end that the process is coming to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Doom {
    /// After so many looks of the world, which come between any two polls of tasks.
    looks: Option<u32>,
    /// With the next commit: whether that is done.
    commit: Option<bool>,
    now: bool,
    down_ms: u64,
}

impl Doom {
    /// Whether the process dies now; for how long it is down.
    pub(super) fn strikes(&mut self) -> Option<u64> {
        if let Some(looks) = &mut self.looks {
            if *looks == 0 {
                self.now = true;
            }
            *looks = looks.saturating_sub(1);
        }
        self.now.then_some(self.down_ms)
    }

    /// Whether polls are being counted.
    pub(super) fn is_near(&self) -> bool {
        self.looks.is_some()
    }

    pub(super) fn is_now(&self) -> bool {
        self.now
    }

    /// A commit is about to happen, or has: whether the process dies with it.
    pub(super) fn at_commit(&mut self, done: bool) -> bool {
        self.now |= self.commit == Some(done);
        self.now
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl World {
    /// Breaks something.
    pub(crate) fn break_it(&mut self, fault: Fault) {
        self.counts.faults += 1;
        if self.trace.is_kept() {
            self.trace.note(self.now, "fault", &format!("{fault:?}"));
        }
        let now = self.now;
        match fault {
            Fault::Reset { device } => {
                if let Some(link) = self.devices[usize::from(device)].link {
                    self.tear(link);
                }
            }
            Fault::HalfOpen { device, up, down } => {
                if let Some(link) = self.devices[usize::from(device)].link {
                    self.links[link].lost.up |= up;
                    self.links[link].lost.down |= down;
                }
            }
            Fault::Slow { device, ms } => {
                self.network.slow_until.insert(device.into(), now + ms);
            }
            Fault::Lag { device, up_ms, down_ms, ms } => {
                self.network.lag.insert(device.into(), (now + ms, up_ms, down_ms));
            }
            Fault::Outage { ms } => {
                self.network.out_until = now + ms;
                for link in self.links_open() {
                    self.tear(link);
                }
            }
            Fault::Crash { after_polls, down_ms } => {
                (self.doom.looks, self.doom.down_ms) = (Some(after_polls), down_ms);
            }
            Fault::CrashAtCommit { done, down_ms } => {
                (self.doom.commit, self.doom.down_ms) = (Some(done), down_ms);
            }
            Fault::DiskFull { ms } => {
                let since = self.clock();
                self.store.trouble(|t| t.full_since.get_or_insert(since).0);
                self.schedule(ms, Event::Relief(Relief::Disk));
            }
            Fault::SlowCommits { delay_ms, ms } => {
                self.store.trouble(|t| t.commit_ms = delay_ms);
                self.schedule(ms, Event::Relief(Relief::Commits));
            }
            Fault::SmallGroups { most, ms } => {
                self.store.trouble(|t| t.group = most.into());
                self.schedule(ms, Event::Relief(Relief::Groups));
            }
            Fault::SlowReads { delay_ms, ms } => {
                self.store.trouble(|t| t.read_ms = delay_ms);
                self.schedule(ms, Event::Relief(Relief::SlowReads));
            }
            Fault::FailingReads { ms } => {
                self.store.trouble(|t| t.unreadable = true);
                self.schedule(ms, Event::Relief(Relief::FailingReads));
            }
            Fault::Conflicts { times } => self.store.trouble(|t| t.contended += times),
            Fault::Silence { device, ms } => {
                if let Some(sfu) = &self.sfu {
                    sfu.silence(&self.devices[usize::from(device)].owner(), ms);
                }
            }
            Fault::MediaFails { device } => {
                if let Some(sfu) = &self.sfu {
                    sfu.fail(&self.devices[usize::from(device)].owner());
                }
            }
            Fault::ClockJump { ms } => {
                self.clock_offset.fetch_add(ms, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }

    pub(super) fn relieve(&mut self, relief: Relief) {
        self.store.trouble(|t| match relief {
            Relief::Disk => t.full_since = None,
            Relief::Commits => t.commit_ms = 0,
            Relief::Groups => t.group = 0,
            Relief::SlowReads => t.read_ms = 0,
            Relief::FailingReads => t.unreadable = false,
        });
        // What has queued on a full disk waits for nothing else.
        self.bell.nudge();
    }

    /// When all devices read again.
    pub(crate) fn calm_at(&self) -> u64 {
        self.network.slow_until.values().copied().fold(self.now, u64::max)
    }

    /// Nothing is broken any more.
    pub(crate) fn heal(&mut self) {
        self.store.trouble(|t| *t = super::store::Troubles::default());
        self.network = super::network::Weather::default();
        self.doom.clear();
        for link in self.links_open() {
            if self.links[link].lost.up || self.links[link].lost.down {
                self.tear(link);
            }
        }
    }
}
