//! What a log adds up to.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    call::{
        Call, Cause, Kind, Mode, Outcome, Participant, Phase, Proposal, Reach, Reason, RingMode,
        State,
    },
    event::{Created, Edit, Entry, Event, Invitee, Leaving, Refused},
    hook::{Asked, Hook},
    id::{DeviceId, Timestamp, UserId},
    link::{Link, Links, Reported},
    settings::{CONSENT_MS, FLAP_WINDOW_MS},
};

/// The call a log adds up to; none for an empty log or one that does not begin with `Created`.
pub fn fold<'a>(log: impl IntoIterator<Item = &'a Entry>) -> Option<Call> {
    let mut log = log.into_iter();
    let first = log.next()?;
    let Event::Created(created) = &first.event else { return None };
    let call = open(created, first.at);
    Some(log.fold(call, |call, entry| evolve(call, &entry.event, entry.at)))
}

/// The call as its first event makes it.
pub fn open(created: &Created, at: Timestamp) -> Call {
    let mut call = Call::blank(created, at);
    let caller = &created.caller;
    let joined = caller.device.is_some();
    call.participants.push(Participant {
        state: if joined { State::Joined } else { State::Invited },
        device: caller.device.clone(),
        joined_at: joined.then_some(at),
        told: caller.told,
        uid: caller.uid,
        reach: caller.reach,
        ..participant(caller.user.clone(), call.settings.ring_ms, at)
    });
    let caller = &created.caller.user;
    call.participants.extend(created.callees.iter().map(|i| invited(i, Some(caller), at)));
    call
}

/// The call after `event`, logged at `at`. `Created` opens a log and changes nothing later in it.
#[must_use]
pub fn evolve(mut call: Call, event: &Event, at: Timestamp) -> Call {
    apply(&mut call, event, at);
    call
}

pub(crate) fn apply(call: &mut Call, event: &Event, at: Timestamp) {
    call.seq += 1;
    call.at = at;
    match event {
        Event::Created(_) | Event::Started | Event::Pushed(_) => {}
        Event::Released { users } => {
            for user in users {
                if let Some(p) = of(call, user) {
                    p.held = false;
                    p.told = p.hears_invitations();
                    p.ring_until = at.after_ms(p.ring_ms);
                }
            }
        }
        Event::Reached { user } => set(call, user, |p| {
            p.reach = Reach::Online;
            p.reached_at = Some(at);
        }),
        Event::Ringing { user, .. } => set(call, user, |p| {
            p.state = State::Ringing;
            p.ringing_at = Some(at);
            p.reach = Reach::Online;
        }),
        Event::Silenced { user, device } => set(call, user, |p| {
            p.silenced.insert(device.clone());
        }),
        Event::Accepted { user, device, media, .. } => {
            set(call, user, |p| enter(p, device, at));
            if call.is_direct() {
                call.media = *media;
            }
            activate(call, at);
        }
        Event::Joined { user, device } => set(call, user, |p| {
            if !p.state.is_in() {
                enter(p, device, at);
            }
        }),
        Event::Rejected { user, device, reason, cause, .. } => set(call, user, |p| {
            refuse(p, *reason, at);
            p.device.clone_from(device);
            p.cause = *cause;
        }),
        Event::Canceled { users, reason, .. } => {
            let cause = (*reason == Reason::Killed).then_some(Cause::Server);
            for user in users {
                set(call, user, |p| {
                    p.state = State::Canceled;
                    p.cause = cause;
                    p.held = false;
                    p.left_at = Some(at);
                });
            }
        }
        Event::Added { by, users, .. } => add(call, by.as_ref(), users, at),
        Event::Entered { user, routed } => set(call, user, |p| connect(p, *routed)),
        Event::Left { user, how, cause, .. } => {
            let started = call.started_at;
            set(call, user, |p| {
                let state = match how {
                    Leaving::Left | Leaving::Removed => State::Left,
                    Leaving::Lost => State::Lost,
                };
                leave(p, state, started, at);
                p.cause = *cause;
            });
        }
        Event::Dropped { user, link } => {
            call.proposal = None;
            set(call, user, |p| drop_out(p, *link, at));
        }
        Event::Restored { user, link } => set(call, user, |p| restore(p, *link)),
        Event::Moved { user, to, .. } => set(call, user, |p| begin_stay(p, to)),
        Event::MediaProposed { user, media } => {
            let until = at.after_ms(CONSENT_MS);
            call.proposal = Some(Proposal { by: user.clone(), media: *media, until });
        }
        Event::MediaChanged { media, .. } => {
            call.media = *media;
            call.proposal = None;
        }
        Event::Edited(change) => edit(call, *change),
        Event::MediaRefused { .. } => call.proposal = None,
        Event::Acknowledged { user, device, seq } => set(call, user, |p| {
            p.acknowledged.insert((device.clone(), *seq));
        }),
        Event::MediaReported { user, report, device: _ } => {
            set(call, user, |p| p.reported.add(report));
        }
        Event::Asked(asked) => keep(call, asked),
        Event::Ended { reason, code, by, cause, note } => {
            let (by, note) = (by.clone(), note.clone());
            let (reason, code, cause) = (*reason, *code, *cause);
            end(call, Outcome { reason, code, by, cause, at, note });
        }
    }
}

fn edit(call: &mut Call, change: Edit) {
    call.forbid = change.forbid.unwrap_or(call.forbid);
    if let Some(ms) = change.max_ms {
        call.settings.max_ms = Some(ms).filter(|ms| *ms > 0);
    }
}

