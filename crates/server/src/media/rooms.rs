//! Who is in which room of the SFU, as the calls have it.

use std::collections::BTreeMap;

use ahash::HashMap;
use bellwire_core::{AppKey, Call, CallId, DeviceId, UserId};
use bellwire_media::{Error, Grant, Offer, PeerKey, RoomKey, Source};
use bellwire_protocol::command::SetState;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::{
    forwarder::Answering,
    grant::{Off, grant},
    upkeep::Upkeep,
};

/// Every room that somebody has entered or is about to.
#[derive(Debug)]
pub(super) struct Rooms {
    all: Mutex<HashMap<RoomKey, Room>>,
    upkeep: mpsc::UnboundedSender<Upkeep>,
}

#[derive(Debug)]
struct Room {
    app: AppKey,
    call: CallId,
    members: BTreeMap<PeerKey, Member>,
    tracks: Tracks,
    /// Offers made so far.
    offers: u64,
    /// How far the room has followed the call's log.
    at: u64,
}

/// What is sent in a room: whose, which, and whether it may flow.
pub(super) type Tracks = Vec<(PeerKey, Source, bool)>;

/// A device in a room.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    /// As of where in the call's log it was last seen here.
    since: u64,
    off: Off,
    grant: Grant,
    /// Whether its media flows.
    up: bool,
    /// Whether there is a connection of its own; what was told before is of another device's.
    connected: bool,
    offer: Offered,
    /// What is told when the offer is answered.
    late: Late,
}

/// What a device is told once its offer is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Late {
    tracks: bool,
    closed: bool,
}

/// How far a device is with its latest offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offered {
    /// There is none, or its connection was closed.
    Nothing,
    /// The one of this number is not answered yet: what happens meanwhile is told after the
    /// answer.
    Pending(u64),
    Answered,
}

/// An offer in line.
#[derive(Debug)]
pub(crate) struct Offering {
    /// Its number in the room.
    pub(crate) number: u64,
    /// Where its answer comes out.
    pub(crate) begun: oneshot::Receiver<Result<Answering, Error>>,
}

/// A room as it is told of.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) app: AppKey,
    pub(super) call: CallId,
}

impl Rooms {
    /// Rooms whose upkeep is put in this line.
    pub(super) fn new(upkeep: mpsc::UnboundedSender<Upkeep>) -> Self {
        Self { all: Mutex::default(), upkeep }
    }

    /// Hands in a device's offer. A device that comes in place of another begins anew. None if a
    /// newer device is here.
    pub(super) fn offering(
        &self,
        call: &Call,
        room: RoomKey,
        peer: PeerKey,
        who: (&UserId, &DeviceId),
        offer: Offer,
    ) -> Option<Offering> {
        let mut rooms = self.all.lock();
        let own = room_of(&mut rooms, call, room);
        own.offers += 1;
        let number = own.offers;
        let member = self.take_in(own, call, (room, peer), who)?;
        member.offer = Offered::Pending(number);
        member.grant = grant(call, &member.user, member.off);
        let (tell, begun) = oneshot::channel();
        self.ask(Upkeep::Offer(room, peer, Box::new(offer), member.grant, tell));
        // An offer that is refused brings no grant to the connection that is there.
        self.ask(Upkeep::Grant(room, peer, member.grant));
        Some(Offering { number, begun })
    }

    /// Takes what a device says to publish.
    pub(super) fn published(
        &self,
        call: &Call,
        room: RoomKey,
        peer: PeerKey,
        who: (&UserId, &DeviceId),
        said: &SetState,
    ) {
        let mut rooms = self.all.lock();
        let own = room_of(&mut rooms, call, room);
        let Some(member) = self.take_in(own, call, (room, peer), who) else { return };
        member.off.update(said);
        member.grant = grant(call, &member.user, member.off);
        self.ask(Upkeep::Grant(room, peer, member.grant));
    }

