//! A world at one moment: who is connected, and which calls live.

use bellwire_core::{
    Call, CallId, Callee, Changes, Forbid, Note, Participant, Reach, RingMode, RoomId, Settings,
    Start, State, Timestamp, UserId, Verdict,
};
use uuid::Uuid;

use super::{
    Scope,
    cast::{By, Cast, DeviceNo, UserNo},
    step::Ask,
};

/// The unit of time, in milliseconds: the longest that divides every time of a call, of which
/// the time for consent to more media (30 s) is the one that cannot be set.
pub(crate) const UNIT_MS: u64 = 30_000;
/// The ring time, in units. With the others at one unit, the acknowledge, reach, grace and
/// consent times can each run out before, with and after it.
pub(crate) const RING_UNITS: u64 = 2;
/// The longest call, in units, where there is a bound.
pub(crate) const MAX_UNITS: u64 = 3;
/// Any moment well after the epoch.
pub(crate) const BEGINNING: Timestamp = Timestamp(1_795_118_400_000);

/// What the server knows of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Presence {
    /// It has an open connection.
    Connected,
    /// Its session can be resumed, or a push wakes it.
    Asleep,
    /// Nothing.
    Away,
}

/// A world at one moment.
#[derive(Debug, Clone)]
pub(crate) struct World<'c> {
    pub(crate) cast: &'c Cast,
    pub(crate) scope: Scope,
    pub(crate) now: Timestamp,
    /// Of every device, by its place.
    pub(crate) presence: Vec<Presence>,
    /// The live calls, oldest first.
    pub(crate) calls: Vec<Call>,
}

impl<'c> World<'c> {
    /// Everybody is connected, nobody calls.
    pub(crate) fn beginning(cast: &'c Cast, scope: Scope) -> Self {
        let presence = cast.devices().map(|_| Presence::Connected).collect();
        Self { cast, scope, now: BEGINNING, presence, calls: Vec::new() }
    }

    pub(crate) fn set_presence(&mut self, device: DeviceNo, presence: Presence) {
        let place = self.cast.place(device);
        self.presence[place] = presence;
    }

    /// A moment passes after a step, too short for any deadline: what ended in the step is not of
    /// the same instant as what the next one ends. Losses are not counted, so that none is damped;
    /// [`Step::Vanish`](super::step::Step::Vanish) stands for those that are.
    pub(crate) fn settle(&mut self) {
        let earlier = Timestamp(self.now.0 - 1);
        for p in self.calls.iter_mut().flat_map(|call| &mut call.participants) {
            p.left_at = p.left_at.map(|at| at.min(earlier));
            p.flaps = 0;
        }
    }

    pub(crate) fn presence(&self, device: DeviceNo) -> Presence {
        self.presence[self.cast.place(device)]
    }

    pub(crate) fn reach(&self, user: UserNo) -> Reach {
        match self.cast.devices_of(user).map(|device| self.presence(device)).min() {
            Some(Presence::Connected) => Reach::Online,
            Some(Presence::Asleep) => Reach::Asleep,
            Some(Presence::Away) | None => Reach::Absent,
        }
    }

    /// The call that claims the user.
    pub(crate) fn claim(&self, user: UserNo) -> Option<&Call> {
        let name = self.cast.user(user);
        self.calls.iter().find(|call| call.claims().any(|claimed| claimed == name))
    }

    pub(crate) fn part(&self, call: usize, user: UserNo) -> Option<&Participant> {
        self.calls.get(call)?.participant(self.cast.user(user))
    }

    /// Whether the device is joined to a call.
    pub(crate) fn is_joined_with(&self, device: DeviceNo) -> bool {
        let name = self.cast.device(device);
        let mut inside = self.calls.iter().flat_map(Call::inside);
        inside.any(|p| p.state == State::Joined && p.device.as_ref() == Some(name))
    }

    /// Whether a deadline of the call has come.
    pub(crate) fn is_due(&self, call: usize) -> bool {
        self.calls[call].next_deadline().is_some_and(|at| at <= self.now)
    }

    /// Whether an audit finds anything.
    pub(crate) fn needs_audit(&self) -> bool {
        self.calls.iter().flat_map(Call::inside).any(|p| self.audited(p).is_some())
    }

    /// The device of someone in a call, if the call has them otherwise than they are; and whether
    /// it is connected.
    pub(crate) fn audited(&self, p: &Participant) -> Option<(DeviceNo, bool)> {
        let device = self.cast.device_number(p.device.as_ref()?)?;
        let connected = self.presence(device) == Presence::Connected;
        let differs = match p.state {
            State::Joined => !connected,
            State::Dropped => connected,
            State::Invited
            | State::Ringing
            | State::Left
            | State::Rejected
            | State::Busy
            | State::Offline
            | State::TimedOut
            | State::Canceled
            | State::Denied
            | State::Lost => false,
        };
        differs.then_some((device, connected))
    }

    /// What the server finds out about one who is to be called.
    pub(crate) fn callee(&self, user: UserNo, ring: RingMode) -> Callee {
        let name = self.cast.user(user);
        Callee {
            user: name.clone(),
            uid: None,
            ring,
            ring_ms: None,
            claimed: self.claim(user).map(|call| call.id),
            reach: self.reach(user),
            pending_invites: self.invitations(|call| is_invited(call, name)),
            unavailable: None,
        }
    }

    /// The start a step stands for, with all that the server finds out.
    pub(crate) fn start(&self, by: By, ask: Ask) -> Start {
        let number = self.calls.last().map_or(1, |call| call.id.0.as_u128() + 1);
        let callees = [Some(ask.to.0), ask.to.1].into_iter().flatten();
        let caller = self.cast.user(by.user);
        let verdict = if ask.denied {
            Verdict::Deny { code: 5, text: "no".to_owned() }
        } else {
            Verdict::Allow(Box::<Changes>::default())
        };
        Start {
            app: self.cast.app.clone(),
            call: CallId(Uuid::from_u128(number)),
            room: RoomId(u32::try_from(number).unwrap_or(u32::MAX)),
            origin: ask.origin,
            caller: self.cast.actor(by),
            uid: None,
            reach: self.reach(by.user),
            pending_invites: self.invitations(|call| call.caller == *caller),
            mode: ask.mode,
            kind: ask.kind,
            media: ask.media,
            callees: callees.map(|user| self.callee(user, ask.ring)).collect(),
            note: Note::default(),
            forbid: Forbid::default(),
            settings: settings(self.scope, ask.waits),
            group: None,
            channel: None,
            verdict,
            asked: None,
            push: None,
        }
    }

    fn invitations(&self, of: impl Fn(&Call) -> bool) -> usize {
        let invite = |call: &&Call| call.mode == bellwire_core::Mode::Invite;
        self.calls.iter().filter(invite).filter(|call| of(call)).count()
    }
}

fn is_invited(call: &Call, user: &UserId) -> bool {
    call.caller != *user && call.participant(user).is_some()
}

/// The settings of a call in a world of this scope.
pub(crate) fn settings(scope: Scope, waits: bool) -> Settings {
    Settings {
        ring_ms: RING_UNITS * UNIT_MS,
        reach_ms: if waits { UNIT_MS } else { 0 },
        ack_ms: Some(UNIT_MS),
        grace_ms: UNIT_MS,
        max_ms: scope.max_time.then_some(MAX_UNITS * UNIT_MS),
        ..Settings::default()
    }
}
