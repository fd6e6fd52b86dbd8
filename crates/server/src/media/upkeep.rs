//! What is asked of the forwarder, in the order in which the rooms changed.

use std::sync::Arc;

use bellwire_media::{Error, Grant, Offer, PeerKey, RoomKey};
use tokio::sync::{mpsc, oneshot};

use super::forwarder::{Answering, Forwarder};

/// What a changed room asks. It is put in line while the room is locked, so that the line is in
/// the order of the changes.
#[derive(Debug)]
pub(super) enum Upkeep {
    Offer(RoomKey, PeerKey, Box<Offer>, Grant, oneshot::Sender<Result<Answering, Error>>),
    Grant(RoomKey, PeerKey, Grant),
    Close(RoomKey, PeerKey),
    CloseRoom(RoomKey),
}

/// Asks it of the forwarder until one of the two ends.
pub(super) async fn keep_up(
    forwarder: Arc<dyn Forwarder>,
    mut asked: mpsc::UnboundedReceiver<Upkeep>,
) {
    while let Some(upkeep) = asked.recv().await {
        let said = match upkeep {
            Upkeep::Offer(room, peer, offer, grant, who) => {
                // Who asked may have gone.
                drop(who.send(forwarder.offer(room, peer, *offer, grant).await));
                Ok(())
            }
            Upkeep::Grant(room, peer, grant) => forwarder.grant(room, peer, grant).await,
            Upkeep::Close(room, peer) => forwarder.close(room, peer).await,
            Upkeep::CloseRoom(room) => forwarder.close_room(room).await,
        };
        if said.is_err() {
            return;
        }
    }
}
