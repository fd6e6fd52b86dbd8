//! Rows of one group commit, by table.

use std::sync::Arc;

use bellwire_core::{AppKey, Entry, SessionId, UserId};
use serde::Serialize;

use super::row::{AnswerRow, KeyValueRow, LogRow, RecordRow, Row, SessionRow, UserRow};

/// A stored part of a call's log.
#[derive(Debug, Clone)]
pub(super) struct LogText {
    pub(super) call: [u8; 16],
    pub(super) first_seq: u64,
    pub(super) app: AppKey,
    pub(super) at: u64,
    pub(super) ended: bool,
    /// The place of the first entry in the app's feed; 0 for none.
    pub(super) position: u64,
    /// How many entries there are; 0 where that was not stored.
    pub(super) count: u64,
    /// The entries, as a JSON array.
    pub(super) body: Arc<str>,
}

/// A stored record, without its legs.
#[derive(Debug, Clone)]
pub(super) struct RecordText {
    pub(super) app: AppKey,
    pub(super) serial: u64,
    pub(super) call: [u8; 16],
    pub(super) created_at: u64,
    pub(super) ended_at: u64,
    pub(super) reason: Arc<str>,
    /// Everybody with a leg, as a JSON array.
    pub(super) users: Arc<str>,
    pub(super) body: Arc<str>,
}

/// A stored leg of a record.
#[derive(Debug, Clone)]
pub(super) struct LegText {
    pub(super) app: AppKey,
    pub(super) user: UserId,
    pub(super) serial: u64,
    pub(super) outcome: Arc<str>,
    pub(super) missed: bool,
}

/// What one group commit makes durable. Within a table the order of submission is kept; between
/// tables it does not matter, as the end of a session in here is later than its beginning and
/// its answers.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) logs: Vec<LogText>,
    pub(super) answers: Vec<AnswerRow>,
    pub(super) sessions: Vec<SessionRow>,
    pub(super) gone: Vec<SessionId>,
    pub(super) users: Vec<UserRow>,
    pub(super) records: Vec<RecordText>,
    pub(super) legs: Vec<LegText>,
    pub(super) key_values: Vec<KeyValueRow>,
}

impl Tables {
    pub(super) fn from_rows(rows: Vec<Row>) -> Self {
        let mut tables = Self::default();
        for row in rows {
            tables.push(row);
        }
        tables
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.logs.append(&mut other.logs);
        self.answers.append(&mut other.answers);
        self.sessions.append(&mut other.sessions);
        self.gone.append(&mut other.gone);
        self.users.append(&mut other.users);
        self.records.append(&mut other.records);
        self.legs.append(&mut other.legs);
        self.key_values.append(&mut other.key_values);
    }

    /// How many rows were submitted; legs are a part of their record.
    pub(super) fn len(&self) -> usize {
        self.logs.len()
            + self.answers.len()
            + self.sessions.len()
            + self.gone.len()
            + self.users.len()
            + self.records.len()
            + self.key_values.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of all bodies.
    pub(super) fn body_bytes(&self) -> usize {
        self.logs.iter().map(|row| row.body.len()).sum::<usize>()
            + self.answers.iter().map(|row| row.body.len()).sum::<usize>()
            + self.records.iter().map(|row| row.body.len()).sum::<usize>()
    }

    fn push(&mut self, row: Row) {
        match row {
            Row::Log(row) => self.push_log(row),
            Row::Answer(row) => self.push_answer(row),
            Row::Session(row) => self.sessions.push(row),
            Row::SessionGone(id) => self.gone.push(id),
            Row::User(row) => self.users.push(row),
            Row::Record(row) => self.push_record(*row),
            Row::KeyValue(row) => self.key_values.push(row),
        }
    }

    fn push_log(&mut self, row: LogRow) {
        let (Some(first), Some(last)) = (row.entries.first(), row.entries.last()) else {
            debug_assert!(false, "a log row without entries");
            return;
        };
        self.logs.push(LogText {
            call: row.call.0.into_bytes(),
            first_seq: first.seq,
            at: last.at.0,
            ended: row.ended,
            position: row.position,
            count: row.entries.len() as u64,
            body: entries(&row.entries).into(),
            app: row.app,
        });
    }

    fn push_answer(&mut self, mut row: AnswerRow) {
        // Answers are stored as lines. In JSON a line's end can only stand between two words.
        if row.body.contains('\n') {
            row.body = row.body.replace('\n', " ").into();
        }
        self.answers.push(row);
    }

    fn push_record(&mut self, row: RecordRow) {
        let users: Vec<_> = row.legs.iter().map(|leg| &leg.user).collect();
        let users = json(&users).into();
        self.legs.extend(row.legs.into_iter().map(|leg| LegText {
            app: row.app.clone(),
            user: leg.user,
            serial: row.serial,
            outcome: word(&leg.outcome),
            missed: leg.missed,
        }));
        self.records.push(RecordText {
            app: row.app,
            serial: row.serial,
            call: row.call.0.into_bytes(),
            created_at: row.created_at.0,
            ended_at: row.ended_at.0,
            reason: word(&row.reason),
            users,
            body: row.body,
        });
    }
}

/// The entries of a log as a JSON array.
pub(super) fn entries(entries: &[Entry]) -> String {
    /// What most entries fit into; growing the text on the way costs more than making it.
    const ENTRY_BYTES: usize = 256;
    const FIRST_ENTRY_BYTES: usize = 1024;
    let mut text = Vec::with_capacity(FIRST_ENTRY_BYTES + entries.len() * ENTRY_BYTES);
    serde_json::to_writer(&mut text, entries).expect("types of the domain serialize");
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// The wire name of a value that is serialized as one word.
pub(super) fn word(value: &impl Serialize) -> Arc<str> {
    json(value).trim_matches('"').into()
}

/// A value as it is stored.
pub(super) fn json(value: &impl Serialize) -> String {
    // Only a map whose keys are no strings, or a type's own refusal, fails; ours have neither.
    serde_json::to_string(value).expect("types of the domain serialize")
}
