//! The canonical form of a world: two worlds in which the same can happen have the same bytes.
//!
//! Times count in units from now, and only while something waits for them. Forgotten is what no
//! rule reads: ids, the position in the log, when somebody came, rang or left, how long they
//! talked, what was confirmed. Users have no names, and the devices of a user no numbers: the
//! bytes are the least over all orders of the users, with each one's devices sorted by what they
//! are in each call.

use bellwire_core::{
    Call, CallId, Cause, Forbid, Kind, Links, Media, MediaLink, Mode, Note, Origin, Participant,
    Phase, Proposal, Reach, Reported, RingMode, RoomId, State, Timestamp,
};
use uuid::Uuid;

use super::{
    Scope,
    cast::{Cast, DeviceNo, UserNo},
    world::{BEGINNING, Presence, UNIT_MS, World, settings},
};

/// Added to a time in units, so that one that has passed is no negative number.
const ZERO: u64 = 8;

/// The bytes of a world. One [`Canon`] serves a thread: it keeps what is the same for all worlds.
#[derive(Debug)]
pub(crate) struct Canon {
    orders: Vec<Vec<UserNo>>,
    best: Vec<u8>,
    next: Vec<u8>,
}

impl Canon {
    pub(crate) fn new(cast: &Cast) -> Self {
        Self { orders: orders(cast.users().collect()), best: Vec::new(), next: Vec::new() }
    }

    /// The bytes of `world`, until the next call.
    pub(crate) fn of(&mut self, world: &World<'_>) -> &[u8] {
        let by_user: Vec<Vec<DeviceNo>> =
            world.cast.users().map(|user| sorted_devices(world, user)).collect();
        let orders = std::mem::take(&mut self.orders);
        for (i, order) in orders.iter().enumerate() {
            self.next.clear();
            let mut writer = Writer::new(world, order, &by_user, std::mem::take(&mut self.next));
            writer.world();
            self.next = writer.bytes;
            if i == 0 || self.next < self.best {
                std::mem::swap(&mut self.next, &mut self.best);
            }
        }
        self.orders = orders;
        &self.best
    }
}

/// All orders of `users`.
fn orders(users: Vec<UserNo>) -> Vec<Vec<UserNo>> {
    if users.len() < 2 {
        return vec![users];
    }
    let mut all = Vec::new();
    for (i, first) in users.iter().enumerate() {
        let mut rest = users.clone();
        rest.remove(i);
        for order in orders(rest) {
            all.push(std::iter::once(*first).chain(order).collect());
        }
    }
    all
}

/// Devices alike in every call are alike in everything, so sorting makes the order canonical.
fn sorted_devices(world: &World<'_>, user: UserNo) -> Vec<DeviceNo> {
    let mut devices: Vec<_> = world.cast.devices_of(user).collect();
    if devices.len() > 1 {
        devices.sort_by_cached_key(|device| {
            let name = world.cast.device(*device);
            let parts = (0..world.calls.len()).map(|call| {
                let part = world.part(call, user);
                part.map_or(0, |p| {
                    let acted = keeps_device(p.state) && p.device.as_ref() == Some(name);
                    let silenced = p.state.is_pending() && p.silenced.contains(name);
                    u8::from(acted) | u8::from(silenced) << 1
                })
            });
            (world.presence(*device), parts.collect::<Vec<_>>())
        });
    }
    devices
}

/// Whether any rule asks with which device.
fn keeps_device(state: State) -> bool {
    state.is_in() || matches!(state, State::Rejected | State::Busy)
}

