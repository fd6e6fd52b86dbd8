//! Live and lately ended calls of each app.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use ahash::HashMap;
use bellwire_core::{
    AppKey, Call, CallId, Entry, Mode, Participant, Phase, Timestamp, UserId, fold,
};
use bellwire_protocol::{Json, Record};
use parking_lot::{Mutex, RwLock};

use super::{Plan, Rooms};
use crate::{
    journal::{LegRow, LogRow, RecordRow, Row},
    storage::Storage,
};

/// A call as devices may know it: what is durable and has been told, and its log so far.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) call: Arc<Call>,
    pub(crate) log: Vec<Arc<Entry>>,
}

/// The record of a call that an append ended.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    pub(crate) call: Arc<Call>,
    pub(crate) serial: u64,
    pub(crate) record: Json,
}

/// The calls an append was decided upon have changed meanwhile, or a claim was taken: decide again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Conflict;

#[derive(Debug)]
struct Held {
    /// As appended; may be ahead of the disk.
    latest: Arc<Call>,
    /// As told; none until its beginning is durable.
    told: Option<Arc<Call>>,
    log: Vec<Arc<Entry>>,
}

#[derive(Debug, Default)]
struct App {
    calls: HashMap<CallId, Held>,
    live: usize,
    claims: HashMap<UserId, CallId>,
    /// The calls a user is in or invited to, or was in and may come back to, until their end has
    /// been told.
    of_user: HashMap<UserId, BTreeSet<CallId>>,
    /// Ended calls still in memory, oldest first.
    ended: VecDeque<(Timestamp, CallId)>,
    serial: u64,
    /// The last position in the feed: how many entries were appended to all its calls.
    position: u64,
}

/// All calls in memory.
pub(crate) struct Calls {
    apps: RwLock<HashMap<AppKey, Arc<Mutex<App>>>>,
    rooms: Rooms,
    storage: Arc<dyn Storage>,
    /// How long an ended call stays in memory, so that devices coming back find it there.
    keep_ms: u64,
}

impl Calls {
    pub(crate) fn new(storage: Arc<dyn Storage>, keep_ms: u64) -> Self {
        Self { apps: RwLock::default(), rooms: Rooms::default(), storage, keep_ms }
    }

    fn app(&self, app: &AppKey) -> Arc<Mutex<App>> {
        if let Some(found) = self.apps.read().get(app) {
            return found.clone();
        }
        self.apps.write().entry(app.clone()).or_default().clone()
    }

    /// Puts back what the journal kept, unless it is here. A log that does not begin as one is
    /// passed over.
    pub(crate) fn restore(&self, app: &AppKey, log: Vec<Entry>, now: Timestamp) {
        let Some(call) = fold(&log).map(Arc::new) else { return };
        let app = self.app(app);
        let mut app = app.lock();
        if app.calls.contains_key(&call.id) {
            return;
        }
        let log = log.into_iter().map(Arc::new).collect();
        if call.ended.is_some() {
            app.ended.push_back((now, call.id));
        } else {
            app.live += 1;
            if let Some(room) = call.room {
                self.rooms.keep(room);
            }
            for user in call.claims() {
                app.claims.insert(user.clone(), call.id);
            }
            for p in &call.participants {
                app.of_user.entry(p.user.clone()).or_default().insert(call.id);
            }
        }
        app.calls.insert(call.id, Held { latest: call.clone(), told: Some(call), log });
    }

    /// Sets the last serial given to a record of `app`.
    pub(crate) fn restore_serial(&self, app: &AppKey, serial: u64) {
        self.app(app).lock().serial = serial;
    }

    /// The last serial given to a record of `app`.
    pub(crate) fn last_serial(&self, app: &AppKey) -> u64 {
        self.app(app).lock().serial
    }

    /// The last position in the feed of `app`.
    pub(crate) fn position(&self, app: &AppKey) -> u64 {
        self.app(app).lock().position
    }