    /// The member that a device is; one that comes in place of another puts that one out. None if
    /// it is the device of an earlier state of the call than the one that is here.
    fn take_in<'a>(
        &self,
        own: &'a mut Room,
        call: &Call,
        (room, peer): (RoomKey, PeerKey),
        (user, device): (&UserId, &DeviceId),
    ) -> Option<&'a mut Member> {
        let new = || Member::new(user, device, call.seq);
        let member = own.members.entry(peer).or_insert_with(new);
        if member.device != *device {
            if call.seq < member.since {
                return None;
            }
            self.ask(Upkeep::Close(room, peer));
            *member = new();
        }
        member.since = member.since.max(call.seq);
        Some(member)
    }

    fn ask(&self, upkeep: Upkeep) {
        // It only fails when the server goes away, and the forwarder with it.
        drop(self.upkeep.send(upkeep));
    }

    /// Notes that an offer was taken; whether its device is still here.
    pub(super) fn taken(&self, room: RoomKey, peer: PeerKey, device: &DeviceId) -> bool {
        let noted = self.member(room, peer, device, |member| {
            // One that has closed it meanwhile has none.
            member.connected = member.offer != Offered::Nothing;
            member.late.closed = false;
        });
        noted.is_some()
    }

    /// Notes that an offer was answered, and has the device told what was held back for it.
    pub(super) fn offered(
        &self,
        room: RoomKey,
        peer: PeerKey,
        number: u64,
        tell_tracks: impl FnOnce(&Place, &Member, &Tracks, &Named<'_>),
        tell_closed: impl FnOnce(&Place, &Member),
    ) {
        let mut rooms = self.all.lock();
        let Some(room) = rooms.get_mut(&room) else { return };
        let Some(member) = room.members.get_mut(&peer) else { return };
        if member.offer != Offered::Pending(number) {
            return;
        }
        member.offer = Offered::Answered;
        let late = std::mem::take(&mut member.late);
        let Some(member) = room.members.get(&peer) else { return };
        let (place, named) = (room.place(), Named(&room.members));
        if late.tracks {
            tell_tracks(&place, member, &room.tracks, &named);
        }
        if late.closed {
            tell_closed(&place, member);
        }
    }

    /// Notes that a peer's connection has ended, and has its device told; whose it was, if it is
    /// known to have been connected.
    pub(super) fn closed(
        &self,
        room: RoomKey,
        peer: PeerKey,
        tell: impl FnOnce(&Place, &Member),
    ) -> Option<(Place, UserId, DeviceId)> {
        let mut rooms = self.all.lock();
        let room = rooms.get_mut(&room)?;
        let place = room.place();
        let member = room.members.get_mut(&peer).filter(|member| member.connected)?;
        (member.connected, member.up) = (false, false);
        match member.offer {
            Offered::Nothing => {}
            Offered::Pending(_) => member.late.closed = true,
            Offered::Answered => tell(&place, member),
        }
        Some((place, member.user.clone(), member.device.clone()))
    }

    /// Puts out who is no longer in the call with the device they came with, and has flow from the
    /// others what may flow now.
    pub(super) fn follow(&self, room: RoomKey, after: &Call) {
        let mut rooms = self.all.lock();
        let Some(own) = rooms.get_mut(&room).filter(|own| own.at <= after.seq) else { return };
        own.at = after.seq;
        own.members.retain(|peer, member| {
            // Who has come in by a later change is not put out by this one.
            if after.seq < member.since {
                return true;
            }
            let part = after.participant(&member.user);
            let stays =
                part.is_some_and(|p| p.state.is_in() && p.device.as_ref() == Some(&member.device));
            if !stays {
                self.ask(Upkeep::Close(room, *peer));
                return false;
            }
            let now = grant(after, &member.user, member.off);
            if std::mem::replace(&mut member.grant, now) != now {
                self.ask(Upkeep::Grant(room, *peer, now));
            }
            true
        });
    }

    /// Forgets a room, and ends its connections.
    pub(super) fn end(&self, room: RoomKey) {
        if self.all.lock().remove(&room).is_some() {
            self.ask(Upkeep::CloseRoom(room));
        }
    }

    /// Ends a device's connection; whether its media flowed.
    pub(super) fn close(&self, room: RoomKey, peer: PeerKey, device: &DeviceId) -> bool {
        let closed = self.member(room, peer, device, |member| {
            (member.offer, member.late) = (Offered::Nothing, Late::default());
            member.connected = false;
            self.ask(Upkeep::Close(room, peer));
            std::mem::take(&mut member.up)
        });
        closed.unwrap_or(false)
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
        let mut rooms = self.all.lock();
        let member = rooms.get_mut(&room)?.members.get_mut(&peer)?;
        (member.device == *device).then(|| look(member))
    }

    /// Notes whether a peer's media flows; whose it is, if it is known to be connected.
    pub(super) fn set_up(
        &self,
        room: RoomKey,
        peer: PeerKey,
        up: bool,
    ) -> Option<(Place, UserId, DeviceId)> {
        let mut rooms = self.all.lock();
        let room = rooms.get_mut(&room)?;
        let place = room.place();
        let member = room.members.get_mut(&peer)?;
        if up {
            member.connected |= member.offer != Offered::Nothing;
        }
        if !member.connected {
            return None;
        }
        member.up = up;
        Some((place, member.user.clone(), member.device.clone()))
    }

    /// Notes the tracks of a room, and has those told who do not wait for an answer first.
    pub(super) fn set_tracks(
        &self,
        room: RoomKey,
        tracks: Tracks,
        tell: impl FnMut(&Place, PeerKey, &Member, &Named<'_>),
    ) {
        let mut rooms = self.all.lock();
        let Some(room) = rooms.get_mut(&room) else { return };
        room.tracks = tracks;
        for member in room.members.values_mut() {
            member.late.tracks |= matches!(member.offer, Offered::Pending(_));
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
        if let Some(room) = self.all.lock().get(&room) {
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

fn room_of<'a>(rooms: &'a mut HashMap<RoomKey, Room>, call: &Call, room: RoomKey) -> &'a mut Room {
    rooms.entry(room).or_insert_with(|| Room {
        app: call.app.clone(),
        call: call.id,
        members: BTreeMap::new(),
        tracks: Vec::new(),
        offers: 0,
        at: 0,
    })
}

impl Room {
    fn place(&self) -> Place {
        Place { app: self.app.clone(), call: self.call }
    }

    fn tell(&self, mut tell: impl FnMut(&Place, PeerKey, &Member, &Named<'_>)) {
        let place = self.place();
        let named = Named(&self.members);
        let ready = self.members.iter().filter(|(_, m)| m.offer == Offered::Answered);
        for (peer, member) in ready {
            tell(&place, *peer, member, &named);
        }
    }
}

impl Member {
    fn new(user: &UserId, device: &DeviceId, since: u64) -> Self {
        Self {
            user: user.clone(),
            device: device.clone(),
            since,
            off: Off::default(),
            grant: Grant::default(),
            up: false,
            connected: false,
            offer: Offered::Nothing,
            late: Late::default(),
        }
    }
}