struct Writer<'a> {
    world: &'a World<'a>,
    order: &'a [UserNo],
    /// The devices of each user, by the user's number, in canonical order.
    devices: &'a [Vec<DeviceNo>],
    bytes: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(
        world: &'a World<'a>,
        order: &'a [UserNo],
        devices: &'a [Vec<DeviceNo>],
        bytes: Vec<u8>,
    ) -> Self {
        Self { world, order, devices, bytes }
    }

    fn world(&mut self) {
        for user in self.order {
            for device in &self.devices[usize::from(user.0)] {
                self.bytes.push(self.world.presence(*device) as u8);
            }
        }
        for call in &self.world.calls {
            self.call(call);
        }
    }

    fn call(&mut self, call: &Call) {
        let settings = &call.settings;
        let flags = [
            call.mode == Mode::Invite,
            call.kind == Kind::Group,
            call.media == Media::Video,
            call.phase == Phase::Active,
            settings.reach_ms > 0,
        ];
        self.bytes.push(bits(&flags) | (call.origin as u8) << 5);
        self.bytes.push(self.time(call.ends_by()));
        let proposal = call.proposal.as_ref();
        self.bytes.push(proposal.map_or(0, |p| 1 + self.user(&p.by) * 2 + p.media as u8));
        self.bytes.push(self.time(proposal.map(|p| p.until)));
        self.bytes.push(self.user(&call.caller));
        self.bytes.push(u8::try_from(call.participants.len()).unwrap_or(u8::MAX));
        for p in &call.participants {
            self.participant(call, p);
        }
    }

    fn participant(&mut self, call: &Call, p: &Participant) {
        let pending = p.state.is_pending();
        self.bytes.push(self.user(&p.user) | (p.ring as u8) << 4);
        self.bytes.push(p.state as u8 | p.cause.map_or(0, |cause| 1 + cause as u8) << 4);
        let flags = [
            // Whether the devices know of it matters as long as they may ring, and to those of one
            // who has refused.
            p.told && (pending || keeps_device(p.state) && !p.state.is_in()),
            p.held,
            p.entered && p.state.is_in(),
            p.joined_at.is_some(),
        ];
        let reach = if pending { p.reach as u8 } else { 0 };
        self.bytes.push(bits(&flags) | reach << 4);
        if keeps_device(p.state) {
            let device = p.device.as_ref().and_then(|d| self.world.cast.device_number(d));
            self.bytes.push(device.map_or(0, |device| 1 + self.nth(device)));
        }
        if pending {
            let silenced = p.silenced.iter().filter_map(|d| self.world.cast.device_number(d));
            self.bytes.push(silenced.fold(0, |set, device| set | 1 << self.nth(device)));
            self.bytes.push(self.time((!p.held).then_some(p.ring_until)));
            let waits = p.state == State::Invited && p.told && !p.held && p.reach == Reach::Online;
            let asked = p.ring_until.0 - p.ring_ms;
            let since = p.reached_at.filter(|at| waits && at.0 > asked);
            // What is due is due, however long.
            let due = since.map(|at| at.after_ms(call.settings.ack_ms.unwrap_or(0)));
            self.bytes.push(self.time(due));
        }
        if p.state.is_in() {
            self.bytes.push(u8::from(p.links.signalling) | (p.links.media as u8) << 1);
        }
        if p.state == State::Dropped {
            self.bytes.push(self.time(p.gone_at));
        }
    }

    /// A time in units from now; 0 for none.
    fn time(&self, at: Option<Timestamp>) -> u8 {
        let Some(at) = at else { return 0 };
        let from = self.world.now.0 - ZERO * UNIT_MS;
        let since = at.0.saturating_sub(from);
        debug_assert_eq!(since % UNIT_MS, 0, "time moves in units");
        u8::try_from(since / UNIT_MS).unwrap_or(u8::MAX)
    }

    fn user(&self, user: &bellwire_core::UserId) -> u8 {
        let number = self.world.cast.number(user);
        let place = self.order.iter().position(|u| Some(*u) == number);
        u8::try_from(place.unwrap_or(self.order.len())).unwrap_or(u8::MAX)
    }

    /// The place of a device among its user's.
    fn nth(&self, device: DeviceNo) -> u8 {
        let devices = &self.devices[usize::from(device.user.0)];
        let place = devices.iter().position(|d| *d == device);
        u8::try_from(place.unwrap_or(devices.len())).unwrap_or(u8::MAX)
    }
}

fn bits(flags: &[bool]) -> u8 {
    flags.iter().rev().fold(0, |bits, flag| bits << 1 | u8::from(*flag))
}

/// The world of these bytes, with the users in the order of their numbers; none if they are no
/// world's.
pub(crate) fn world<'c>(cast: &'c Cast, scope: Scope, bytes: &[u8]) -> Option<World<'c>> {
    let mut world = World::beginning(cast, scope);
    let mut reader = Reader { cast, scope, bytes: bytes.iter(), now: BEGINNING };
    for presence in &mut world.presence {
        *presence = [Presence::Connected, Presence::Asleep, Presence::Away][reader.index()?];
    }
    while !reader.bytes.as_slice().is_empty() {
        let number = world.calls.len() as u128 + 1;
        world.calls.push(reader.call(number)?);
    }
    Some(world)
}

const RINGS: [RingMode; 3] = [RingMode::Ring, RingMode::Notify, RingMode::Silent];
const REACHES: [Reach; 3] = [Reach::Online, Reach::Asleep, Reach::Absent];
const ORIGINS: [Origin; 3] = [Origin::User, Origin::Server, Origin::ServerBoth];
const MEDIA: [Media; 2] = [Media::Audio, Media::Video];
const MEDIA_LINKS: [MediaLink; 3] = [MediaLink::Unknown, MediaLink::Up, MediaLink::Lost];
const STATES: [State; 12] = [
    State::Invited,
    State::Ringing,
    State::Joined,
    State::Dropped,
    State::Left,
    State::Rejected,
    State::Busy,
    State::Offline,
    State::TimedOut,
    State::Canceled,
    State::Denied,
    State::Lost,
];
const CAUSES: [Cause; 12] = [
    Cause::Absent,
    Cause::Silent,
    Cause::Disconnected,
    Cause::MaxTime,
    Cause::Server,
    Cause::Logout,
    Cause::Timeout,
    Cause::Dropped,
    Cause::LogFull,
    Cause::Media,
    Cause::Policy,
    Cause::Token,
];

