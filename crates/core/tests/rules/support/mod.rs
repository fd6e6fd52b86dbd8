//! A world of users and devices that carries out commands as a server does: facts come from the
//! claims, a decision is appended and folded, and every device is told what concerns it.

mod act;
mod asking;
mod checks;
mod time;

use std::collections::{BTreeMap, BTreeSet};

use bellwire_core::{
    AppKey, Call, CallId, Command, DeviceId, EVENT_VERSION, Entry, Event, Note, Opening, Order,
    Reach, Refusal, RequestRef, RoomId, Settings, Start, Tell, Timestamp, Unavailable, UserId,
    audience, decide, evolve, fold, start,
};

pub(crate) use act::*;
pub(crate) use asking::*;
pub(crate) use checks::*;

/// Any moment well after the epoch, so that times before it exist.
const BEGINNING: Timestamp = Timestamp(1_795_118_400_000);

/// What a device lived through in a call, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lived {
    /// Its own act took it into the call: a start, an answer, a join or a move.
    Entered,
    /// It was told this, by the event at this position.
    Told(u64, Tell),
}

/// A call as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) log: Vec<Entry>,
    pub(crate) call: Call,
}

/// Users, their devices, their calls, and a clock.
pub(crate) struct World {
    pub(crate) app: AppKey,
    pub(crate) now: Timestamp,
    /// The settings of calls that are asked for.
    pub(crate) settings: Settings,
    pub(crate) calls: BTreeMap<CallId, Stored>,
    /// Devices with an open connection.
    pub(crate) online: BTreeSet<DeviceId>,
    /// Users who can be woken by push.
    pub(crate) pushable: BTreeSet<UserId>,
    /// Users who do not want to be rung by anybody.
    pub(crate) unavailable: BTreeMap<UserId, Unavailable>,
    pub(crate) devices: Vec<DeviceId>,
    story: BTreeMap<(DeviceId, CallId), Vec<Lived>>,
    next_call: u128,
    next_audit: Timestamp,
    request: Option<RequestRef>,
}

impl World {
    /// A world in which each of `users` has two connected devices, `<user>.1` and `<user>.2`.
    pub(crate) fn of(users: &[&str]) -> Self {
        Self::in_app("app", users)
    }

    /// The same, in an app of this name.
    pub(crate) fn in_app(app: &str, users: &[&str]) -> Self {
        let devices: Vec<_> =
            users.iter().flat_map(|u| [format!("{u}.1"), format!("{u}.2")]).collect();
        let devices: Vec<_> = devices.iter().map(|d| DeviceId::parse(d).unwrap()).collect();
        Self {
            app: AppKey::parse(app).unwrap(),
            now: BEGINNING,
            settings: Settings::default(),
            calls: BTreeMap::new(),
            online: devices.iter().cloned().collect(),
            pushable: BTreeSet::new(),
            unavailable: BTreeMap::new(),
            devices,
            story: BTreeMap::new(),
            next_call: 1,
            next_audit: BEGINNING.after_ms(bellwire_core::AUDIT_MS),
            request: None,
        }
    }

    /// Asks for a call and carries out what it leads to; the call is the earlier one in glare.
    pub(crate) fn start(&mut self, mut ask: Start) -> Result<CallId, Refusal> {
        self.look_up(&mut ask);
        let caller = ask.caller.clone();
        let (id, device) = (ask.call, ask.caller.device.clone());
        let claim = self.claim(&caller.user).map(|id| self.calls[&id].call.clone());
        match start(ask, claim.as_ref(), self.now)? {
            Opening::New(events) => self.open(id, device.as_ref(), events),
            Opening::Recall { old, ending, events } => {
                self.append(old, ending);
                self.open(id, device.as_ref(), events);
            }
            Opening::Glare { call, order } => {
                self.command(call, Command::User { by: caller, order })?;
                return Ok(call);
            }
            Opening::Denied { events, refusal } => {
                self.open(id, device.as_ref(), events);
                return Err(refusal);
            }
        }
        Ok(id)
    }

    /// Decides a command and carries it out.
    pub(crate) fn command(&mut self, id: CallId, mut command: Command) -> Result<(), Refusal> {
        let Some(stored) = self.calls.get(&id) else { return Err(Refusal::NotInCall(None)) };
        let call = stored.call.clone();
        let mut enters = None;
        if let Command::User { by, order } = &mut command {
            match order {
                Order::Accept { claimed, .. } | Order::Join { claimed } => {
                    *claimed = self.claim(&by.user);
                    enters.clone_from(&by.device);
                }
                Order::Move { .. } => enters.clone_from(&by.device),
                Order::Invite { to, .. } => to.iter_mut().for_each(|c| self.look_up_callee(c)),
                _ => {}
            }
        }
        let events = decide(&call, &command, self.now)?;
        if let Some(device) = enters {
            self.enter(&device, id);
        }
        self.append(id, events);
        Ok(())
    }

