//! What is committed and not yet in the tables, as readers see it.
//!
//! ```text
//!   group commits ──▶ current ──frozen──▶ folding ──▶ tables
//! ```
//!
//! Readers look here first and into the tables after that: whatever leaves here is in the
//! tables by then. Looking walks over all that is held, a few milliseconds at most: readers are
//! rare, and whatever made their looking faster would be paid by each commit.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bellwire_core::{AppKey, CallId, SessionId, UserId};
use parking_lot::Mutex;

use super::{
    int,
    read::RecordQuery,
    tables::{LegText, LogText, Tables, word},
};

/// Committed batches, oldest first.
pub(super) type Batches = Vec<Arc<Tables>>;

/// Shared by the writer and the readers.
#[derive(Default)]
pub(super) struct Unfolded(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    /// What is being folded.
    frozen: Batches,
    /// What was committed since.
    current: Batches,
}

/// What is held of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct HeldAnswer {
    pub(super) body: Option<Arc<str>>,
    /// The session ended: what the tables have of it does not count any more.
    pub(super) session_gone: bool,
}

impl Unfolded {
    /// Adds what was just committed.
    pub(super) fn push(&self, committed: Arc<Tables>) {
        self.0.lock().current.push(committed);
    }

    /// Turns what is held into the generation that is to be folded; the one before must be gone.
    pub(super) fn freeze(&self) -> Batches {
        let mut held = self.0.lock();
        debug_assert!(held.frozen.is_empty(), "two generations folded at once");
        held.frozen = std::mem::take(&mut held.current);
        held.frozen.clone()
    }

    /// Gives up the frozen generation: the tables have all of it.
    pub(super) fn folded(&self) -> Batches {
        std::mem::take(&mut self.0.lock().frozen)
    }

    /// The parts of a call's log, in order.
    pub(super) fn log(&self, call: CallId) -> Vec<Arc<str>> {
        let call = call.0.into_bytes();
        let batches = self.batches();
        let parts = batches.iter().flat_map(|batch| &batch.logs).filter(|part| part.call == call);
        parts.map(|part| Arc::clone(&part.body)).collect()
    }

    /// The parts of logs that stand in an app's feed behind a position.
    pub(super) fn feed(&self, app: &AppKey, after: u64) -> Vec<LogText> {
        let batches = self.batches();
        let logs = batches.iter().flat_map(|batch| &batch.logs);
        let asked = logs.filter(|log| log.app == *app && log.position + log.count > after + 1);
        asked.filter(|log| log.position > 0).cloned().collect()
    }

    /// The first answer to a request.
    pub(super) fn answer(&self, session: &SessionId, request: u64) -> HeldAnswer {
        let mut held = HeldAnswer::default();
        for batch in self.batches() {
            if held.body.is_none() {
                let mut answers = batch.answers.iter();
                let found = answers.find(|a| a.request == request && a.session == *session);
                held.body = found.map(|answer| Arc::clone(&answer.body));
            }
            if batch.gone.contains(session) {
                held = HeldAnswer { body: None, session_gone: true };
            }
        }
        held
    }

    /// All records a query asks for, by serial; its limit is left to the caller.
    pub(super) fn records(&self, asked: &RecordQuery) -> BTreeMap<u64, Arc<str>> {
        let mut found = BTreeMap::new();
        for batch in self.batches() {
            add_records(&batch, asked, &mut found);
        }
        found
    }

    /// The serials above `after` of the calls a user has missed.
    pub(super) fn missed(&self, app: &AppKey, user: &UserId, after: u64) -> BTreeSet<i64> {
        let batches = self.batches();
        let legs = batches
            .iter()
            .flat_map(|batch| &batch.legs)
            .filter(|leg| leg.missed && leg.serial > after && leg.user == *user && leg.app == *app);
        legs.map(|leg| int(leg.serial)).collect()
    }

    fn batches(&self) -> Batches {
        let held = self.0.lock();
        held.frozen.iter().chain(&held.current).cloned().collect()
    }
}

fn add_records(batch: &Tables, asked: &RecordQuery, found: &mut BTreeMap<u64, Arc<str>>) {
    // The serials of a user's legs, or of those that were missed.
    let serials = |user: &UserId, only_missed: bool| -> BTreeSet<u64> {
        let legs = batch.legs.iter().filter(|leg| leg.user == *user && leg.app == asked.app);
        legs.filter(|leg| leg.missed || !only_missed).map(|leg| leg.serial).collect()
    };
    let own = asked.user.as_ref().map(|user| serials(user, false));
    let missed = asked.missed_for.as_ref().map(|user| serials(user, true));
    let reason = asked.reason.as_ref().map(word);
    let outcome = asked.outcome.as_ref().map(word);
    let ended_so: Option<BTreeSet<u64>> = outcome.map(|outcome| {
        let meant = |leg: &&LegText| {
            leg.app == asked.app
                && leg.outcome == outcome
                && asked.user.as_ref().is_none_or(|user| leg.user == *user)
        };
        batch.legs.iter().filter(meant).map(|leg| leg.serial).collect()
    });
    let records = batch.records.iter().filter(|record| {
        record.app == asked.app
            && own.as_ref().is_none_or(|serials| serials.contains(&record.serial))
            && missed.as_ref().is_none_or(|serials| serials.contains(&record.serial))
            && ended_so.as_ref().is_none_or(|serials| serials.contains(&record.serial))
            && asked.from.is_none_or(|from| record.created_at >= from.0)
            && asked.to.is_none_or(|to| record.created_at < to.0)
            && reason.as_ref().is_none_or(|reason| record.reason == *reason)
            && asked.before_serial.is_none_or(|before| record.serial < before)
            && asked.after_serial.is_none_or(|after| record.serial > after)
    });
    found.extend(records.map(|record| (record.serial, Arc::clone(&record.body))));
}
