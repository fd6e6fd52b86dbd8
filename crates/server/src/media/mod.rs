//! Who may enter which room and send what, and what the router says of it. The router itself is
//! `bellwire-media`, which knows nothing of calls; rooms of others are entered with their tokens.
//!
//! A room of the router bears the number of the call's room, a peer the place of its user among the
//! call's participants: neither changes while the call lives.

mod grant;
mod listen;
mod livekit;
mod passes;
mod report;
mod rooms;
mod token;
mod turn;

use std::sync::Arc;

use bellwire_core::{Call, DeviceId, Phase, RoomMedia, Timestamp, UserId};
use bellwire_media::{Event, Mid, Offer, PeerKey, RoomKey, Sfu, Want};
use bellwire_protocol::{RoomInfo, Secret, command::SetState};
use tokio::sync::mpsc;

pub(crate) use livekit::LiveKit;
pub(crate) use passes::{Pass, Passes};
pub(crate) use report::hear_forever;
use rooms::Rooms;
use token::Tokens;
use turn::Turn;

use crate::config::Apps;

/// What the switchboard knows of media. Without a router no call's media is the server's own.
#[derive(Debug)]
pub(crate) struct Media {
    apps: Apps,
    router: Option<Router>,
    /// Tokens for rooms whose media is the app's own.
    pub(crate) passes: Passes,
}

/// What the router has to tell.
pub(crate) type Reports = mpsc::UnboundedReceiver<Event>;

/// The router, and who is in its rooms.
#[derive(Debug)]
pub(crate) struct Router {
    sfu: Sfu,
    rooms: Arc<Rooms>,
    tokens: Tokens,
    turn: Option<Turn>,
    /// What the router is told in the order in which calls changed.
    upkeep: mpsc::UnboundedSender<Upkeep>,
}

/// What a changed call asks of the router.
#[derive(Debug)]
enum Upkeep {
    Grant(RoomKey, PeerKey, bellwire_media::Grant),
    Close(RoomKey, PeerKey),
    CloseRoom(RoomKey),
    /// Everything before has been said.
    Reached(tokio::sync::oneshot::Sender<()>),
}

impl Media {
    /// The rooms of these apps' calls, with a router or without.
    pub(crate) fn new(apps: Apps, router: Option<Router>) -> Self {
        Self { apps, router, passes: Passes::default() }
    }

    /// Who routes the media of a call that starts now in an app that wants `wanted`.
    pub(crate) fn of_new_call(&self, wanted: RoomMedia) -> RoomMedia {
        match wanted {
            RoomMedia::Sfu if self.router.is_none() => RoomMedia::External,
            RoomMedia::Sfu | RoomMedia::Livekit | RoomMedia::External => wanted,
        }
    }

    /// The router of a call's media, if it is this server.
    pub(crate) fn router(&self, call: &Call) -> Option<&Router> {
        self.router.as_ref().filter(|_| call.settings.room_media == RoomMedia::Sfu)
    }

    /// The room, for those who may enter it: an active call's participants. What lets into a room
    /// of others is told to the device alone that is in the call.
    pub(crate) fn room_for(
        &self,
        call: &Call,
        user: &UserId,
        viewer: &DeviceId,
        now: Timestamp,
    ) -> Option<RoomInfo> {
        let me = call.participant(user).filter(|p| p.state.is_in())?;
        let room = call.room.filter(|_| call.phase == Phase::Active)?;
        let mut info = RoomInfo::external(room);
        info.allow = may_send(call, user);
        let Some(device) = &me.device else { return Some(info) };
        match call.settings.room_media {
            RoomMedia::Sfu => {
                if let Some(router) = &self.router {
                    info.media = RoomMedia::Sfu.into();
                    info.token = Some(router.tokens.make(call, user, device));
                    info.ice_servers =
                        router.turn.iter().map(|turn| turn.server_for(user)).collect();
                }
            }
            RoomMedia::Livekit => {
                info.media = RoomMedia::Livekit.into();
                let app = self.apps.get(&call.app).filter(|_| device == viewer);
                if let Some(livekit) = app.as_ref().and_then(|app| app.livekit.as_ref()) {
                    info.token = livekit.token(call, user, device, &info.allow, now);
                    info.url = Some(livekit.url().to_owned());
                }
            }
            RoomMedia::External => {
                let pass = self.passes.of(call.id, user, viewer, now);
                if let Some(pass) = pass.filter(|_| device == viewer) {
                    (info.token, info.url) = (pass.token, pass.url);
                }
            }
        }
        Some(info)
    }

    /// Whether the media of a device is known to flow.
    pub(crate) fn is_up(&self, call: &Call, user: &UserId, device: &DeviceId) -> bool {
        let named = self.router(call).zip(names(call, user));
        named.is_some_and(|(router, (room, peer))| router.rooms.is_up(room, peer, device))
    }

    /// Whether a device has ever offered media in its stay.
    pub(crate) fn has_offered(&self, call: &Call, user: &UserId, device: &DeviceId) -> bool {
        let named = self.router(call).zip(names(call, user));
        named.is_some_and(|(router, (room, peer))| router.rooms.has_offered(room, peer, device))
    }

