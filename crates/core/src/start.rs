//! How a call begins, or why it does not.

use crate::{
    availability::{ShownAs, Unavailable},
    call::Call,
    call::{Cause, Kind, Mode, Origin, Reach, Reason, RingMode},
    collision::{Collision, collide},
    command::{Callee, Changes, Order, Refusal, Start, Verdict},
    draft::{Draft, Ending},
    event::{Caller, Created, Event, Invitee, Refused},
    id::{CallId, Timestamp, UserId},
    note::{CONTENT_BYTES, Note},
    settings::{MAX_TIME_MAX_S, PENDING_INVITES_MAX, REACH_TIME_MAX_S, RING_TIME_S},
};

/// What a start leads to. Everything in it is appended together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// A new call.
    New(Vec<Event>),
    /// The caller's old call to the same party ends, and a new one begins (R5).
    Recall {
        /// The old call.
        old: CallId,
        /// What happens in it.
        ending: Vec<Event>,
        /// What happens in the new one.
        events: Vec<Event>,
    },
    /// The start is the caller's answer to the callee's own call (R4): do this instead.
    Glare {
        /// The earlier call.
        call: CallId,
        /// What the caller asks of it.
        order: Order,
    },
    /// The business server vetoed it: the log says so, and the caller is refused (R21).
    Denied {
        /// What is logged.
        events: Vec<Event>,
        /// What the caller is told.
        refusal: Refusal,
    },
}

/// Decides how the call asked for begins. `claim` is the call that claims the caller.
pub fn start(start: Start, claim: Option<&Call>, now: Timestamp) -> Result<Opening, Refusal> {
    validate(&start)?;
    let collision = collide(&start, claim);
    match (collision, claim) {
        (Collision::Glare, Some(claim)) => {
            let order = Order::Accept {
                media: Some(start.media),
                claimed: Some(claim.id),
                note: start.note,
            };
            Ok(Opening::Glare { call: claim.id, order })
        }
        (Collision::Busy, Some(claim)) => Err(Refusal::BusySelf(claim.id)),
        (Collision::Recall, Some(claim)) => {
            let opening = begin(start, Some(claim.id), now)?;
            let Opening::New(events) = opening else { return Ok(opening) };
            let mut old = Draft::new(claim, now);
            old.close(Ending::new(Reason::Disconnected).cause(Cause::Disconnected));
            Ok(Opening::Recall { old: claim.id, ending: old.done(), events })
        }
        (_, None) | (Collision::None, Some(_)) => begin(start, None, now),
    }
}

fn begin(mut start: Start, replaced: Option<CallId>, now: Timestamp) -> Result<Opening, Refusal> {
    let denied = match std::mem::replace(&mut start.verdict, Verdict::Allow(Box::default())) {
        Verdict::Allow(changes) => {
            amend(&mut start, *changes);
            validate(&start)?;
            None
        }
        Verdict::Deny { code, text } => Some((code, text)),
    };
    let busy =
        |c: &Callee| start.mode == Mode::Call && c.claimed.is_some() && c.claimed != replaced;
    let refused: Vec<(UserId, Refused, u32, Option<Cause>)> = start
        .callees
        .iter()
        .filter_map(|c| {
            let user = c.user.clone();
            if let Some((code, _)) = &denied {
                return Some((user, Refused::Denied, *code, None));
            }
            if let Some(unavailable) = c.unavailable {
                return refused_by_policy(unavailable)
                    .map(|(how, code, cause)| (user, how, code, cause));
            }
            if busy(c) {
                return Some((user, Refused::Busy, Reason::Busy.code(), None));
            }
            let gone = c.reach == Reach::Absent && start.settings.reach_ms == 0;
            gone.then_some((user, Refused::Offline, Reason::Offline.code(), Some(Cause::Absent)))
        })
        .collect();
    let asked = start.asked.take();
    let created = created(start, &refused);
    let caller_absent = created.caller.device.is_none()
        && created.caller.reach == Reach::Absent
        && created.settings.reach_ms == 0;
    let caller = created.caller.user.clone();
    let mut draft = Draft::open(created, now);
    if let Some(asked) = asked {
        draft.push(Event::Asked(asked));
    }
    for (user, reason, code, cause) in refused {
        draft.push(Event::Rejected {
            user,
            device: None,
            reason,
            code,
            cause,
            note: Note::default(),
        });
    }
    if caller_absent && denied.is_none() {
        draft.push(Event::Rejected {
            user: caller,
            device: None,
            reason: Refused::Offline,
            code: Reason::Offline.code(),
            cause: Some(Cause::Absent),
            note: Note::default(),
        });
    }
    if let Some((code, text)) = denied {
        draft.close(Ending::new(Reason::Denied).code(code));
        let mut events = draft.done();
        hush(&mut events);
        return Ok(Opening::Denied { events, refusal: Refusal::Denied { code, text } });
    }
    draft.settle(&Note::default());
    let over = draft.is_over();
    let mut events = draft.done();
    if over {
        hush(&mut events);
    }
    Ok(Opening::New(events))
}

/// How an invitation ends at once that the callee does not want. It does not depend on where they
/// are: whoever is not to ring them is not to learn that either.
pub(crate) fn refused_by_policy(unavailable: Unavailable) -> Option<(Refused, u32, Option<Cause>)> {
    match unavailable.shown_as {
        ShownAs::Busy => Some((Refused::Busy, Reason::Busy.code(), Some(Cause::Policy))),
        ShownAs::NoAnswer => None,
    }
}