struct Reader<'a, 'c> {
    cast: &'c Cast,
    scope: Scope,
    bytes: std::slice::Iter<'a, u8>,
    now: Timestamp,
}

impl Reader<'_, '_> {
    fn call(&mut self, number: u128) -> Option<Call> {
        let flags = self.byte()?;
        let is = |bit: u8| flags & (1 << bit) != 0;
        let active = is(3);
        let ends_by = self.byte()?;
        let settings = settings(self.scope, is(4));
        let started = self.at(ends_by).map(|at| Timestamp(at.0 - settings.max_ms.unwrap_or(0)));
        let proposal = self.byte()?.checked_sub(1);
        let until = self.byte()?;
        let proposal = match (proposal, self.at(until)) {
            (Some(code), Some(until)) => Some(Proposal {
                by: self.cast.user(UserNo(code / 2)).clone(),
                media: *MEDIA.get(usize::from(code % 2))?,
                until,
            }),
            (None | Some(_), _) => None,
        };
        let caller = UserNo(self.byte()?);
        let count = self.byte()?;
        let participants = (0..count).map(|_| self.participant(settings.ring_ms, settings.ack_ms));
        let mode = if is(0) { Mode::Invite } else { Mode::Call };
        let room = RoomId(u32::try_from(number).ok()?);
        Some(Call {
            participants: participants.collect::<Option<_>>()?,
            app: self.cast.app.clone(),
            id: CallId(Uuid::from_u128(number)),
            seq: 1,
            at: self.now,
            mode,
            kind: if is(1) { Kind::Group } else { Kind::Direct },
            media: if is(2) { Media::Video } else { Media::Audio },
            phase: if active { Phase::Active } else { Phase::Inviting },
            origin: *ORIGINS.get(usize::from(flags >> 5))?,
            caller: self.cast.user(caller).clone(),
            note: Note::default(),
            group: None,
            channel: None,
            forbid: Forbid::default(),
            settings,
            room: (mode == Mode::Call).then_some(room),
            created_at: self.now,
            started_at: active.then(|| started.unwrap_or(self.now)),
            proposal,
            asked: None,
            ended: None,
        })
    }

    fn participant(&mut self, ring_ms: u64, ack_ms: Option<u64>) -> Option<Participant> {
        let who = self.byte()?;
        let how = self.byte()?;
        let flags = self.byte()?;
        let is = |bit: u8| flags & (1 << bit) != 0;
        let user = UserNo(who & 0x0f);
        let state = *STATES.get(usize::from(how & 0x0f))?;
        let device = |nth: u8| self.cast.device(DeviceNo { user, nth }).clone();
        let mut p = Participant {
            user: self.cast.user(user).clone(),
            uid: None,
            state,
            ring: *RINGS.get(usize::from(who >> 4))?,
            device: None,
            by: None,
            unavailable: None,
            told: is(0),
            held: is(1),
            silenced: std::collections::BTreeSet::new(),
            reach: *REACHES.get(usize::from(flags >> 4))?,
            reached_at: None,
            invited_at: self.now,
            ring_ms,
            ring_until: self.now,
            ringing_at: None,
            joined_at: is(3).then_some(self.now),
            links: Links::FRESH,
            reported: Reported::default(),
            gone_at: None,
            left_at: None,
            talked_ms: 0,
            entered: is(2),
            cause: match how >> 4 {
                0 => None,
                cause => Some(*CAUSES.get(usize::from(cause - 1))?),
            },
            flaps: 0,
            flaps_since: Timestamp(0),
            acknowledged: std::collections::BTreeSet::new(),
        };
        if keeps_device(state) {
            p.device = self.bytes.next()?.checked_sub(1).map(device);
        }
        if state.is_pending() {
            let silenced = self.byte()?;
            let all = self.cast.devices_of(user).filter(|d| silenced & (1 << d.nth) != 0);
            p.silenced = all.map(|d| self.cast.device(d).clone()).collect();
            let (until, due) = (self.byte()?, self.byte()?);
            p.ring_until = self.at(until).unwrap_or(self.now.after_ms(ring_ms));
            p.reached_at = self.at(due).map(|at| Timestamp(at.0 - ack_ms.unwrap_or(0)));
        } else if !state.is_in() {
            p.left_at = Some(Timestamp(self.now.0 - 1));
        }
        if state.is_in() {
            let links = self.byte()?;
            p.links.signalling = links & 1 != 0;
            p.links.media = *MEDIA_LINKS.get(usize::from(links >> 1))?;
        }
        if state == State::Dropped {
            let gone = self.byte()?;
            p.gone_at = self.at(gone);
        }
        Some(p)
    }

    /// The time that [`Writer::time`] wrote as `units`.
    fn at(&self, units: u8) -> Option<Timestamp> {
        let from = self.now.0 - ZERO * UNIT_MS;
        (units > 0).then_some(Timestamp(from + u64::from(units) * UNIT_MS))
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes.next().copied()
    }

    fn index(&mut self) -> Option<usize> {
        self.byte().map(usize::from).filter(|index| *index < 3)
    }
}
