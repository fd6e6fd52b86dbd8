//! Who may enter which room and send what, and what happens there. Packets are forwarded by the SFU
//! of `bellwire-media`, which knows nothing of calls; rooms of others are entered with their
//! tokens.
//!
//! A room of the SFU bears the number of the call's room, a peer the place of its user among the
//! call's participants: neither changes while the call lives.

mod forwarder;
mod grant;
mod listen;
mod livekit;
mod passes;
mod report;
mod rooms;
mod token;
mod turn;
mod upkeep;

use std::sync::Arc;

use bellwire_core::{Call, DeviceId, Phase, RoomMedia, Timestamp, UserId};
use bellwire_media::{Error, Event, Mid, Offer, PeerKey, RoomKey, Want};
use bellwire_protocol::{RoomInfo, Secret, command::SetState};
use tokio::sync::{mpsc, oneshot};

pub use forwarder::{Answering, Forwarder, Forwarding};
pub(crate) use listen::start;
pub(crate) use livekit::LiveKit;
pub(crate) use passes::{Pass, Passes};
pub(crate) use report::hear_forever;
pub(crate) use rooms::Offering;
use rooms::Rooms;
use token::Tokens;
pub(crate) use turn::Turn;
use upkeep::keep_up;

use crate::{calls::Calls, chance::Chance, config::Apps};

/// What the switchboard knows of media. Without a router no call's media is the server's own.
#[derive(Debug)]
pub(crate) struct Media {
    apps: Apps,
    router: Option<Router>,
    /// Tokens for rooms whose media is the app's own.
    pub(crate) passes: Passes,
}

/// What carries the media of calls that the server routes.
#[derive(Debug)]
pub struct MediaGround {
    /// Forwards the packets.
    pub forwarder: Arc<dyn Forwarder>,
    /// What the forwarder has to tell.
    pub events: mpsc::UnboundedReceiver<Event>,
}

/// The forwarder, and who is in its rooms.
#[derive(Debug)]
pub(crate) struct Router {
    forwarder: Arc<dyn Forwarder>,
    rooms: Rooms,
    tokens: Tokens,
    turn: Option<Turn>,
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
        if let Some((router, (room, peer))) = named {
            router.rooms.published(call, room, peer, (user, device), c);
        }
    }

    /// Keeps the room in step with a call that may have gone on since `seen` was looked at.
    pub(crate) fn catch_up(&self, calls: &Calls, seen: &Call) {
        let now = calls.load(&seen.app, seen.id);
        if let Some(now) = now.filter(|now| now.seq > seen.seq) {
            self.follow(&now);
        }
    }

    /// Keeps the call's room in step with the call: who has left or moved is put out, what is
    /// forbidden or no longer carried stops. To be called before others are told of the change.
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
    /// Driven by the runtime on which it is made.
    pub(crate) fn new(forwarder: Arc<dyn Forwarder>, turn: Option<Turn>, chance: &Chance) -> Self {
        let (upkeep, asked) = mpsc::unbounded_channel();
        tokio::spawn(keep_up(forwarder.clone(), asked));
        let (rooms, tokens) = (Rooms::new(upkeep), Tokens::new(&chance.key()));
        Self { forwarder, rooms, tokens, turn }
    }

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

    /// Hands in a device's offer; none if it is no longer in the call.
    pub(crate) fn offering(
        &self,
        call: &Call,
        user: &UserId,
        device: &DeviceId,
        offer: Offer,
    ) -> Option<Offering> {
        let (room, peer) = names(call, user)?;
        self.rooms.offering(call, room, peer, (user, device), offer)
    }

    /// Waits for the answer to an offer; none if its device has left meanwhile, whose connection
    /// is closed then.
    pub(crate) async fn answer(
        &self,
        call: &Call,
        user: &UserId,
        device: &DeviceId,
        begun: oneshot::Receiver<Result<Answering, Error>>,
    ) -> Result<Option<String>, Error> {
        let answering = begun.await.map_err(|_| Error::Stopped)??;
        let answer = answering.await.map_err(|_| Error::Stopped)??;
        let is_here =
            names(call, user).is_some_and(|(room, peer)| self.rooms.taken(room, peer, device));
        Ok(is_here.then_some(answer))
    }

    /// Changes what a device receives.
    pub(crate) async fn receive(
        &self,
        call: &Call,
        user: &UserId,
        wanted: std::collections::BTreeMap<Mid, Option<Want>>,
    ) -> Result<(), Error> {
        match names(call, user) {
            Some((room, peer)) => self.forwarder.receive(room, peer, wanted).await,
            None => Err(Error::UnknownPeer),
        }
    }

    /// Ends a device's media connection; whether it had one that flowed.
    pub(crate) fn close(&self, call: &Call, user: &UserId, device: &DeviceId) -> bool {
        let Some((room, peer)) = names(call, user) else { return false };
        self.rooms.close(room, peer, device)
    }

    fn follow(&self, after: &Call) {
        let Some(room) = room_key(after) else { return };
        if after.phase == Phase::Ended {
            self.rooms.end(room);
        } else {
            self.rooms.follow(room, after);
        }
    }
}

/// What a participant may send.
pub(crate) fn may_send(call: &Call, user: &UserId) -> Vec<bellwire_core::Media> {
    let carried = [bellwire_core::Media::Audio, bellwire_core::Media::Video];
    carried.into_iter().filter(|media| call.may_send(user, *media)).collect()
}

/// The forwarder's names of a call's room and of a participant in it.
fn names(call: &Call, user: &UserId) -> Option<(RoomKey, PeerKey)> {
    Some((room_key(call)?, peer_key(call, user)?))
}

fn room_key(call: &Call) -> Option<RoomKey> {
    call.room.map(|room| RoomKey(room.0.into()))
}

/// The forwarder's name of a participant, who need not have connected media yet.
pub(crate) fn peer_key(call: &Call, user: &UserId) -> Option<PeerKey> {
    let place = call.participants.iter().position(|p| p.user == *user)?;
    u64::try_from(place).ok().map(PeerKey)
}