    /// What a device says that it publishes is all that is forwarded of it.
    pub(crate) fn published(&self, call: &Call, user: &UserId, device: &DeviceId, c: &SetState) {
        let named = self.router(call).zip(names(call, user));
        let Some((router, (room, peer))) = named else { return };
        let grant = router.rooms.published(call, room, peer, (user, device), c);
        router.ask(Upkeep::Grant(room, peer, grant));
    }

    /// Keeps the call's room in step with the call: who has left or moved is put out, what is
    /// forbidden or no longer carried stops. To be called before anybody is told of the change.
    pub(crate) fn follow(&self, after: &Call) {
        if let Some(router) = self.router(after) {
            router.follow(after);
        }
        if after.phase == Phase::Ended {
            self.passes.end(after.id);
        }
    }
}

impl Router {
    /// Whether a token lets this device into the room.
    pub(crate) fn admits(
        &self,
        token: &Secret,
        call: &Call,
        user: &UserId,
        device: &DeviceId,
    ) -> bool {
        self.tokens.fits(token, call, user, device)
    }

    /// Connects a device's media; `None` if it is no longer in the call.
    pub(crate) async fn offer(
        &self,
        call: &Call,
        user: &UserId,
        device: &DeviceId,
        offer: Offer,
    ) -> Result<Option<String>, bellwire_media::Error> {
        let Some((room, peer)) = names(call, user) else { return Ok(None) };
        let grant = self.rooms.offering(call, room, peer, (user, device));
        // An older device of the user is put out before this one comes in.
        let (reached, all_said) = tokio::sync::oneshot::channel();
        self.ask(Upkeep::Reached(reached));
        drop(all_said.await);
        let answered = self.sfu.offer(room, peer, offer, grant).await;
        if self.rooms.is_member(room, peer, device) {
            return answered.map(Some);
        }
        // It left while the router was asked, and would be left behind there.
        self.sfu.close(room, peer).await?;
        Ok(None)
    }

    /// Called when the answer to an offer is on its way: what was held back follows it.
    pub(crate) fn offered(
        &self,
        call: &Call,
        user: &UserId,
    ) -> Option<Vec<(PeerKey, bellwire_media::Source, bool)>> {
        let (room, peer) = names(call, user)?;
        self.rooms.offered(room, peer)
    }

    /// Changes what a device receives.
    pub(crate) async fn receive(
        &self,
        call: &Call,
        user: &UserId,
        wanted: std::collections::BTreeMap<Mid, Option<Want>>,
    ) -> Result<(), bellwire_media::Error> {
        match names(call, user) {
            Some((room, peer)) => self.sfu.receive(room, peer, wanted).await,
            None => Err(bellwire_media::Error::UnknownPeer),
        }
    }

    /// Ends a device's media connection; whether it had one that flowed.
    pub(crate) fn close(&self, call: &Call, user: &UserId, device: &DeviceId) -> bool {
        let Some((room, peer)) = names(call, user) else { return false };
        let was_up = self.rooms.remove(room, peer, device);
        self.ask(Upkeep::Close(room, peer));
        was_up
    }

    fn follow(&self, after: &Call) {
        let Some(room) = room_key(after) else { return };
        if after.phase == Phase::Ended {
            if self.rooms.end(room) {
                self.ask(Upkeep::CloseRoom(room));
            }
            return;
        }
        for change in self.rooms.follow(room, after) {
            self.ask(match change {
                rooms::Change::Grant(peer, grant) => Upkeep::Grant(room, peer, grant),
                rooms::Change::Out(peer) => Upkeep::Close(room, peer),
            });
        }
    }

    fn ask(&self, upkeep: Upkeep) {
        // It only fails when the server goes away, and the router with it.
        drop(self.upkeep.send(upkeep));
    }
}

/// Says to the router, in order, what calls ask of it.
async fn keep_up(sfu: Sfu, mut asked: mpsc::UnboundedReceiver<Upkeep>) {
    while let Some(upkeep) = asked.recv().await {
        let said = match upkeep {
            Upkeep::Grant(room, peer, grant) => sfu.grant(room, peer, grant).await,
            Upkeep::Close(room, peer) => sfu.close(room, peer).await,
            Upkeep::CloseRoom(room) => sfu.close_room(room).await,
            Upkeep::Reached(who) => {
                // Who asked may have gone.
                let _ = who.send(());
                Ok(())
            }
        };
        if said.is_err() {
            return;
        }
    }
}

/// What a participant may send.
pub(crate) fn may_send(call: &Call, user: &UserId) -> Vec<bellwire_core::Media> {
    let carried = [bellwire_core::Media::Audio, bellwire_core::Media::Video];
    carried.into_iter().filter(|media| call.may_send(user, *media)).collect()
}

/// The router's names of a call's room and of a participant in it.
fn names(call: &Call, user: &UserId) -> Option<(RoomKey, PeerKey)> {
    Some((room_key(call)?, peer_key(call, user)?))
}

fn room_key(call: &Call) -> Option<RoomKey> {
    call.room.map(|room| RoomKey(room.0.into()))
}

/// The router's name of a participant, who need not have connected media yet.
pub(crate) fn peer_key(call: &Call, user: &UserId) -> Option<PeerKey> {
    let place = call.participants.iter().position(|p| p.user == *user)?;
    u64::try_from(place).ok().map(PeerKey)
}
