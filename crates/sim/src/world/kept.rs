//! What the simulated disk holds: rows in memory, by the rules of the journal.

use std::{collections::BTreeMap, sync::Arc};

use bellwire::{
    Bucket, FeedEntry, FeedQuery, KeyValueRow, LegRow, LogRow, RecordQuery, RecordRow, Recovered,
    Row, SessionRow, StoredCall, StoredSession, UserRow,
};
use bellwire_core::{AppKey, CallId, Entry, SessionId, Timestamp, UserId};
use bellwire_protocol::limits::ANSWERS;

/// Answers of a session are trimmed to [`ANSWERS`] once there are so many more.
const ANSWERS_SLACK: usize = 64;

/// The tables.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    logs: BTreeMap<CallId, Log>,
    answers: BTreeMap<SessionId, BTreeMap<u64, Arc<str>>>,
    sessions: BTreeMap<SessionId, SessionRow>,
    users: BTreeMap<(AppKey, UserId), UserRow>,
    records: BTreeMap<(AppKey, u64), RecordRow>,
    feed: BTreeMap<(AppKey, u64), (CallId, Entry)>,
    key_values: BTreeMap<(AppKey, Bucket, String), KeyValueRow>,
}

#[derive(Debug)]
struct Log {
    app: AppKey,
    entries: Vec<Entry>,
    ended: Option<Timestamp>,
}

/// A row that a journal would have dropped without a word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRow {
    #[error("entry {seq} was stored for call {call}, whose log has {length} entries")]
    Gap { call: CallId, seq: u64, length: usize },
    #[error("position {position} in the feed of app {app} was stored twice")]
    Position { app: AppKey, position: u64 },
    #[error("serial {serial} of app {app} was stored twice")]
    Serial { app: AppKey, serial: u64 },
}

impl Kept {
    /// Stores rows that were submitted together.
    pub(crate) fn store(&mut self, rows: Vec<Row>) -> Result<(), BadRow> {
        rows.into_iter().try_for_each(|row| self.store_row(row))
    }

    fn store_row(&mut self, row: Row) -> Result<(), BadRow> {
        match row {
            Row::Log(row) => return self.append(row),
            Row::Answer(row) => {
                let answers = self.answers.entry(row.session).or_default();
                answers.entry(row.request).or_insert(row.body);
                if answers.len() >= ANSWERS + ANSWERS_SLACK {
                    while answers.len() > ANSWERS {
                        answers.pop_first();
                    }
                }
            }
            Row::Session(row) => {
                self.sessions.insert(row.id.clone(), row);
            }
            Row::SessionGone(id) => {
                self.answers.remove(&id);
                self.sessions.remove(&id);
            }
            Row::User(row) => {
                self.users.insert((row.app.clone(), row.user.clone()), row);
            }
            Row::KeyValue(row) => {
                let key = (row.app.clone(), row.bucket, row.key.clone());
                match row.value {
                    Some(_) => self.key_values.insert(key, row),
                    None => self.key_values.remove(&key),
                };
            }
            Row::Record(row) => {
                let key = (row.app.clone(), row.serial);
                if self.records.contains_key(&key) {
                    return Err(BadRow::Serial { app: row.app.clone(), serial: row.serial });
                }
                self.records.insert(key, *row);
            }
        }
        Ok(())
    }

    fn append(&mut self, row: LogRow) -> Result<(), BadRow> {
        let LogRow { app, call, entries, ended, position } = row;
        for (place, entry) in (position..).zip(&entries) {
            let key = (app.clone(), place);
            if self.feed.insert(key, (call, entry.clone())).is_some() {
                return Err(BadRow::Position { app, position: place });
            }
        }
        let log = self.logs.entry(call).or_insert(Log { app, entries: Vec::new(), ended: None });
        for entry in entries {
            if entry.seq != log.entries.len() as u64 + 1 {
                let length = log.entries.len();
                return Err(BadRow::Gap { call, seq: entry.seq, length });
            }
            log.ended = if ended { Some(entry.at) } else { log.ended };
            log.entries.push(entry);
        }
        Ok(())
    }

