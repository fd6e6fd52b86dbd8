//! An append to one call: what it makes of the call, what every device is told of it, and whether
//! that is right.

use bellwire_core::{
    Call, EVENT_VERSION, Entry, Event, How, Leaving, Notice, Phase, Reason, Scope, State, Tell,
    Timestamp, audience, evolve, fold, open,
};
use bellwire_protocol::Record;

use super::{
    cast::{Cast, DeviceNo, DeviceSet},
    over::stays_over,
    violation::Violation,
};

/// The call after `events`, none of which breaks a rule. `enters` is the device that came into the
/// call by asking for them.
pub(crate) fn append(
    cast: &Cast,
    before: Option<Call>,
    events: Vec<Event>,
    now: Timestamp,
    enters: Option<DeviceNo>,
) -> Result<Call, Violation> {
    let at = before.as_ref().map_or(now, |call| now.max(call.at));
    let mut stays = Stays::of(cast, before.as_ref());
    if let Some(device) = enters {
        stays.open.insert(cast.place(device));
    }
    let is_new = before.is_none();
    let mut call = before;
    let mut log = Vec::with_capacity(events.len());
    for event in events {
        if call.as_ref().is_some_and(|call| call.ended.is_some()) {
            return Err(Violation::of("I6", format!("after the end: {event:?}")));
        }
        let (after, notices) = match (call, &event) {
            (None, Event::Created(created)) => {
                let opened = open(created, at);
                let notices = audience(&opened, &event);
                (opened, notices)
            }
            (None, _) => return Err(Violation::of("I6", format!("a log begins with {event:?}"))),
            (Some(call), _) => {
                let notices = audience(&call, &event);
                (evolve(call, &event, at), notices)
            }
        };
        stays.tell(&after, &event, &notices)?;
        log.push(Entry { v: EVENT_VERSION, seq: after.seq, at, request: None, event });
        call = Some(after);
    }
    let Some(call) = call else {
        return Err(Violation::of("I6", "a call begins without an event"));
    };
    if is_new && fold(&log).as_ref() != Some(&call) {
        return Err(Violation::of("I6", "the log adds up to another call"));
    }
    stays.check(&call)?;
    parts(cast, &call)?;
    if call.phase == Phase::Ended || call.ended.is_some() {
        recorded(&call, log.last().map(|entry| &entry.event))?;
        stays_over(cast, &call, at)?;
    }
    Ok(call)
}

/// The devices with an open stay in a call, and how the stays of an append ended.
struct Stays<'c> {
    cast: &'c Cast,
    open: DeviceSet,
    ended: Vec<(DeviceNo, Tell)>,
}

impl<'c> Stays<'c> {
    fn of(cast: &'c Cast, call: Option<&Call>) -> Self {
        let open = call.map(|call| stays(cast, call)).unwrap_or_default();
        Self { cast, open, ended: Vec::new() }
    }

    /// I3 and I7: each device is told one thing of an event at most, and within a stay.
    fn tell(&mut self, after: &Call, event: &Event, notices: &[Notice]) -> Result<(), Violation> {
        let mut told = DeviceSet::default();
        for notice in notices {
            let Some(user) = self
                .cast
                .number(&notice.user)
                .filter(|_| after.participant(&notice.user).is_some())
            else {
                let seen = format!("{} is told {:?} of {event:?}", notice.user, notice.tell);
                return Err(Violation::of("I8", seen));
            };
            for device in self.cast.devices_of(user) {
                if !notice.devices.contains(self.cast.device(device)) {
                    continue;
                }
                let (place, tell) = (self.cast.place(device), &notice.tell);
                if told.contains(place) {
                    let seen = format!("{device} is told twice of {event:?}, at last {tell:?}");
                    return Err(Violation::of("I7", seen));
                }
                told.insert(place);
                let begins = *tell == Tell::Invited;
                if self.open.contains(place) == begins {
                    let place = if begins { "within" } else { "outside of" };
                    let seen = format!("{device} is told {tell:?} {place} a stay, by {event:?}");
                    return Err(Violation::of("I3", seen));
                }
                self.open.insert(place);
                if tell.is_terminal() {
                    self.open.remove(place);
                    agrees(self.cast, device, tell, event)?;
                    self.ended.push((device, tell.clone()));
                }
            }
        }
        Ok(())
    }

    /// I3: the stays are those of the devices that the call has or rings; so none is left open at
    /// the end, and nobody rings or talks without knowing.
    fn check(&self, call: &Call) -> Result<(), Violation> {
        let should = stays(self.cast, call);
        for device in self.cast.devices() {
            let place = self.cast.place(device);
            if self.open.contains(place) && !should.contains(place) {
                return Err(Violation::of("I3", format!("{device}'s stay is never ended")));
            }
            if !self.open.contains(place) && should.contains(place) {
                return Err(Violation::of("I3", format!("{device} has a part and no stay")));
            }
        }
        let Some(outcome) = call.ended.as_ref().filter(|_| call.is_direct()) else {
            return Ok(());
        };
        for (device, tell) in &self.ended {
            if !same_story(tell, outcome.reason) {
                let seen = format!("{device} is told {tell:?} of a call {:?}", outcome.reason);
                return Err(Violation::of("I4", seen));
            }
        }
        Ok(())
    }
}

/// The devices that a live call has or rings.
fn stays(cast: &Cast, call: &Call) -> DeviceSet {
    let mut open = DeviceSet::default();
    if call.phase == Phase::Ended {
        return open;
    }
    for p in &call.participants {
        let Some(user) = cast.number(&p.user) else { continue };
        for device in cast.devices_of(user) {
            let name = cast.device(device);
            let is_in = p.state.is_in() && p.device.as_ref() == Some(name);
            if is_in || (p.is_rung() && !p.silenced.contains(name)) {
                open.insert(cast.place(device));
            }
        }
    }
    open
}