/// A call that is over in the append that begins it rings nobody.
fn hush(events: &mut [Event]) {
    if let Some(Event::Created(created)) = events.first_mut() {
        created.caller.told = false;
        for callee in &mut created.callees {
            callee.told = false;
        }
    }
}

fn created(start: Start, refused: &[(UserId, Refused, u32, Option<Cause>)]) -> Created {
    let kind = start.kind.unwrap_or(match start.callees.len() {
        1 => Kind::Direct,
        _ => Kind::Group,
    });
    let held = start.origin == Origin::Server;
    let by_user = start.origin == Origin::User;
    let ring_ms = start.settings.ring_ms;
    let callees = start.callees.into_iter().map(|c| {
        let out = refused.iter().any(|(user, ..)| *user == c.user);
        invitee(c, ring_ms, held, !out)
    });
    Created {
        app: start.app,
        call: start.call,
        mode: start.mode,
        kind,
        media: start.media,
        origin: start.origin,
        callees: callees.collect(),
        caller: Caller {
            user: start.caller.user,
            uid: start.uid,
            device: start.caller.device.filter(|_| by_user),
            told: !by_user,
            reach: start.reach,
        },
        note: start.note,
        group: start.group,
        channel: start.channel,
        forbid: start.forbid,
        settings: start.settings,
        room: (start.mode == Mode::Call).then_some(start.room),
        push: start.push,
    }
}

pub(crate) fn invitee(callee: Callee, ring_ms: u64, held: bool, reachable: bool) -> Invitee {
    Invitee {
        user: callee.user,
        uid: callee.uid,
        ring: callee.ring,
        ring_ms: callee.ring_ms.unwrap_or(ring_ms),
        told: reachable && !held && callee.ring != RingMode::Silent && callee.unavailable.is_none(),
        held,
        reach: callee.reach,
        unavailable: callee.unavailable,
    }
}

fn amend(start: &mut Start, changes: Changes) {
    if let Some(forbid) = changes.forbid {
        start.forbid = forbid;
    }
    if let Some(ring_ms) = changes.ring_ms {
        start.settings.ring_ms = ring_ms;
    }
    if let Some(max_ms) = changes.max_ms {
        start.settings.max_ms = Some(max_ms);
    }
    if let Some(callees) = changes.callees {
        start.callees = callees;
    }
    if let Some(content) = changes.content {
        start.note.content = Some(content);
    }
}

/// R15: what can be refused by looking at the request alone.
fn validate(start: &Start) -> Result<(), Refusal> {
    check_callees(&start.callees, &start.caller.user)?;
    let count = start.callees.len();
    if start.kind == Some(Kind::Direct) && count != 1 {
        return Err(Refusal::invalid("to", "a direct call has one callee; ask for kind group"));
    }
    if count + 1 > start.settings.group_size {
        let text = format!("at most {} participants, you included", start.settings.group_size);
        return Err(Refusal::invalid("to", text));
    }
    if start.mode == Mode::Invite {
        if count != 1 || start.kind == Some(Kind::Group) {
            return Err(Refusal::invalid("to", "an invitation has one callee"));
        }
        if start.pending_invites >= PENDING_INVITES_MAX {
            let text = format!("you have {PENDING_INVITES_MAX} unanswered invitations");
            return Err(Refusal::invalid("to", text));
        }
        if start.callees.iter().any(|c| c.pending_invites >= PENDING_INVITES_MAX) {
            let text = format!("they have {PENDING_INVITES_MAX} unanswered invitations");
            return Err(Refusal::invalid("to[0]", text));
        }
    }
    check_note(&start.note)?;
    check_ring("ring_time", start.settings.ring_ms)?;
    if start.settings.reach_ms > REACH_TIME_MAX_S * 1000 {
        let text = format!("at most {REACH_TIME_MAX_S} seconds");
        return Err(Refusal::invalid("reach_time", text));
    }
    if start.settings.max_ms.is_some_and(|ms| !(1000..=MAX_TIME_MAX_S * 1000).contains(&ms)) {
        let text = format!("1 to {MAX_TIME_MAX_S} seconds");
        return Err(Refusal::invalid("max_time", text));
    }
    Ok(())
}

/// Refuses an empty list, a duplicate, the sender themselves, and ring times out of range.
pub(crate) fn check_callees(callees: &[Callee], sender: &UserId) -> Result<(), Refusal> {
    if callees.is_empty() {
        return Err(Refusal::invalid("to", "name at least one user"));
    }
    let mut seen = std::collections::BTreeSet::new();
    for (i, callee) in callees.iter().enumerate() {
        if callee.user == *sender {
            return Err(Refusal::invalid(format!("to[{i}]"), "you cannot call yourself"));
        }
        if !seen.insert(&callee.user) {
            return Err(Refusal::invalid(format!("to[{i}]"), "named twice"));
        }
        if let Some(ring_ms) = callee.ring_ms {
            check_ring(&format!("to[{i}].ring_time"), ring_ms)?;
        }
    }
    Ok(())
}

pub(crate) fn check_note(note: &Note) -> Result<(), Refusal> {
    if note.fits() {
        return Ok(());
    }
    Err(Refusal::invalid("content", format!("at most {CONTENT_BYTES} bytes")))
}

fn check_ring(field: &str, ms: u64) -> Result<(), Refusal> {
    let (least, most) = (*RING_TIME_S.start(), *RING_TIME_S.end());
    if (least * 1000..=most * 1000).contains(&ms) {
        return Ok(());
    }
    Err(Refusal::invalid(field, format!("{least} to {most} seconds")))
}
