//! What the router needs of that which forwards packets. The SFU is one side of it, a simulation's
//! with faults is another.

use std::{collections::BTreeMap, fmt::Debug, pin::Pin};

use bellwire_media::{Error, Grant, Mid, Offer, OfferError, PeerKey, RoomKey, Sfu, Want};
use tokio::sync::oneshot;

/// Something that a forwarder was asked, under way.
pub type Forwarding<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Where the answer to an offer comes out; dropped, the forwarder has ended.
pub type Answering = oneshot::Receiver<Result<String, OfferError>>;

/// Forwards packets among the peers of rooms. What is asked of one room takes effect in the order
/// in which it was asked; what happens there is told as [`Event`](bellwire_media::Event)s.
pub trait Forwarder: Debug + Send + Sync {
    /// Connects a peer, or changes its connection: [`Sfu::begin_offer`].
    fn offer(
        &self,
        room: RoomKey,
        peer: PeerKey,
        offer: Offer,
        grant: Grant,
    ) -> Forwarding<'_, Answering>;

    /// Changes what a peer receives: [`Sfu::receive`].
    fn receive(
        &self,
        room: RoomKey,
        peer: PeerKey,
        wants: BTreeMap<Mid, Option<Want>>,
    ) -> Forwarding<'_, ()>;

    /// Changes what may flow from a peer: [`Sfu::grant`].
    fn grant(&self, room: RoomKey, peer: PeerKey, grant: Grant) -> Forwarding<'_, ()>;

    /// Ends a peer's connection: [`Sfu::close`].
    fn close(&self, room: RoomKey, peer: PeerKey) -> Forwarding<'_, ()>;

    /// Ends all connections of a room: [`Sfu::close_room`].
    fn close_room(&self, room: RoomKey) -> Forwarding<'_, ()>;
}

impl Forwarder for Sfu {
    fn offer(
        &self,
        room: RoomKey,
        peer: PeerKey,
        offer: Offer,
        grant: Grant,
    ) -> Forwarding<'_, Answering> {
        Box::pin(Self::begin_offer(self, room, peer, offer, grant))
    }

    fn receive(
        &self,
        room: RoomKey,
        peer: PeerKey,
        wants: BTreeMap<Mid, Option<Want>>,
    ) -> Forwarding<'_, ()> {
        Box::pin(Self::receive(self, room, peer, wants))
    }

    fn grant(&self, room: RoomKey, peer: PeerKey, grant: Grant) -> Forwarding<'_, ()> {
        Box::pin(Self::grant(self, room, peer, grant))
    }

    fn close(&self, room: RoomKey, peer: PeerKey) -> Forwarding<'_, ()> {
        Box::pin(Self::close(self, room, peer))
    }

    fn close_room(&self, room: RoomKey) -> Forwarding<'_, ()> {
        Box::pin(Self::close_room(self, room))
    }
}
