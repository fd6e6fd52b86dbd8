//! What a device is told when it comes: every call of its user, and what it missed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bellwire_core::{
    AppKey, Call, CallId, Command, DeviceId, Entry, Event, Order, Phase, State, UserId, audience,
    evolve, open,
};
use bellwire_protocol::{
    CallInfo, CloseCode, Cursor, Json, WireError,
    reply::{HelloOk, Limits},
    reply_frame,
};

use super::{Switchboard, render::render};
use crate::{
    calls::Known,
    sessions::{Outbox, Session},
};

/// A hello that has been let in.
#[derive(Debug)]
pub(crate) struct HelloAsk {
    pub(crate) session: Arc<Session>,
    pub(crate) outbox: Arc<Outbox>,
    /// The request's id.
    pub(crate) id: u64,
    pub(crate) resumed: bool,
    pub(crate) uid: bellwire_core::Uid,
    /// What the device has seen of each call.
    pub(crate) cursors: BTreeMap<CallId, Cursor>,
}

impl Switchboard {
    /// Says to every call of the user that this device is here.
    pub(crate) async fn arrive(self: &Arc<Self>, session: &Session) {
        self.woken(session);
        for call in self.calls.of_user(&session.app, &session.user) {
            let Some(me) = call.participant(&session.user) else { continue };
            let user = session.user.clone();
            let command = match me.state {
                State::Invited | State::Ringing => Command::Reached { user },
                State::Dropped => Command::Back { user, device: session.device.clone() },
                _ => continue,
            };
            self.act(&session.app, call.id, command).await;
        }
    }

    /// Says to every call this device is in that its connection is lost.
    pub(crate) async fn depart(self: &Arc<Self>, session: &Session) {
        for call in self.calls.of_user(&session.app, &session.user) {
            let Some(me) = call.participant(&session.user) else { continue };
            if me.state == State::Joined && me.device.as_ref() == Some(&session.device) {
                let (user, device) = (session.user.clone(), session.device.clone());
                self.act(&session.app, call.id, Command::Gone { user, device }).await;
            }
        }
    }

    /// Leaves every call this device is in, as its logout does.
    pub(crate) async fn hang_up_device(self: &Arc<Self>, session: &Session) {
        for call in self.calls.of_user(&session.app, &session.user) {
            let command = Command::User { by: session.actor(), order: Order::Logout };
            self.act(&session.app, call.id, command).await;
        }
    }

    /// Opens the stays of a session the journal kept, so that what happens before its device is
    /// back is sent to it even where it holds no cursor.
    pub(crate) fn expect_back(&self, session: &Session) {
        for call in self.calls.known_of_user(&session.app, &session.user) {
            let Some(known) = self.calls.known(&session.app, call.id) else { continue };
            if has_stay(&call, &session.user, &session.device) {
                session.begin_stay(call.id, begun_by(session, &known.log).unwrap_or(call.seq));
            }
        }
    }

    /// Answers a hello, and sends what the device missed. Calls that are only on disk are read
    /// before; the rest happens at one point of the journal's order, so that what comes later
    /// follows and nothing comes twice.
    ///
    /// Refused where one of those calls cannot be read: what is left out now would never follow.
    pub(crate) async fn welcome(self: &Arc<Self>, ask: HelloAsk) -> Result<(), Box<WireError>> {
        self.renew_passes(&ask.session, None).await;
        let (app, user) = (ask.session.app.clone(), ask.session.user.clone());
        let (mut old, mut live) = (Vec::new(), Vec::new());
        let stays = ask.session.stays();
        for call in ask.cursors.keys().chain(stays.keys().filter(|c| !ask.cursors.contains_key(c)))
        {
            // One that is over may leave memory while this waits for its turn.
            match self.known(&app, *call).await? {
                Some(known) if known.call.phase != Phase::Ended => live.push(*call),
                Some(known) if known.call.participant(&user).is_some() => old.push(known),
                Some(_) | None => {}
            }
        }
        let HelloAsk { session, outbox, id, resumed, uid, cursors } = ask;
        let board = self.clone();
        self.storage.submit_in_turn(Vec::new(), move || {
            if live.iter().any(|call| board.calls.load(&session.app, *call).is_none()) {
                // Over and out of memory since: it has to be read, and nothing waits here.
                let text = "the disk was slow; reconnect and resume";
                return outbox.close(CloseCode::Draining, text);
            }
            let calls = board.calls.known_of_user(&session.app, &session.user);
            let ok = HelloOk {
                session: session.id.clone(),
                resumed,
                user: session.user.clone(),
                uid,
                time: board.now(),
                caps: Vec::new(),
                calls: board.listed(&calls, &session),
                limits: Limits::default(),
                web_push_key: board.push.web_key(&session.app),
            };
            let mut frames = vec![reply_frame(id, &Json::of(&ok))];
            let covered = board.replay(&session, &mut frames, &cursors, &old);
            let stays = calls.iter().filter(|c| has_stay(c, &session.user, &session.device));
            let stays = stays.map(|call| (call.id, call.seq)).collect();
            session.greet(&outbox, frames, stays, covered);
        });
        Ok(())
    }

