//! A history that is going to be: who does what and what goes wrong, and when. Each act stands for
//! itself, so that any of them can be left out.

mod generate;

use std::fmt;

use bellwire_core::RingMode;
use serde::{Deserialize, Serialize};

pub(crate) use generate::generate;

/// A device of the world, by its place among all.
pub(crate) type DeviceNo = u8;

/// What is going to happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Where everything comes from that the acts leave open: delays, ids, habits.
    pub seed: u64,
    /// Whether the server routes media.
    #[serde(default)]
    pub media: bool,
    /// What happens, in the order of time.
    pub(crate) acts: Vec<Act>,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Act {
    /// When, in milliseconds from the beginning.
    pub(crate) at: u64,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// A device asks something of the server.
    Ask { device: DeviceNo, ask: Ask },
    /// A device is switched on: it connects, and comes back by itself when it loses its connection.
    On { device: DeviceNo, back: Back },
    /// A device closes its connection and stays away.
    Off { device: DeviceNo },
    /// A device connects once more while it is connected (R17).
    Again { device: DeviceNo, back: Back },
    /// A device sends its latest request again (R14).
    Repeat { device: DeviceNo },
    /// The business server asks something.
    Api { bank: bool, ask: ApiAsk },
    /// Something breaks.
    Fault(Fault),
}

/// What a device that connects says of the time before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Back {
    /// Its session and how far it has read.
    Resume,
    /// Its session, and that it has read less than it has.
    Behind,
    /// Its session, and nothing of any call.
    NoCursors,
    /// Its session, and cursors that no server has given.
    OddCursors,
    /// A session that is not its own.
    Stranger,
    /// Nothing.
    Fresh,
}

/// Which call a device means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Which {
    /// The latest it knows for which the request makes sense; else the latest it knows.
    #[default]
    Fitting,
    /// The latest it knows, whatever has become of it.
    Latest,
    /// The latest of the whole world, known to it or not, its own app's or not.
    Any,
}

/// A user of the device's app as a callee: by place, and how to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Callee {
    pub(crate) user: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ring: Option<RingMode>,
}

/// What a device asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    Start {
        to: Vec<Callee>,
        invite: bool,
        group: bool,
        audio: bool,
        ring_s: Option<u64>,
        reach_s: Option<u64>,
        max_s: Option<u64>,
    },
    Ringing {
        call: Which,
    },
    Accept {
        call: Which,
        audio: bool,
    },
    Reject {
        call: Which,
        busy: bool,
        only_me: bool,
    },
    Cancel {
        call: Which,
        to: Option<u8>,
    },
    Hangup {
        call: Which,
    },
    End {
        call: Which,
    },
    Invite {
        call: Which,
        to: Vec<Callee>,
        ring_s: Option<u64>,
    },
    Join {
        call: Which,
    },
    Move {
        call: Which,
    },
    Media {
        call: Which,
        video: bool,
    },
    MediaAnswer {
        call: Which,
        accept: bool,
    },
    MediaOffer {
        call: Which,
    },
    MediaReceive {
        call: Which,
    },
    MediaClose {
        call: Which,
    },
    Ack,
    State {
        call: Which,
        video: bool,
    },
    Send {
        call: Which,
        bytes: usize,
    },
    Get {
        call: Which,
    },
    Message {
        to: u8,
        bytes: usize,
    },
    Presence {
        watch: Option<bool>,
    },
    Records {
        missed: bool,
    },
    Renew {
        ttl_s: u64,
    },
    Ping,
    Logout,
}

/// What the business server asks. Users and devices are given by their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ApiAsk {
    Start { from: u8, to: u8, both: bool },
    Accept { user: u8, device: u8 },
    Reject { user: u8 },
    Cancel,
    Invite { to: u8 },
    Remove { user: u8 },
    End { code: u32 },
    EndUser { user: u8 },
    LogOut { user: u8, device: Option<u8> },
    List,
    Show,
    Records,
}

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// A connection is torn; what is under way is lost.
    Reset { device: DeviceNo },
    /// A connection seems to be there, and loses all that is sent in one direction or both.
    HalfOpen { device: DeviceNo, up: bool, down: bool },
    /// A device does not read for a while.
    Slow { device: DeviceNo, ms: u64 },
    /// What a device sends and is sent takes longer for a while.
    Lag { device: DeviceNo, up_ms: u64, down_ms: u64, ms: u64 },
    /// Every connection is torn, and none can be made for a while.
    Outage { ms: u64 },
    /// The server's process dies after its tasks have run so many times, and comes back later.
    Crash { after_polls: u32, down_ms: u64 },
    /// It dies with the next commit: before it, or after it and before anybody is told.
    CrashAtCommit { done: bool, down_ms: u64 },
    /// The disk is full for a while.
    DiskFull { ms: u64 },
    /// Commits take so long for a while.
    SlowCommits { delay_ms: u64, ms: u64 },
    /// At most so many submissions are committed together for a while.
    SmallGroups { most: u8, ms: u64 },
    /// Reads take so long for a while.
    SlowReads { delay_ms: u64, ms: u64 },
    /// Reads fail for a while.
    FailingReads { ms: u64 },
    /// So many of the next appends come too late and have to be decided anew.
    Conflicts { times: u32 },
    /// Nothing is heard of a device's media connection for a while.
    Silence { device: DeviceNo, ms: u64 },
    /// A device's media connection breaks beyond repair.
    MediaFails { device: DeviceNo },
    /// The server's clock jumps, forwards or backwards.
    ClockJump { ms: i64 },
}

impl Plan {
    /// The history that `seed` stands for.
    pub fn from_seed(seed: u64) -> Self {
        generate(seed)
    }

    /// How many acts it has.
    pub fn len(&self) -> usize {
        self.acts.len()
    }

    /// Whether nothing happens in it.
    pub fn is_empty(&self) -> bool {
        self.acts.is_empty()
    }

    /// The same history with only the acts at these places, in their order.
    #[must_use]
    pub fn keep(&self, places: &[usize]) -> Self {
        let acts = places.iter().filter_map(|at| self.acts.get(*at)).cloned().collect();
        Self { seed: self.seed, media: self.media, acts }
    }

    /// How many of its acts are faults: what breaks, and what devices do that they should not.
    pub fn faults(&self) -> usize {
        self.acts.iter().filter(|act| act.what.is_fault()).count()
    }
}

impl Plan {
    /// The places in this plan of the acts of `part`, which were taken from it.
    pub fn places_of(&self, part: &Self) -> Vec<usize> {
        let mut from = 0;
        let mut places = Vec::with_capacity(part.len());
        for act in &part.acts {
            let Some(at) = self.acts[from..].iter().position(|own| own == act) else { continue };
            places.push(from + at);
            from += at + 1;
        }
        places
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.acts.iter().try_for_each(|act| writeln!(f, "{act}"))
    }
}

impl What {
    fn is_fault(&self) -> bool {
        match self {
            Self::Fault(_) | Self::Again { .. } | Self::Repeat { .. } => true,
            Self::Ask { .. } | Self::On { .. } | Self::Off { .. } | Self::Api { .. } => false,
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(&self.what).map_err(|_| fmt::Error)?;
        #[allow(clippy::cast_precision_loss)] // A history takes minutes.
        let seconds = self.at as f64 / 1000.0;
        write!(f, "{seconds:9.3} s  {text}")
    }
}
