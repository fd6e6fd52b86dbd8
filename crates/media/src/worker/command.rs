//! What a worker is asked to do.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use crate::error::{Error, OfferError};
use crate::keys::{Grant, Mid, PeerKey, RoomKey, Want};
use crate::net::{Introduced, Origin, Packed, Packet};
use crate::placement::Place;
use crate::room::{Offer, Path};

/// By the embedder.
pub(crate) enum Command {
    Offer {
        room: RoomKey,
        peer: PeerKey,
        offer: Box<Offer>,
        grant: Grant,
        place: Place,
        answer: oneshot::Sender<Result<String, OfferError>>,
    },
    Receive {
        room: RoomKey,
        peer: PeerKey,
        wants: BTreeMap<Mid, Option<Want>>,
        answer: oneshot::Sender<Result<(), Error>>,
    },
    Grant {
        room: RoomKey,
        peer: PeerKey,
        grant: Grant,
    },
    Close {
        room: RoomKey,
        peer: PeerKey,
    },
    CloseRoom {
        room: RoomKey,
    },
}

/// By another worker, or by a TCP connection of its own.
#[derive(Debug)]
pub(crate) enum Steer {
    /// Datagrams that came to the wrong worker.
    Datagrams { datagrams: Packed<Origin>, via: usize },
    /// A path is a peer's of another worker.
    Learn { path: Path, worker: usize },
    /// A path is no longer that worker's.
    Forget { path: Path, worker: usize },
    /// A TCP connection for a peer of this worker.
    Link(Introduced),
    /// A packet of a TCP connection of this worker.
    Packet(Packet),
}

impl From<Packet> for Steer {
    fn from(packet: Packet) -> Self {
        Self::Packet(packet)
    }
}