    /// Sets the last position in the feed of `app`.
    pub(crate) fn restore_position(&self, app: &AppKey, position: u64) {
        self.app(app).lock().position = position;
    }

    /// A room number no live call has.
    pub(crate) fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// The call as appended so far, live or ended lately.
    pub(crate) fn load(&self, app: &AppKey, call: CallId) -> Option<Arc<Call>> {
        self.app(app).lock().calls.get(&call).map(|held| held.latest.clone())
    }

    /// The call as told so far, with its log.
    pub(crate) fn known(&self, app: &AppKey, call: CallId) -> Option<Known> {
        self.app(app).lock().calls.get(&call).and_then(Held::known)
    }

    /// The call that claims `user`.
    pub(crate) fn claim(&self, app: &AppKey, user: &UserId) -> Option<Arc<Call>> {
        let app = self.app(app);
        let app = app.lock();
        let call = app.claims.get(user)?;
        app.calls.get(call).map(|held| held.latest.clone())
    }

    /// Every claim of `app`, by user.
    pub(crate) fn all_claims(&self, app: &AppKey) -> Vec<(UserId, CallId)> {
        let app = self.app(app);
        let app = app.lock();
        let mut claims: Vec<_> = app.claims.iter().map(|(u, c)| (u.clone(), *c)).collect();
        claims.sort();
        claims
    }

