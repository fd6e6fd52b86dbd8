//! Who is in which room of the router, as the calls have it.

use std::collections::BTreeMap;

use ahash::HashMap;
use bellwire_core::{AppKey, Call, CallId, DeviceId, UserId};
use bellwire_media::{Grant, PeerKey, RoomKey, Source};
use bellwire_protocol::command::SetState;
use parking_lot::Mutex;

use super::grant::{Off, grant};

/// Every room that somebody has entered or is about to.
#[derive(Debug, Default)]
pub(super) struct Rooms(Mutex<HashMap<RoomKey, Room>>);

#[derive(Debug)]
struct Room {
    app: AppKey,
    call: CallId,
    members: BTreeMap<PeerKey, Member>,
    tracks: Vec<(PeerKey, Source, bool)>,
}

/// A device in a room.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    off: Off,
    grant: Grant,
    /// Whether its media flows.
    up: bool,
    offer: Offered,
    told_late: bool,
}

/// How far a device is with its latest offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offered {
    /// There is none, or its connection was closed.
    Nothing,
    /// It is not answered yet: what the router tells meanwhile waits for the answer.
    Pending,
    Answered,
}

/// What a changed call asks of the router for one peer.
#[derive(Debug)]
pub(super) enum Change {
    Grant(PeerKey, Grant),
    Out(PeerKey),
}

/// A room as it is told of.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) app: AppKey,
    pub(super) call: CallId,
}

impl Rooms {
    /// Notes that a device is about to connect, and says what may flow from it. A device that comes
    /// in place of another begins anew.
    pub(super) fn offering(
        &self,
        call: &Call,
        room: RoomKey,
        peer: PeerKey,
        who: (&UserId, &DeviceId),
    ) -> Grant {
        self.with_member(call, room, peer, who, |member| {
            member.offer = Offered::Pending;
            member.grant = grant(call, &member.user, member.off);
            member.grant
        })
    }

    /// Notes that an offer was answered; the tracks, if they were held back for it.
    pub(super) fn offered(
        &self,
        room: RoomKey,
        peer: PeerKey,
    ) -> Option<Vec<(PeerKey, Source, bool)>> {
        let mut rooms = self.0.lock();
        let room = rooms.get_mut(&room)?;
        let member = room.members.get_mut(&peer)?;
        member.offer = Offered::Answered;
        std::mem::take(&mut member.told_late).then(|| room.tracks.clone())
    }

    /// Takes what a device says to publish; what may flow from it now.
    pub(super) fn published(
        &self,
        call: &Call,
        room: RoomKey,
        peer: PeerKey,
        who: (&UserId, &DeviceId),
        said: &SetState,
    ) -> Grant {
        self.with_member(call, room, peer, who, |member| {
            member.off.update(said);
            member.grant = grant(call, &member.user, member.off);
            member.grant
        })
    }

    fn with_member<T>(
        &self,
        call: &Call,
        room: RoomKey,
        peer: PeerKey,
        (user, device): (&UserId, &DeviceId),
        then: impl FnOnce(&mut Member) -> T,
    ) -> T {
        let mut rooms = self.0.lock();
        let room = rooms.entry(room).or_insert_with(|| Room {
            app: call.app.clone(),
            call: call.id,
            members: BTreeMap::new(),
            tracks: Vec::new(),
        });
        let member = room.members.entry(peer).or_insert_with(|| Member::new(user, device));
        if member.device != *device {
            *member = Member::new(user, device);
        }
        then(member)
    }

    /// Puts out who is no longer in the call with the device they came with, and says what may
    /// flow from the others now.
    pub(super) fn follow(&self, room: RoomKey, after: &Call) -> Vec<Change> {
        let mut rooms = self.0.lock();
        let Some(room) = rooms.get_mut(&room) else { return Vec::new() };
        let mut changes = Vec::new();
        room.members.retain(|peer, member| {
            let part = after.participant(&member.user);
            let stays =
                part.is_some_and(|p| p.state.is_in() && p.device.as_ref() == Some(&member.device));
            if !stays {
                changes.push(Change::Out(*peer));
                return false;
            }
            let now = grant(after, &member.user, member.off);
            if std::mem::replace(&mut member.grant, now) != now {
                changes.push(Change::Grant(*peer, now));
            }
            true
        });
        changes
    }

