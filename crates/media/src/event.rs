//! What the SFU tells its embedder.

use std::time::Duration;

use crate::keys::{PeerKey, RoomKey, Source};

/// Something happened in a room. Told on the room's worker thread: the receiver must not block.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A peer's connection is up: ICE and DTLS are done, media can flow.
    Connected {
        /// The room.
        room: RoomKey,
        /// The peer.
        peer: PeerKey,
        /// What it came over.
        transport: Transport,
        /// How long after its offer.
        after: Duration,
    },
    /// Nothing was heard of a connected peer for [`LOST_AFTER`](crate::LOST_AFTER).
    Lost {
        /// The room.
        room: RoomKey,
        /// The peer.
        peer: PeerKey,
    },
    /// A lost peer was heard of again.
    Restored {
        /// The room.
        room: RoomKey,
        /// The peer.
        peer: PeerKey,
    },
    /// The SFU ended a peer's connection. Not told where the embedder asked for it.
    Closed {
        /// The room.
        room: RoomKey,
        /// The peer.
        peer: PeerKey,
        /// Why.
        reason: CloseReason,
    },
    /// What is sent in a room, the whole list: after each offer in it and at each change.
    Tracks {
        /// The room.
        room: RoomKey,
        /// Each track: whose, which, and whether it may flow now.
        tracks: Vec<(PeerKey, Source, bool)>,
    },
    /// Who is speaking, loudest first, at a change; at most five times a second.
    Speakers {
        /// The room.
        room: RoomKey,
        /// Each speaker with the level in dBov: 0 loudest, -127 silence (RFC 6464).
        speakers: Vec<(PeerKey, i8)>,
    },
    /// How well the peers of a room are connected, every
    /// [`QUALITY_INTERVAL`](crate::QUALITY_INTERVAL) while anyone is.
    Quality {
        /// The room.
        room: RoomKey,
        /// Each connected or lost peer.
        peers: Vec<(PeerKey, Quality)>,
    },
}

/// What a peer's packets travel in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A TCP connection, with the framing of RFC 4571.
    Tcp,
}

/// Why the SFU ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The same peer made an offer with another DTLS certificate.
    Replaced,
    /// The connection did not come up in time, or broke beyond repair.
    Failed,
    /// The peer closed it.
    Left,
    /// Nothing was heard of the peer for [`IDLE_AFTER`](crate::IDLE_AFTER).
    Idle,
}

/// How well a peer is connected, from its and our RTCP reports of the last interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// What the peer sends to us, as a grade.
    pub up: Grade,
    /// What we send to the peer, as a grade.
    pub down: Grade,
    /// Round-trip time in milliseconds; 0 where not measured yet.
    pub rtt_ms: u32,
    /// The greater of the two directions' fraction of packets lost, 0 to 1.
    pub loss: f32,
    /// The greater of the two directions' interarrival jitter of sound (RFC 3550) in
    /// milliseconds.
    pub jitter_ms: u32,
}

/// A grade of quality as people are shown it: 1 excellent, 2 good, 3 fair, 4 poor, 5 bad; 0 unknown
/// or gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grade(pub u8);