    /// The calls that claim each of `users`, all seen at one moment.
    pub(crate) fn claims<'a>(
        &self,
        app: &AppKey,
        users: impl IntoIterator<Item = &'a UserId>,
    ) -> Vec<Option<Arc<Call>>> {
        let app = self.app(app);
        let app = app.lock();
        let claim = |user| app.calls.get(app.claims.get(user)?).map(|held| held.latest.clone());
        users.into_iter().map(claim).collect()
    }

    /// The live calls `user` has to do with, as appended.
    pub(crate) fn of_user(&self, app: &AppKey, user: &UserId) -> Vec<Arc<Call>> {
        let app = self.app(app);
        let app = app.lock();
        let ids = app.of_user.get(user).into_iter().flatten();
        let latest = ids.filter_map(|id| app.calls.get(id)).map(|held| &held.latest);
        latest.filter(|call| call.phase != Phase::Ended).cloned().collect()
    }

    /// The live calls `user` has to do with, as told.
    pub(crate) fn known_of_user(&self, app: &AppKey, user: &UserId) -> Vec<Arc<Call>> {
        let app = self.app(app);
        let app = app.lock();
        let ids = app.of_user.get(user).into_iter().flatten();
        ids.filter_map(|id| app.calls.get(id)).filter_map(|held| held.told.clone()).collect()
    }

    /// Unanswered `invite` calls of `user`: sent, and received.
    pub(crate) fn pending_invites(&self, app: &AppKey, user: &UserId) -> (usize, usize) {
        let calls = self.of_user(app, user);
        let open = calls.iter().filter(|c| c.mode == Mode::Invite && c.phase != Phase::Ended);
        let (sent, received): (Vec<_>, Vec<_>) = open.partition(|c| c.caller == *user);
        (sent.len(), received.len())
    }

    /// How many live calls `app` has.
    pub(crate) fn live(&self, app: &AppKey) -> usize {
        self.app(app).lock().live
    }

    /// The live calls of `app`, oldest first, as told.
    pub(crate) fn list(&self, app: &AppKey) -> Vec<Arc<Call>> {
        let app = self.app(app);
        let app = app.lock();
        let mut calls: Vec<_> = app.of_live().collect();
        calls.sort_by_key(|call| call.id);
        calls
    }

    /// Every live call of every app, oldest first, as appended.
    pub(crate) fn all(&self) -> Vec<Arc<Call>> {
        let apps: Vec<_> = self.apps.read().values().cloned().collect();
        let live = |app: Arc<Mutex<App>>| -> Vec<_> {
            app.lock().calls.values().map(|held| held.latest.clone()).collect()
        };
        let all = apps.into_iter().flat_map(live).filter(|c| c.phase != Phase::Ended);
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|call| call.id);
        all
    }

    /// The ended calls in memory that `user` was in.
    pub(crate) fn ended_of(&self, app: &AppKey, user: &UserId) -> BTreeSet<CallId> {
        let app = self.app(app);
        let app = app.lock();
        let named = |(_, call): &&(Timestamp, CallId)| {
            let held = app.calls.get(call);
            held.is_some_and(|held| held.latest.participant(user).is_some())
        };
        app.ended.iter().filter(named).map(|(_, call)| *call).collect()
    }

    /// Drops ended calls from memory, where the journal has all of them; whether any was there.
    pub(crate) fn drop_ended(&self, app: &AppKey, calls: &BTreeSet<CallId>) -> bool {
        let app = self.app(app);
        let mut app = app.lock();
        let mut were_there = false;
        for call in calls {
            let Some(held) = app.calls.get(call) else { continue };
            were_there |= held.latest.phase == Phase::Ended;
            if held.latest.phase == Phase::Ended && !held.is_untold() {
                app.calls.remove(call);
            }
        }
        let App { ended, calls, .. } = &mut *app;
        ended.retain(|(_, call)| calls.contains_key(call));
        were_there
    }

    /// Appends `plan` if the calls are as it was decided upon and every claim it takes is free.
    /// `rows` go to disk with it; `told` runs once that is durable.
    pub(crate) fn append(
        self: &Arc<Self>,
        app_key: &AppKey,
        plan: &Arc<Plan>,
        mut rows: Vec<Row>,
        told: impl FnOnce(Vec<Finished>) + Send + 'static,
    ) -> Result<(), Conflict> {
        let app = self.app(app_key);
        let mut state = app.lock();
        state.check(plan)?;
        if self.storage.is_contended() {
            return Err(Conflict);
        }
        let mut finished = Vec::new();
        for change in plan.iter() {
            let after = &change.after;
            let entries: Vec<_> = change.steps.iter().map(|s| Entry::clone(&s.entry)).collect();
            let (app, call, ended) = (app_key.clone(), after.id, after.phase == Phase::Ended);
            let position = state.position + 1;
            state.position += entries.len() as u64;
            rows.push(Row::Log(LogRow { app, call, entries, ended, position }));
            if state.apply(change) {
                state.serial += 1;
                let serial = state.serial;
                if let Some(record) = Record::of(after, serial) {
                    let json = Json::of(&record);
                    rows.push(record_row(app_key, after, &record, json.clone()));
                    finished.push(Finished { call: after.clone(), serial, record: json });
                }
                if let Some(room) = after.room {
                    self.rooms.free(room);
                }
            }
        }
        state.forget(self.keep_ms, plan.first().map_or(Timestamp(0), |c| c.after.at));
        let (calls, app_key, plan) = (self.clone(), app_key.clone(), plan.clone());
        // Submitted under the lock: the journal's order is the order of the appends.
        self.storage.submit(rows, move || {
            calls.mark_told(&app_key, &plan);
            told(finished);
        });
        Ok(())
    }

    fn mark_told(&self, app: &AppKey, plan: &Plan) {
        let app = self.app(app);
        let mut app = app.lock();
        for change in plan {
            if let Some(held) = app.calls.get_mut(&change.after.id) {
                held.told = Some(change.after.clone());
            }
            if change.after.phase == Phase::Ended {
                app.part(&change.after);
            }
        }
    }
}

impl Held {
    fn known(&self) -> Option<Known> {
        let call = self.told.clone()?;
        let told = usize::try_from(call.seq).unwrap_or(usize::MAX);
        let log = self.log.iter().take(told).cloned().collect();
        Some(Known { call, log })
    }

    /// Whether the disk does not have all of it yet.
    fn is_untold(&self) -> bool {
        self.told.as_ref().is_none_or(|told| told.seq < self.latest.seq)
    }
}