/// I4: the end of a stay says what the log says.
fn agrees(cast: &Cast, device: DeviceNo, tell: &Tell, event: &Event) -> Result<(), Violation> {
    let (user, name) = (cast.user(device.user), cast.device(device));
    let own = |by: &Option<_>| by.as_ref() == Some(name);
    let agrees = match (tell, event) {
        (Tell::Ended(Scope::All, told), Event::Ended { reason, .. }) => told == reason,
        (Tell::Ended(Scope::You, told), Event::Left { user: who, how, .. }) => {
            let reason = match how {
                Leaving::Left => Reason::Completed,
                Leaving::Removed => Reason::Killed,
                Leaving::Lost => Reason::Disconnected,
            };
            *told == reason && who == user
        }
        (Tell::Ended(Scope::You, Reason::Rejected | Reason::Busy), event) => match event {
            Event::Rejected { user: who, device: by, .. } => who == user && own(by),
            Event::Silenced { device: by, .. } => by == name,
            _ => false,
        },
        (Tell::Canceled(told), Event::Canceled { users, reason, .. }) => {
            told == reason && users.contains(user)
        }
        (Tell::Canceled(Reason::Timeout), Event::Rejected { user: who, device: by, .. }) => {
            who == user && by.is_none()
        }
        (Tell::Elsewhere(How::Accepted), Event::Accepted { user: who, device: by, .. }) => {
            who == user && by != name
        }
        (Tell::Elsewhere(How::Rejected), Event::Rejected { user: who, device: by, .. }) => {
            who == user && !own(by)
        }
        (Tell::Elsewhere(How::Moved), Event::Moved { from, .. }) => from == name,
        _ => false,
    };
    if agrees {
        return Ok(());
    }
    Err(Violation::of("I4", format!("{device} is told {tell:?} by {event:?}")))
}

/// I4: whether the end of a stay fits the end of a direct call in the same append.
fn same_story(tell: &Tell, reason: Reason) -> bool {
    match tell {
        Tell::Ended(_, told) => *told == reason,
        Tell::Elsewhere(How::Rejected) => matches!(reason, Reason::Rejected | Reason::Busy),
        // An invitation ends completed, and one's other devices learn who answered.
        Tell::Elsewhere(How::Accepted) => reason == Reason::Completed,
        Tell::Elsewhere(How::Moved) => false,
        Tell::Canceled(Reason::Timeout) => matches!(reason, Reason::Timeout | Reason::Offline),
        Tell::Canceled(Reason::Killed) => reason == Reason::Killed,
        // Taken back: the caller gave up, or of two who both ring the other did not come.
        Tell::Canceled(Reason::Canceled) => {
            !matches!(reason, Reason::Timeout | Reason::Killed | Reason::Denied)
        }
        _ => false,
    }
}

/// I1 and I5: claims are of participants; a user is one participant, and in a call with one device
/// of their own.
fn parts(cast: &Cast, call: &Call) -> Result<(), Violation> {
    for (i, p) in call.participants.iter().enumerate() {
        if call.participants[..i].iter().any(|other| other.user == p.user) {
            return Err(Violation::of("I5", format!("{} is in the call twice", p.user)));
        }
        let device = p.device.as_ref().and_then(|device| cast.device_number(device));
        let own = device.is_some_and(|d| Some(d.user) == cast.number(&p.user));
        if p.state.is_in() && !own {
            return Err(Violation::of("I5", format!("{} is in with {:?}", p.user, p.device)));
        }
        if p.gone_at.is_some() != (p.state == State::Dropped && p.links.are_gone()) {
            return Err(Violation::of(
                "I2",
                format!("{} is {:?}, without a time", p.user, p.state),
            ));
        }
    }
    let started = call.started_at.is_some() == (call.phase == Phase::Active);
    if call.phase != Phase::Ended && !started {
        return Err(Violation::of("I6", format!("{:?}, with another start time", call.phase)));
    }
    Ok(())
}

/// I6: an ended call has one end, a record that agrees with it, and nobody left in it.
fn recorded(call: &Call, last: Option<&Event>) -> Result<(), Violation> {
    let Some(Event::Ended { reason, code, .. }) = last else {
        return Err(Violation::of("I6", format!("ended by {last:?}")));
    };
    let open = |p: &&bellwire_core::Participant| p.state.is_in() || p.state.is_pending();
    if let Some(p) = call.participants.iter().find(open) {
        return Err(Violation::of("I6", format!("{} is left {:?} in it", p.user, p.state)));
    }
    if call.phase != Phase::Ended || call.claims().next().is_some() {
        return Err(Violation::of("I1", "an ended call claims somebody"));
    }
    if call.next_deadline().is_some() || call.needs_audit() {
        return Err(Violation::of("I2", "an ended call waits for something"));
    }
    let Some(record) = Record::of(call, 1) else {
        return Err(Violation::of("I6", "an ended call has no record"));
    };
    let legs = record.legs.iter().zip(&call.participants);
    let agrees = record.reason.known() == Some(reason)
        && record.code == *code
        && record.ended_at == call.at
        && record.started_at == call.started_at
        && record.legs.len() == call.participants.len()
        && legs.into_iter().all(|(leg, p)| leg.outcome.known() == Some(&p.state));
    if !agrees {
        return Err(Violation::of("I6", format!("the record is another: {record:?}")));
    }
    let left = |p: &&bellwire_core::Participant| p.state == bellwire_core::State::Left;
    if call.participants.iter().filter(left).any(|p| p.joined_at.is_none()) {
        return Err(Violation::of("I6", "somebody left who never came"));
    }
    Ok(())
}
