//! A decision in the making: the events so far, and the call as they leave it.

use crate::{
    call::{Call, Cause, Origin, Phase, Reason, RingMode, State},
    event::{Created, Event},
    evolve::{self, apply},
    id::{Timestamp, UserId},
    note::Note,
};

/// How a call is ended by a decision.
pub(crate) struct Ending {
    pub(crate) reason: Reason,
    pub(crate) code: u32,
    pub(crate) by: Option<UserId>,
    pub(crate) cause: Option<Cause>,
    pub(crate) note: Note,
}

impl Ending {
    pub(crate) fn new(reason: Reason) -> Self {
        Self { reason, code: reason.code(), by: None, cause: None, note: Note::default() }
    }

    pub(crate) fn by(self, user: &UserId) -> Self {
        Self { by: Some(user.clone()), ..self }
    }

    pub(crate) fn cause(self, cause: Cause) -> Self {
        Self { cause: Some(cause), ..self }
    }

    pub(crate) fn note(self, note: &Note) -> Self {
        Self { note: note.clone(), ..self }
    }

    pub(crate) fn code(self, code: u32) -> Self {
        Self { code, ..self }
    }
}

pub(crate) struct Draft {
    pub(crate) call: Call,
    pub(crate) now: Timestamp,
    events: Vec<Event>,
}

impl Draft {
    /// A decision about a call that exists.
    pub(crate) fn new(call: &Call, now: Timestamp) -> Self {
        Self { call: call.clone(), now: now.max(call.at), events: Vec::with_capacity(2) }
    }

    /// A decision that begins a call.
    pub(crate) fn open(created: Created, now: Timestamp) -> Self {
        let call = evolve::open(&created, now);
        Self { call, now, events: vec![Event::Created(Box::new(created))] }
    }

    pub(crate) fn push(&mut self, event: Event) {
        apply(&mut self.call, &event, self.now);
        self.events.push(event);
    }

    pub(crate) fn done(self) -> Vec<Event> {
        self.events
    }

    pub(crate) fn is_over(&self) -> bool {
        self.call.phase == Phase::Ended
    }

    /// Ends the call: invitations still open are taken back, then everybody is told.
    pub(crate) fn close(&mut self, ending: Ending) {
        let users: Vec<_> = self.call.pending().map(|p| p.user.clone()).collect();
        if !users.is_empty() {
            let reason = match ending.reason {
                Reason::Killed | Reason::Denied | Reason::Timeout => ending.reason,
                Reason::Completed
                | Reason::Canceled
                | Reason::Offline
                | Reason::Busy
                | Reason::Rejected
                | Reason::Disconnected
                | Reason::Lost => Reason::Canceled,
            };
            let code = if reason == ending.reason { ending.code } else { reason.code() };
            let note = ending.note.clone();
            self.push(Event::Canceled { users, reason, code, note });
        }
        self.push(Event::Ended {
            reason: ending.reason,
            code: ending.code,
            by: ending.by,
            cause: ending.cause,
            note: ending.note,
        });
    }

    /// Ends the call if nothing holds it open any more. `note` is that of whoever caused it.
    pub(crate) fn settle(&mut self, note: &Note) {
        if !self.is_over() && !holds(&self.call) {
            let ending = verdict(&self.call).note(note);
            self.close(ending);
        }
    }
}

/// Whether the call goes on.
fn holds(call: &Call) -> bool {
    let live = |s: State| s.is_in() || s.is_pending();
    if call.is_direct() {
        return call.participants.iter().all(|p| live(p.state));
    }
    let remaining = call.inside().count();
    let callees = || call.participants.iter().filter(|p| p.user != call.caller);
    // Where nobody was asked to ring, the quiet ones are what the caller waits for.
    let nobody_rings = callees().all(|p| p.ring != RingMode::Ring);
    let rung = call.pending().any(|p| p.ring == RingMode::Ring && p.user != call.caller)
        || (nobody_rings && call.pending().any(|p| p.user != call.caller));
    match call.phase {
        Phase::Ended => false,
        Phase::Active => {
            // A caller who left and was invited again is rung like anybody else.
            let rung = rung || call.pending().any(|p| p.ring == RingMode::Ring);
            remaining > 1 || (remaining == 1 && rung)
        }
        Phase::Inviting => {
            let caller = call.participant(&call.caller).is_some_and(|p| live(p.state));
            let answered = call.origin != Origin::User && callees().any(|p| p.state.is_in());
            caller && (rung || answered)
        }
    }
}

/// Why a call that nothing holds open ends (DESIGN section 3).
fn verdict(call: &Call) -> Ending {
    if call.phase == Phase::Active {
        let gone = |state| {
            let mut gone = call.participants.iter().filter(|p| p.left_at == Some(call.at));
            gone.find(|p| p.state == state)
        };
        return match (gone(State::Lost), gone(State::Left)) {
            (Some(lost), _) => {
                Ending::new(Reason::Disconnected).by(&lost.user).cause(Cause::Disconnected)
            }
            (None, Some(left)) => Ending::new(Reason::Completed).by(&left.user),
            (None, None) => Ending::new(Reason::Completed),
        };
    }
    let order = [
        (State::Rejected, Reason::Rejected),
        (State::Busy, Reason::Busy),
        (State::TimedOut, Reason::Timeout),
        (State::Offline, Reason::Offline),
        (State::Denied, Reason::Denied),
    ];
    for (state, reason) in order {
        if let Some(p) = call.participants.iter().find(|p| p.state == state) {
            let mut ending = Ending::new(reason);
            ending.by = p.device.is_some().then(|| p.user.clone());
            ending.cause = p.cause;
            return ending;
        }
    }
    let gone = || call.participants.iter().filter(|p| p.left_at == Some(call.at));
    if gone().any(|p| p.state == State::Canceled && p.cause == Some(Cause::Server)) {
        return Ending::new(Reason::Canceled).cause(Cause::Server);
    }
    let left = gone().find(|p| matches!(p.state, State::Left | State::Lost));
    let by = left.map_or(&call.caller, |p| &p.user);
    Ending { cause: left.and_then(|p| p.cause), ..Ending::new(Reason::Canceled).by(by) }
}