    /// Every live call the user may act in.
    fn listed(&self, calls: &[Arc<Call>], session: &Session) -> Vec<CallInfo> {
        let user = &session.user;
        let open = |call: &&Arc<Call>| {
            let me = call.participant(user);
            me.is_some_and(|p| p.state.is_in() || p.may_answer())
        };
        let now = self.now();
        let info = |call: &Arc<Call>| {
            let room = self.media.room_for(call, user, &session.device, now);
            CallInfo::of(call, Some(user), now, room)
        };
        calls.iter().filter(open).map(info).collect()
    }

    /// What a repeated request led to, which was lost with its first answer; none if it left
    /// nothing in the log.
    pub(crate) async fn catch_up(
        &self,
        session: &Session,
        call: CallId,
        request: u64,
    ) -> Result<Option<Vec<Arc<str>>>, Box<WireError>> {
        let Some(known) = self.known(&session.app, call).await? else { return Ok(None) };
        let own = session.request(request);
        let first = known.log.iter().find(|e| e.request.as_ref() == Some(&own));
        Ok(first.map(|first| self.missed(&session.app, &known, session, first.seq - 1)))
    }

    /// Sends what the device missed of the calls it names, and of those that are known to have
    /// been told to its session or begun by it; which calls those are.
    fn replay(
        &self,
        session: &Session,
        frames: &mut Vec<Arc<str>>,
        cursors: &BTreeMap<CallId, Cursor>,
        old: &[Known],
    ) -> BTreeSet<CallId> {
        let named = cursors.iter().map(|(call, cursor)| (*call, cursor.seq().unwrap_or(0)));
        let mut seen = session.stays();
        // A call it has no cursor of is one of which it got no event, only the answer that it
        // began.
        let live = self.calls.known_of_user(&session.app, &session.user);
        seen.extend(live.iter().filter_map(|call| {
            let known = self.calls.known(&session.app, call.id)?;
            Some((call.id, begun_by(session, &known.log)?))
        }));
        seen.extend(named);
        let covered = seen.keys().copied().collect();
        for (call, after) in seen {
            let in_memory = self.calls.known(&session.app, call);
            let Some(known) = in_memory.as_ref().or_else(|| old.iter().find(|k| k.call.id == call))
            else {
                continue;
            };
            frames.extend(self.missed(&session.app, known, session, after));
        }
        covered
    }

    /// The frames for this device of what was logged after `after`. A stop-ring that its cursor
    /// covers has reached it, acknowledged or not, and is not sent twice.
    fn missed(&self, app: &AppKey, known: &Known, session: &Session, after: u64) -> Vec<Arc<str>> {
        let mine = (&session.user, &session.device);
        if known.call.app != *app || known.call.participant(mine.0).is_none() {
            return Vec::new();
        }
        let mut frames = Vec::new();
        let mut call: Option<Call> = None;
        for entry in &known.log {
            let Some((notices, next)) = step(call.take(), entry) else { return frames };
            if entry.seq > after {
                let own = notices.iter().filter(|n| n.reaches(mine.0, mine.1));
                frames.extend(own.map(|n| render(&self.media, n, entry, &next, self.now())));
            }
            call = Some(next);
        }
        frames
    }
}

fn step(before: Option<Call>, entry: &Entry) -> Option<(Vec<bellwire_core::Notice>, Call)> {
    match (before, &entry.event) {
        (None, Event::Created(created)) => {
            let call = open(created, entry.at);
            Some((audience(&call, &entry.event), call))
        }
        (None, _) => None,
        (Some(call), event) => {
            let notices = audience(&call, event);
            Some((notices, evolve(call, event, entry.at)))
        }
    }
}

/// Where the session itself began its device's latest stay, unless the device has confirmed what
/// ended it.
fn begun_by(session: &Session, log: &[Arc<Entry>]) -> Option<u64> {
    let own = |e: &&Arc<Entry>| e.request.as_ref().is_some_and(|r| r.session == session.id);
    let begins = |e: &&Arc<Entry>| match &e.event {
        Event::Created(_) => true,
        Event::Accepted { user, .. } | Event::Joined { user, .. } | Event::Moved { user, .. } => {
            *user == session.user
        }
        _ => false,
    };
    let begun = log.iter().rev().filter(own).find(begins)?.seq;
    let confirms = |e: &Arc<Entry>| match &e.event {
        Event::Acknowledged { user, device, seq } => {
            *user == session.user && *device == session.device && *seq > begun
        }
        _ => false,
    };
    (!log.iter().any(confirms)).then_some(begun)
}

/// Whether a device of the user is in the call or rung by it.
fn has_stay(call: &Call, user: &UserId, device: &DeviceId) -> bool {
    call.phase != Phase::Ended
        && call.participant(user).is_some_and(|p| {
            (p.state.is_in() && p.device.as_ref() == Some(device))
                || (p.is_rung() && !p.silenced.contains(device))
        })
}