impl App {
    fn of_live(&self) -> impl Iterator<Item = Arc<Call>> {
        self.calls.values().filter_map(|h| h.told.clone()).filter(|c| c.phase != Phase::Ended)
    }

    fn check(&self, plan: &Plan) -> Result<(), Conflict> {
        for change in plan {
            let seen = change.before.as_ref().map(|c| c.seq);
            if self.calls.get(&change.after.id).map(|held| held.latest.seq) != seen {
                return Err(Conflict);
            }
            for user in change.after.claims() {
                let free = match self.claims.get(user) {
                    None => true,
                    Some(holder) => *holder == change.after.id || released(plan, *holder, user),
                };
                if !free {
                    return Err(Conflict);
                }
            }
        }
        Ok(())
    }

    /// Applies one change; returns whether it ended the call.
    fn apply(&mut self, change: &super::Change) -> bool {
        let after = &change.after;
        let was_live = change.before.as_ref().is_some_and(|c| c.phase != Phase::Ended);
        let is_live = after.phase != Phase::Ended;
        if let Some(before) = &change.before {
            for user in before.claims() {
                if self.claims.get(user) == Some(&after.id) {
                    self.claims.remove(user);
                }
            }
        }
        for user in after.claims() {
            self.claims.insert(user.clone(), after.id);
        }
        if is_live {
            for p in &after.participants {
                self.of_user.entry(p.user.clone()).or_default().insert(after.id);
            }
        }
        let entries = change.steps.iter().map(|s| s.entry.clone());
        let held = self.calls.entry(after.id).or_insert_with(|| Held {
            latest: after.clone(),
            told: None,
            log: Vec::with_capacity(8),
        });
        held.latest = after.clone();
        held.log.extend(entries);
        self.live = self.live + usize::from(is_live) - usize::from(was_live);
        let ended = !is_live && (was_live || change.before.is_none());
        if ended {
            self.ended.push_back((after.at, after.id));
        }
        ended
    }

    /// Parts a call from its users, once its end has been told: until then it is theirs for one
    /// who says hello.
    fn part(&mut self, call: &Call) {
        for p in &call.participants {
            if let Some(calls) = self.of_user.get_mut(&p.user) {
                calls.remove(&call.id);
                if calls.is_empty() {
                    self.of_user.remove(&p.user);
                }
            }
        }
    }

    /// Drops calls from memory that ended long enough ago; the journal has them then.
    fn forget(&mut self, keep_ms: u64, now: Timestamp) {
        while let Some((at, call)) = self.ended.front().copied() {
            let is_young = now.since_ms(at) <= keep_ms;
            if is_young || self.calls.get(&call).is_some_and(Held::is_untold) {
                return;
            }
            self.ended.pop_front();
            self.calls.remove(&call);
        }
    }
}

/// Whether another change of the same plan gives up `user`'s claim.
fn released(plan: &Plan, holder: CallId, user: &UserId) -> bool {
    plan.iter().any(|c| c.after.id == holder && !c.after.claims().any(|u| u == user))
}

fn leg_row(p: &Participant, record: &Record) -> LegRow {
    let blocked = p.unavailable.is_some_and(|unavailable| unavailable.blocked);
    let missed = record.is_missed_by(&p.user) && !blocked;
    LegRow { user: p.user.clone(), outcome: p.state, missed }
}

fn record_row(app: &AppKey, call: &Call, record: &Record, json: Json) -> Row {
    Row::Record(Box::new(RecordRow {
        app: app.clone(),
        call: call.id,
        serial: record.serial,
        created_at: call.created_at,
        ended_at: call.at,
        reason: call.ended.as_ref().map_or(bellwire_core::Reason::Lost, |o| o.reason),
        body: json.into(),
        legs: call.participants.iter().map(|p| leg_row(p, record)).collect(),
    }))
}
