//! How an SFU is set up, and the limits of what one may hold.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::error::Error;

/// A connected peer that is not heard of for so long is told as lost. Clients send a consent check
/// every 2.5 s at most (Chromium; RFC 7675 says 5 s), so that two must have gone missing.
pub const LOST_AFTER: Duration = Duration::from_secs(5);

/// A peer that is not heard of for so long is closed. Longer than any grace a call gives.
pub const IDLE_AFTER: Duration = Duration::from_mins(1);

/// A connection must be up so long after its offer, else it has failed. Covers the slowest ICE of
/// browsers, which give up after 15 to 30 s themselves.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(30);

/// How often the quality of a room's peers is told.
pub const QUALITY_INTERVAL: Duration = Duration::from_secs(2);

/// The most m-lines in an offer. Each costs about 2 KiB of SDP and a few of memory.
pub const LINES_MAX: usize = 64;

/// The longest session description in bytes; a browser's with 64 video lines is below it.
pub const SDP_MAX_BYTES: usize = 256 * 1024;

/// The most threads; the worker of a connection is named by two digits of its ufrag.
pub const THREADS_MAX: usize = 64;

/// How an SFU is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where datagrams are taken. Port 0 lets the system choose one.
    pub udp: SocketAddr,
    /// Each thread takes datagrams on a port of its own, from that of `udp` on; else all share one,
    /// and pass on what came to the wrong one.
    pub udp_per_thread: bool,
    /// Where TCP connections are taken (RFC 6544, RFC 4571), for clients whose network lets no
    /// datagrams through.
    pub tcp: Option<SocketAddr>,
    /// The addresses under which clients reach this machine, if they are not its own: behind NAT
    /// or in a container. Empty: the bound address; if that is the unspecified one, all addresses
    /// of the machine but loopback and link-local ones.
    pub announce: Vec<IpAddr>,
    /// How many threads share the rooms, 1 to [`THREADS_MAX`]. A room is always on one.
    pub threads: usize,
    /// What it may hold.
    pub limits: Limits,
}

impl Settings {
    /// On loopback with ports chosen by the system and one thread: for tests.
    pub fn loopback() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            udp: any,
            udp_per_thread: false,
            tcp: Some(any),
            announce: Vec::new(),
            threads: 1,
            limits: Limits::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(1..=THREADS_MAX).contains(&self.threads) {
            return Err(Error::Setting {
                field: "threads",
                text: format!("must be 1 to {THREADS_MAX}"),
            });
        }
        if self.announce.iter().any(|ip| ip.is_unspecified() || ip.is_multicast()) {
            return Err(Error::Setting {
                field: "announce",
                text: "must be addresses that clients can send to".to_owned(),
            });
        }
        Ok(())
    }
}

/// What an SFU may hold at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Peers in one room. The work of a room grows with its square.
    pub room_peers: usize,
    /// Rooms altogether.
    pub rooms: usize,
    /// How long packets sent are kept, to repeat what was lost: three round trips to the far side
    /// of the world. They share their payload among all receivers.
    pub repeat: Duration,
    /// Packets kept of each video stream sent. 1 024 are a second of some 9 Mbit/s.
    pub repeat_video: usize,
    /// Packets kept of each audio stream sent.
    pub repeat_audio: usize,
    /// TCP connections altogether, those included that have not said yet whose they are.
    pub tcp_connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            room_peers: 100,
            rooms: 10_000,
            repeat: Duration::from_secs(1),
            repeat_video: 1_024,
            repeat_audio: 64,
            tcp_connections: 4_096,
        }
    }
}