    /// Carries out `act` as the request `id` of `session`: once, however often it comes (R14).
    pub(crate) fn as_request(
        &mut self,
        session: &str,
        id: u64,
        act: impl FnOnce(&mut Self) -> Result<CallId, Refusal>,
    ) -> Result<CallId, Refusal> {
        let request = RequestRef { session: bellwire_core::SessionId::parse(session).unwrap(), id };
        let met = |s: &Stored| s.log.iter().any(|e| e.request.as_ref() == Some(&request));
        if let Some((call, _)) = self.calls.iter().find(|(_, stored)| met(stored)) {
            return Ok(*call);
        }
        self.request = Some(request);
        let outcome = act(self);
        self.request = None;
        outcome
    }

    fn open(&mut self, id: CallId, device: Option<&DeviceId>, mut events: Vec<Event>) {
        let rest = events.split_off(1);
        let at = self.now;
        let entry = Entry {
            v: EVENT_VERSION,
            seq: 1,
            at,
            request: self.request.clone(),
            event: events.remove(0),
        };
        let call = fold([&entry]).expect("a log begins with its creation");
        if let Some(device) = device {
            self.enter(device, id);
        }
        self.tell(&call, &entry);
        assert!(self.calls.insert(id, Stored { log: vec![entry], call }).is_none());
        self.append(id, rest);
    }

    fn append(&mut self, id: CallId, events: Vec<Event>) {
        for event in events {
            let Stored { log, call } = &self.calls[&id];
            let seq = log.len() as u64 + 1;
            let at = self.now.max(call.at);
            let entry = Entry { v: EVENT_VERSION, seq, at, request: self.request.clone(), event };
            let before = call.clone();
            self.tell(&before, &entry);
            let stored = self.calls.get_mut(&id).expect("looked up above");
            stored.call = evolve(before, &entry.event, at);
            assert_eq!(stored.call.seq, seq, "the fold counts what is appended");
            stored.log.push(entry);
        }
    }

    fn tell(&mut self, before: &Call, entry: &Entry) {
        for notice in audience(before, &entry.event) {
            for device in &self.devices {
                if notice.reaches(&owner(device), device) {
                    let key = (device.clone(), before.id);
                    let lived = Lived::Told(entry.seq, notice.tell.clone());
                    self.story.entry(key).or_default().push(lived);
                }
            }
        }
    }

    /// The device is in the call by its own act; it is no new stay where one is open.
    fn enter(&mut self, device: &DeviceId, call: CallId) {
        self.story.entry((device.clone(), call)).or_default().push(Lived::Entered);
    }

    /// Fills in what a server finds out about those who are asked for.
    fn look_up(&self, ask: &mut Start) {
        ask.reach = self.reach(&ask.caller.user);
        ask.pending_invites = self.invitations(|call| call.caller == ask.caller.user);
        ask.callees.iter_mut().for_each(|c| self.look_up_callee(c));
        if let bellwire_core::Verdict::Allow(changes) = &mut ask.verdict {
            changes.callees.iter_mut().flatten().for_each(|c| self.look_up_callee(c));
        }
    }

    fn look_up_callee(&self, callee: &mut bellwire_core::Callee) {
        callee.claimed = self.claim(&callee.user);
        callee.reach = self.reach(&callee.user);
        callee.unavailable = self.unavailable.get(&callee.user).copied();
        callee.pending_invites = self.invitations(|call| call.participants[1].user == callee.user);
    }

    fn invitations(&self, of: impl Fn(&Call) -> bool) -> usize {
        let open = self.live().filter(|call| call.mode == bellwire_core::Mode::Invite);
        open.filter(|call| of(call)).count()
    }

    /// The call that claims the user.
    pub(crate) fn claim(&self, user: &UserId) -> Option<CallId> {
        self.live().find(|call| call.claims().any(|u| u == user)).map(|call| call.id)
    }

    fn reach(&self, user: &UserId) -> Reach {
        if self.online.iter().any(|d| owner(d) == *user) {
            Reach::Online
        } else if self.pushable.contains(user) {
            Reach::Asleep
        } else {
            Reach::Absent
        }
    }

    /// The calls that are not over.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Call> {
        self.calls.values().map(|s| &s.call).filter(|c| c.ended.is_none())
    }

    /// Everything a device lived through in a call.
    pub(crate) fn story(&self, device: &DeviceId, call: CallId) -> &[Lived] {
        self.story.get(&(device.clone(), call)).map_or(&[], Vec::as_slice)
    }

    fn fresh_call(&mut self) -> (CallId, RoomId) {
        let n = self.next_call;
        self.next_call += 1;
        let room = u32::try_from(n).expect("a test makes few calls");
        (CallId(uuid::Uuid::from_u128(n)), RoomId(room))
    }
}

/// The user a device belongs to.
pub(crate) fn owner(device: &DeviceId) -> UserId {
    let (user, _) = device.split_once('.').expect("devices are named user.number");
    UserId::parse(user).unwrap()
}

/// A note of this content and number.
pub(crate) fn note(content: &str, param: i32) -> Note {
    Note { content: Some(content.into()), param: Some(param), ..Note::default() }
}
