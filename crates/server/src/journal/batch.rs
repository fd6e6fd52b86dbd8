//! Rows of one transaction, by table.

use std::{collections::BTreeMap, sync::Arc};

use bellwire_core::{AppKey, SessionId};
use serde::Serialize;

use super::row::{AnswerRow, LogRow, RecordRow, Row, SessionRow, UserRow};

/// A stored part of a call's log.
pub(super) struct LogText {
    pub(super) call: [u8; 16],
    pub(super) first_seq: u64,
    pub(super) app: AppKey,
    pub(super) at: u64,
    pub(super) ended: bool,
    pub(super) body: Arc<str>,
}

/// A stored record, without its legs.
pub(super) struct RecordText {
    pub(super) row: RecordRow,
    pub(super) reason: String,
    pub(super) users: String,
}

/// A stored leg of a record.
pub(super) struct LegText {
    pub(super) app: AppKey,
    pub(super) user: bellwire_core::UserId,
    pub(super) serial: u64,
    pub(super) outcome: String,
    pub(super) missed: bool,
}

/// What one transaction writes. Within a table the order of submission is kept; between tables
/// it does not matter, as ends (of calls, of sessions) are written after beginnings.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) logs: Vec<LogText>,
    pub(super) begun: Vec<[u8; 16]>,
    pub(super) ended: Vec<[u8; 16]>,
    pub(super) answers: Vec<AnswerRow>,
    pub(super) sessions: Vec<SessionRow>,
    pub(super) gone: Vec<SessionId>,
    pub(super) users: Vec<UserRow>,
    pub(super) records: Vec<RecordText>,
    pub(super) legs: Vec<LegText>,
    pub(super) serials: BTreeMap<AppKey, u64>,
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
        self.begun.append(&mut other.begun);
        self.ended.append(&mut other.ended);
        self.answers.append(&mut other.answers);
        self.sessions.append(&mut other.sessions);
        self.gone.append(&mut other.gone);
        self.users.append(&mut other.users);
        self.records.append(&mut other.records);
        self.legs.append(&mut other.legs);
        for (app, serial) in other.serials {
            self.raise_serial(app, serial);
        }
    }

    /// How many rows; `begun`, `ended` and `serials` only follow from others.
    pub(super) fn len(&self) -> usize {
        self.logs.len()
            + self.answers.len()
            + self.sessions.len()
            + self.gone.len()
            + self.users.len()
            + self.records.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn push(&mut self, row: Row) {
        match row {
            Row::Log(row) => self.push_log(&row),
            Row::Answer(row) => self.answers.push(row),
            Row::Session(row) => self.sessions.push(row),
            Row::SessionGone(id) => self.gone.push(id),
            Row::User(row) => self.users.push(row),
            Row::Record(row) => self.push_record(*row),
        }
    }

    fn push_log(&mut self, row: &LogRow) {
        let (Some(first), Some(last)) = (row.entries.first(), row.entries.last()) else {
            debug_assert!(false, "a log row without entries");
            return;
        };
        let call = row.call.0.into_bytes();
        if row.ended {
            self.ended.push(call);
        } else if first.seq == 1 {
            self.begun.push(call);
        }
        self.logs.push(LogText {
            call,
            first_seq: first.seq,
            app: row.app.clone(),
            at: last.at.0,
            ended: row.ended,
            body: json(&row.entries).into(),
        });
    }

    fn push_record(&mut self, row: RecordRow) {
        self.raise_serial(row.app.clone(), row.serial);
        self.legs.extend(row.legs.iter().map(|leg| LegText {
            app: row.app.clone(),
            user: leg.user.clone(),
            serial: row.serial,
            outcome: word(&leg.outcome),
            missed: leg.missed,
        }));
        let users: Vec<_> = row.legs.iter().map(|leg| &leg.user).collect();
        let users = json(&users);
        self.records.push(RecordText { reason: word(&row.reason), users, row });
    }

    fn raise_serial(&mut self, app: AppKey, serial: u64) {
        let last = self.serials.entry(app).or_default();
        *last = serial.max(*last);
    }
}

/// The wire name of a value that is serialized as one word.
pub(super) fn word(value: &impl Serialize) -> String {
    json(value).trim_matches('"').to_owned()
}

fn json(value: &impl Serialize) -> String {
    // Only a map whose keys are no strings, or a type's own refusal, fails; ours have neither.
    serde_json::to_string(value).expect("types of the domain serialize")
}
