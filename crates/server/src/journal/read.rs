//! Reads of what is committed, beside the writer.

use std::collections::BTreeMap;

use bellwire_core::{AppKey, CallId, Entry, Reason, SessionId, State, Timestamp, UserId};
use sqlx::{QueryBuilder, Sqlite};

use super::{Journal, error::JournalError, fold, int, recover, tables::word};

/// Which records are asked for. What is none does not narrow the answer.
#[derive(Debug, Clone)]
pub struct RecordQuery {
    /// The app.
    pub app: AppKey,
    /// Only calls this user was in.
    pub user: Option<UserId>,
    /// Only calls asked for at or after this moment.
    pub from: Option<Timestamp>,
    /// Only calls asked for before this moment.
    pub to: Option<Timestamp>,
    /// Only calls that ended for this reason.
    pub reason: Option<Reason>,
    /// Only calls in which a part ended so: that of `user` where one is named, anybody's otherwise.
    pub outcome: Option<State>,
    /// Only calls this user missed: wanted, and never answered.
    pub missed_for: Option<UserId>,
    /// Only records with a lower serial.
    pub before_serial: Option<u64>,
    /// Only records with a higher serial; turns the order to oldest first.
    pub after_serial: Option<u64>,
    /// The most records to give.
    pub limit: u32,
}

impl RecordQuery {
    /// The newest `limit` records of an app.
    pub fn newest(app: AppKey, limit: u32) -> Self {
        Self {
            app,
            user: None,
            from: None,
            to: None,
            reason: None,
            outcome: None,
            missed_for: None,
            before_serial: None,
            after_serial: None,
            limit,
        }
    }
}

impl Journal {
    /// The log of a call, from its first entry; empty if there is none.
    pub(crate) async fn log(&self, call: CallId) -> Result<Vec<Entry>, JournalError> {
        // In this order: what is folded meanwhile is then seen twice rather than not at all.
        let held = self.0.unfolded.log(call);
        let stored: Vec<String> =
            sqlx::query_scalar("SELECT body FROM log WHERE call = ? ORDER BY first_seq")
                .bind(call.0.into_bytes().to_vec())
                .fetch_all(&self.0.reads)
                .await?;
        let mut log: Vec<Entry> = Vec::new();
        for body in stored.iter().map(String::as_str).chain(held.iter().map(|body| &**body)) {
            let known = log.last().map_or(0, |entry| entry.seq);
            log.extend(recover::entries(body)?.into_iter().filter(|entry| entry.seq > known));
        }
        Ok(log)
    }

    /// The stored answer to a request, if it is still kept.
    pub(crate) async fn answer(
        &self,
        session: &SessionId,
        request: u64,
    ) -> Result<Option<String>, JournalError> {
        let held = self.0.unfolded.answer(session, request);
        if held.session_gone {
            return Ok(held.body.map(|body| body.to_string()));
        }
        // Nearly always the first of these rows.
        let stored: Vec<String> = sqlx::query_scalar(
            "SELECT body FROM answer WHERE session = ? AND request >= ? ORDER BY request",
        )
        .bind(session.as_str())
        .bind(int(request))
        .fetch_all(&self.0.reads)
        .await?;
        let stored = stored.iter().find_map(|row| fold::answer_in(row, request));
        // The stored one is the earlier.
        Ok(stored.map(str::to_owned).or_else(|| held.body.map(|body| body.to_string())))
    }

    /// How many calls a user has missed, of the records after a serial.
    pub(crate) async fn missed(
        &self,
        app: &AppKey,
        user: &UserId,
        after: u64,
    ) -> Result<u64, JournalError> {
        // While they are folded, legs are here and there.
        let mut missed = self.0.unfolded.missed(app, user, after);
        let stored: Vec<i64> = sqlx::query_scalar(
            "SELECT serial FROM leg WHERE app = ? AND user = ? AND serial > ? AND missed = 1",
        )
        .bind(app.as_str())
        .bind(user.as_str())
        .bind(int(after))
        .fetch_all(&self.0.reads)
        .await?;
        missed.extend(stored);
        Ok(missed.len() as u64)
    }

    /// Records as they were stored: newest first, or oldest first after `after_serial`.
    pub(crate) async fn records(&self, asked: &RecordQuery) -> Result<Vec<String>, JournalError> {
        let held = self.0.unfolded.records(asked);
        let stored: Vec<(i64, String)> =
            records_sql(asked).build_query_as().fetch_all(&self.0.reads).await?;
        let mut found: BTreeMap<i64, String> = stored.into_iter().collect();
        for (serial, body) in held {
            found.entry(int(serial)).or_insert_with(|| body.to_string());
        }
        let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
        let found = found.into_values();
        Ok(match asked.after_serial {
            Some(_) => found.take(limit).collect(),
            None => found.rev().take(limit).collect(),
        })
    }
}

fn records_sql(asked: &RecordQuery) -> QueryBuilder<Sqlite> {
    // A user's legs are the few rows to begin with: `CROSS JOIN` keeps SQLite from walking all
    // records of the app instead.
    let mut sql = QueryBuilder::new("SELECT record.serial, record.body FROM ");
    let mut key = "record";
    for (alias, user) in [("missed", &asked.missed_for), ("own", &asked.user)] {
        if user.is_some() {
            sql.push(format_args!("leg AS {alias} CROSS JOIN "));
            if key == "record" {
                key = alias;
            }
        }
    }
    sql.push(format_args!("record WHERE {key}.app = ")).push_bind(asked.app.to_string());
    for (alias, user) in [("missed", &asked.missed_for), ("own", &asked.user)] {
        let Some(user) = user else { continue };
        sql.push(format_args!(
            " AND record.app = {alias}.app AND record.serial = {alias}.serial
              AND {alias}.serial = {key}.serial AND {alias}.app = {key}.app AND {alias}.user = "
        ));
        sql.push_bind(user.to_string());
    }
    if asked.missed_for.is_some() {
        sql.push(" AND missed.missed = 1");
    }
    if let Some(from) = asked.from {
        sql.push(" AND record.created_at >= ").push_bind(int(from.0));
    }
    if let Some(to) = asked.to {
        sql.push(" AND record.created_at < ").push_bind(int(to.0));
    }
    if let Some(reason) = &asked.reason {
        sql.push(" AND record.reason = ").push_bind(word(reason).to_string());
    }
    if let Some(outcome) = &asked.outcome {
        let outcome = word(outcome).to_string();
        if asked.user.is_some() {
            sql.push(" AND own.outcome = ").push_bind(outcome);
        } else {
            sql.push(
                " AND EXISTS (SELECT 1 FROM json_each(record.users) AS one CROSS JOIN leg AS any
                  ON any.app = record.app AND any.user = one.value AND any.serial = record.serial
                  WHERE any.outcome = ",
            );
            sql.push_bind(outcome).push(")");
        }
    }
    if let Some(before) = asked.before_serial {
        sql.push(format_args!(" AND {key}.serial < ")).push_bind(int(before));
    }
    if let Some(after) = asked.after_serial {
        sql.push(format_args!(" AND {key}.serial > ")).push_bind(int(after));
    }
    let order = if asked.after_serial.is_some() { "ASC" } else { "DESC" };
    sql.push(format_args!(" ORDER BY {key}.serial {order} LIMIT ")).push_bind(asked.limit);
    sql
}