    /// Forgets a room; whether there was one.
    pub(super) fn end(&self, room: RoomKey) -> bool {
        self.0.lock().remove(&room).is_some()
    }

    /// Forgets that a device connected; whether its media flowed.
    pub(super) fn remove(&self, room: RoomKey, peer: PeerKey, device: &DeviceId) -> bool {
        self.member(room, peer, device, |member| {
            member.offer = Offered::Nothing;
            std::mem::take(&mut member.up)
        })
        .unwrap_or(false)
    }

    pub(super) fn is_member(&self, room: RoomKey, peer: PeerKey, device: &DeviceId) -> bool {
        self.member(room, peer, device, |_| ()).is_some()
    }

    pub(super) fn is_up(&self, room: RoomKey, peer: PeerKey, device: &DeviceId) -> bool {
        self.member(room, peer, device, |member| member.up).unwrap_or(false)
    }

    pub(super) fn has_offered(&self, room: RoomKey, peer: PeerKey, device: &DeviceId) -> bool {
        self.member(room, peer, device, |member| member.offer != Offered::Nothing).unwrap_or(false)
    }

    fn member<T>(
        &self,
        room: RoomKey,
        peer: PeerKey,
        device: &DeviceId,
        look: impl FnOnce(&mut Member) -> T,
    ) -> Option<T> {
        let mut rooms = self.0.lock();
        let member = rooms.get_mut(&room)?.members.get_mut(&peer)?;
        (member.device == *device).then(|| look(member))
    }

    /// Notes whether a peer's media flows; whose it is.
    pub(super) fn set_up(
        &self,
        room: RoomKey,
        peer: PeerKey,
        up: bool,
    ) -> Option<(Place, UserId, DeviceId)> {
        let mut rooms = self.0.lock();
        let room = rooms.get_mut(&room)?;
        let member = room.members.get_mut(&peer)?;
        member.up = up;
        let place = Place { app: room.app.clone(), call: room.call };
        Some((place, member.user.clone(), member.device.clone()))
    }

    /// Notes the tracks of a room, and has those told who do not wait for an answer first.
    pub(super) fn set_tracks(
        &self,
        room: RoomKey,
        tracks: Vec<(PeerKey, Source, bool)>,
        tell: impl FnMut(&Place, PeerKey, &Member, &Named<'_>),
    ) {
        let mut rooms = self.0.lock();
        let Some(room) = rooms.get_mut(&room) else { return };
        room.tracks = tracks;
        for member in room.members.values_mut() {
            member.told_late |= member.offer == Offered::Pending;
        }
        room.tell(tell);
    }

    /// Has everybody in a room told. Nobody can leave it meanwhile, so nothing reaches a device
    /// after the end of its stay.
    pub(super) fn tell(
        &self,
        room: RoomKey,
        tell: impl FnMut(&Place, PeerKey, &Member, &Named<'_>),
    ) {
        if let Some(room) = self.0.lock().get(&room) {
            room.tell(tell);
        }
    }
}

/// The users behind the router's names of a room's peers.
pub(super) struct Named<'a>(&'a BTreeMap<PeerKey, Member>);

impl Named<'_> {
    pub(super) fn user(&self, peer: PeerKey) -> Option<&UserId> {
        self.0.get(&peer).map(|member| &member.user)
    }
}

impl Room {
    fn tell(&self, mut tell: impl FnMut(&Place, PeerKey, &Member, &Named<'_>)) {
        let place = Place { app: self.app.clone(), call: self.call };
        let named = Named(&self.members);
        let ready = self.members.iter().filter(|(_, m)| m.offer == Offered::Answered);
        for (peer, member) in ready {
            tell(&place, *peer, member, &named);
        }
    }
}

impl Member {
    fn new(user: &UserId, device: &DeviceId) -> Self {
        Self {
            user: user.clone(),
            device: device.clone(),
            off: Off::default(),
            grant: Grant::default(),
            up: false,
            offer: Offered::Nothing,
            told_late: false,
        }
    }
}