/// What was said of the start goes into the record; the rest is for readers of the log.
fn keep(call: &mut Call, asked: &Asked) {
    if asked.hook == Hook::Request {
        call.asked = Some(Arc::new(asked.clone()));
    }
}

fn of<'a>(call: &'a mut Call, user: &UserId) -> Option<&'a mut Participant> {
    call.participants.iter_mut().find(|p| p.user == *user)
}

fn set(call: &mut Call, user: &UserId, change: impl FnOnce(&mut Participant)) {
    if let Some(p) = of(call, user) {
        change(p);
    }
}

fn participant(user: UserId, ring_ms: u64, at: Timestamp) -> Participant {
    Participant {
        user,
        uid: None,
        state: State::Invited,
        ring: RingMode::Ring,
        device: None,
        by: None,
        told: false,
        held: false,
        silenced: BTreeSet::new(),
        reach: Reach::Online,
        unavailable: None,
        reached_at: None,
        invited_at: at,
        ring_ms,
        ring_until: at.after_ms(ring_ms),
        ringing_at: None,
        joined_at: None,
        links: Links::FRESH,
        reported: Reported::default(),
        gone_at: None,
        left_at: None,
        talked_ms: 0,
        entered: false,
        cause: None,
        flaps: 0,
        flaps_since: Timestamp(0),
        acknowledged: BTreeSet::new(),
    }
}

fn invited(invitee: &Invitee, by: Option<&UserId>, at: Timestamp) -> Participant {
    Participant {
        uid: invitee.uid,
        ring: invitee.ring,
        by: by.cloned(),
        told: invitee.told,
        held: invitee.held,
        reach: invitee.reach,
        unavailable: invitee.unavailable,
        ..participant(invitee.user.clone(), invitee.ring_ms, at)
    }
}

/// Inviting a third makes a group of a direct call; one invited again keeps what they talked.
fn add(call: &mut Call, by: Option<&UserId>, users: &[Invitee], at: Timestamp) {
    call.kind = Kind::Group;
    call.proposal = None;
    for invitee in users {
        let fresh = invited(invitee, by, at);
        match of(call, &invitee.user) {
            Some(old) => {
                *old = Participant {
                    talked_ms: old.talked_ms,
                    acknowledged: std::mem::take(&mut old.acknowledged),
                    ..fresh
                }
            }
            None => call.participants.push(fresh),
        }
    }
}

fn enter(p: &mut Participant, device: &DeviceId, at: Timestamp) {
    begin_stay(p, device);
    p.joined_at = Some(at);
    p.left_at = None;
    p.cause = None;
    p.held = false;
}

fn begin_stay(p: &mut Participant, device: &DeviceId) {
    p.state = State::Joined;
    p.device = Some(device.clone());
    p.links = Links::FRESH;
    p.reported = Reported::default();
    p.gone_at = None;
    p.entered = false;
}

/// A call is active once the caller and a callee are in it. An invitation never is.
fn activate(call: &mut Call, at: Timestamp) {
    let caller_in = call.participant(&call.caller).is_some_and(|p| p.state.is_in());
    if call.mode == Mode::Call
        && call.phase == Phase::Inviting
        && caller_in
        && call.inside().count() > 1
    {
        call.phase = Phase::Active;
        call.started_at = Some(at);
    }
}

fn refuse(p: &mut Participant, reason: Refused, at: Timestamp) {
    p.state = match reason {
        Refused::Rejected => State::Rejected,
        Refused::Busy => State::Busy,
        Refused::Offline => State::Offline,
        Refused::Timeout => State::TimedOut,
        Refused::Denied => State::Denied,
    };
    p.held = false;
    p.left_at = Some(at);
}

fn drop_out(p: &mut Participant, link: Link, at: Timestamp) {
    p.state = State::Dropped;
    p.links = p.links.without(link);
    if p.links.are_gone() {
        p.gone_at = Some(at);
    }
    if at.since_ms(p.flaps_since) > FLAP_WINDOW_MS {
        p.flaps = 0;
        p.flaps_since = at;
    }
    p.flaps = p.flaps.saturating_add(1);
}

fn connect(p: &mut Participant, routed: bool) {
    p.entered = true;
    if routed {
        p.links = p.links.with(Link::Media);
        // Whoever has no connection meanwhile is there by their media.
        p.gone_at = None;
    }
}

fn restore(p: &mut Participant, link: Link) {
    p.links = p.links.with(link);
    p.gone_at = None;
    if p.links.are_whole() {
        p.state = State::Joined;
    }
}

fn leave(p: &mut Participant, state: State, started: Option<Timestamp>, at: Timestamp) {
    if let (Some(joined), Some(started)) = (p.joined_at, started) {
        p.talked_ms += at.since_ms(joined.max(started));
    }
    p.state = state;
    p.left_at = Some(at);
    p.gone_at = None;
}

fn end(call: &mut Call, outcome: Outcome) {
    let (reason, at) = (outcome.reason, outcome.at);
    call.phase = Phase::Ended;
    call.proposal = None;
    let started = call.started_at;
    for p in &mut call.participants {
        match p.state {
            State::Joined => leave(p, State::Left, started, at),
            State::Dropped if reason == Reason::Disconnected => leave(p, State::Lost, started, at),
            State::Dropped => leave(p, State::Left, started, at),
            State::Invited | State::Ringing => {
                p.state = State::Canceled;
                p.left_at = Some(at);
            }
            State::Left
            | State::Rejected
            | State::Busy
            | State::Offline
            | State::TimedOut
            | State::Canceled
            | State::Denied
            | State::Lost => {}
        }
    }
    call.ended = Some(outcome);
}