    /// What a node starts from; calls that ended at `recent_since` or later are among it.
    pub(crate) fn recovered(&self, recent_since: Timestamp) -> Recovered {
        let stored = |(call, log): (&CallId, &Log)| StoredCall {
            app: log.app.clone(),
            call: *call,
            entries: reread(&log.entries),
        };
        let mut serials: BTreeMap<AppKey, u64> = BTreeMap::new();
        for (app, serial) in self.records.keys() {
            let last = serials.entry(app.clone()).or_default();
            *last = (*last).max(*serial);
        }
        let mut positions: BTreeMap<AppKey, u64> = BTreeMap::new();
        for (app, position) in self.feed.keys() {
            let last = positions.entry(app.clone()).or_default();
            *last = (*last).max(*position);
        }
        let answered = |id: &SessionId| self.answers.get(id)?.keys().next_back().copied();
        let session = |(id, row): (&SessionId, &SessionRow)| StoredSession {
            row: row.clone(),
            highest_request: answered(id).unwrap_or(0),
        };
        let lately = |log: &Log| log.ended.is_some_and(|at| at >= recent_since);
        Recovered {
            live: self.logs.iter().filter(|(_, log)| log.ended.is_none()).map(stored).collect(),
            recent: self.logs.iter().filter(|(_, log)| lately(log)).map(stored).collect(),
            sessions: self.sessions.iter().map(session).collect(),
            users: self.users.values().cloned().collect(),
            serials: serials.into_iter().collect(),
            positions: positions.into_iter().collect(),
            key_values: self.key_values.values().cloned().collect(),
        }
    }

    pub(crate) fn log(&self, call: CallId) -> Vec<Entry> {
        self.logs.get(&call).map(|log| log.entries.clone()).unwrap_or_default()
    }

    pub(crate) fn answer(&self, session: &SessionId, request: u64) -> Option<String> {
        Some(self.answers.get(session)?.get(&request)?.to_string())
    }

    pub(crate) fn feed(&self, asked: &FeedQuery) -> Vec<FeedEntry> {
        let from = (asked.app.clone(), asked.after + 1);
        let to = (asked.app.clone(), u64::MAX);
        let entries = self.feed.range(from..=to).take(asked.limit);
        let entry = |((_, position), (call, entry)): (&(AppKey, u64), &(CallId, Entry))| {
            FeedEntry { position: *position, call: *call, entry: entry.clone() }
        };
        entries.map(entry).collect()
    }

    pub(crate) fn missed(&self, app: &AppKey, user: &UserId, after: u64) -> u64 {
        let later = self.records.values().filter(|row| row.app == *app && row.serial > after);
        let missed = |row: &&RecordRow| row.legs.iter().any(|leg| leg.user == *user && leg.missed);
        later.filter(missed).count() as u64
    }

    pub(crate) fn records(&self, asked: &RecordQuery) -> Vec<String> {
        let fits = |row: &&RecordRow| {
            let leg = |user: &UserId| row.legs.iter().find(|leg| leg.user == *user);
            row.app == asked.app
                && asked.outcome.is_none_or(|outcome| {
                    let of = |leg: &&LegRow| asked.user.as_ref().is_none_or(|u| leg.user == *u);
                    row.legs.iter().filter(of).any(|leg| leg.outcome == outcome)
                })
                && asked.user.as_ref().is_none_or(|user| leg(user).is_some())
                && asked.missed_for.as_ref().is_none_or(|user| leg(user).is_some_and(missed))
                && asked.from.is_none_or(|from| row.created_at >= from)
                && asked.to.is_none_or(|to| row.created_at < to)
                && asked.reason.is_none_or(|reason| row.reason == reason)
                && asked.before_serial.is_none_or(|before| row.serial < before)
                && asked.after_serial.is_none_or(|after| row.serial > after)
        };
        let found = self.records.values().filter(fits).map(|row| row.body.to_string());
        let limit = asked.limit as usize;
        if asked.after_serial.is_some() {
            found.take(limit).collect()
        } else {
            found.rev().take(limit).collect()
        }
    }

    /// Every log, by call.
    pub(crate) fn logs(&self) -> impl Iterator<Item = (&AppKey, CallId, &[Entry])> {
        self.logs.iter().map(|(call, log)| (&log.app, *call, log.entries.as_slice()))
    }

    /// Every record, as stored.
    pub(crate) fn all_records(&self) -> impl Iterator<Item = (&AppKey, &str)> {
        self.records.values().map(|row| (&row.app, &*row.body))
    }
}

fn missed(leg: &LegRow) -> bool {
    leg.missed
}

/// Entries as they come back from the text that a journal keeps. A restart is enough to look at
/// that; each read of a log would cost a seventh of all time.
fn reread(entries: &[Entry]) -> Vec<Entry> {
    let text = serde_json::to_string(entries).unwrap_or_default();
    // What cannot be read back is missing, and is found as such.
    serde_json::from_str(&text).unwrap_or_default()
}
