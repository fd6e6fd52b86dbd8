//! A peer: its connection, what it sends, what it receives.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::quality::Tally;
use super::slot::Slot;
use super::{Path, PeerId};
use crate::event::Transport;
use crate::keys::{Grant, Mid, PeerKey, RoomKey, Source};
use crate::settings::{CONNECT_WITHIN, IDLE_AFTER, LOST_AFTER};
use crate::webrtc::Connection;

/// The most addresses a peer's packets are taken from at once. A phone has a few networks with two
/// families each; more would let a peer fill the tables by checking from ever new ports.
const PATHS_MAX: usize = 16;

/// After a picture had to be lowered, none is raised for so long. What was just too much will
/// rarely fit a moment later.
const HOLD_AFTER_FALL: Duration = Duration::from_secs(3);

pub(super) struct Peer {
    pub(super) id: PeerId,
    pub(super) room: RoomKey,
    pub(super) key: PeerKey,
    pub(super) connection: Connection,
    pub(super) grant: Grant,
    /// What it sends on which m-line.
    pub(super) sends: BTreeMap<Mid, Source>,
    pub(super) slots: Vec<Slot>,
    pub(super) paths: Vec<Path>,
    /// Whether it waits to be flushed.
    pub(super) is_waiting: bool,
    /// When the next call that counts is due.
    pub(super) timer_at: Option<Instant>,
    /// When its connection is to be called next.
    pub(super) connection_at: Instant,
    pub(super) offered_at: Instant,
    pub(super) stage: Stage,
    pub(super) heard_at: Instant,
    pub(super) heard_over: Transport,
    /// What the peer can take, as far as known: not without transport-wide feedback.
    pub(super) estimate_bps: Option<u64>,
    pub(super) tally: Tally,
    may_rise_at: Instant,
}

/// How far a connection has come:
///
/// ```text
/// Connecting ──▶ Connected ⇄ Lost
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Connected,
    Lost,
}

impl Peer {
    pub(super) fn new(
        id: PeerId,
        (room, key): (RoomKey, PeerKey),
        connection: Connection,
        now: Instant,
    ) -> Self {
        Self {
            id,
            room,
            key,
            connection,
            grant: Grant::default(),
            sends: BTreeMap::new(),
            slots: Vec::new(),
            paths: Vec::new(),
            is_waiting: false,
            timer_at: None,
            connection_at: now,
            offered_at: now,
            stage: Stage::Connecting,
            heard_at: now,
            heard_over: Transport::Udp,
            estimate_bps: None,
            tally: Tally::default(),
            may_rise_at: now,
        }
    }

    /// Something came of it. Whether it was lost before.
    pub(super) fn hear(&mut self, over: Transport, now: Instant) -> bool {
        self.heard_at = now;
        self.heard_over = over;
        match self.stage {
            Stage::Lost => {
                self.stage = Stage::Connected;
                true
            }
            Stage::Connecting | Stage::Connected => false,
        }
    }

    /// Takes a path as its own; the one that is given up for it, if there are too many.
    pub(super) fn add_path(&mut self, path: Path) -> Option<Path> {
        self.paths.push(path);
        (self.paths.len() > PATHS_MAX).then(|| self.paths.remove(0))
    }

    pub(super) fn fell(&mut self, now: Instant) {
        self.may_rise_at = now + HOLD_AFTER_FALL;
    }

    pub(super) fn may_rise(&self, now: Instant) -> bool {
        now >= self.may_rise_at
    }

    /// When it is to be looked after next.
    pub(super) fn next_at(&self) -> Instant {
        self.connection_at.min(self.silence_at())
    }

    /// When its silence, or the length of its handshake, becomes something to tell.
    pub(super) fn silence_at(&self) -> Instant {
        match self.stage {
            Stage::Connecting => self.offered_at + CONNECT_WITHIN,
            Stage::Connected => self.heard_at + LOST_AFTER,
            Stage::Lost => self.heard_at + IDLE_AFTER,
        }
    }
}
