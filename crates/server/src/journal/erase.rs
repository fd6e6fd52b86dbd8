//! Takes a user out of everything that is kept: what is theirs alone goes, in what others keep a
//! name that says nothing stands for them. A little at a time, between commits.
//!
//! ```text
//!   fold what is committed ──▶ records ──▶ logs ──▶ answers ──▶ the user
//!     ──▶ delete the batches ──▶ empty the write-ahead log
//! ```
//!
//! Each step does nothing the second time, so an end in between is mended by asking again.

use std::{
    collections::{BTreeSet, VecDeque},
    ops::AddAssign,
    time::{Duration, Instant},
};

use bellwire_core::{Alias, AppKey, CallId, Entry, Note, Uid, UserId};
use bellwire_protocol::{Record, erase_from_answer};
use sqlx::{Executor as _, SqliteConnection};
use tokio::sync::oneshot;

use super::{
    error::JournalError,
    int, recover,
    tables::{entries, json},
};

/// The most records, or logs, rewritten in one transaction. Commits of calls wait for it: some
/// milliseconds.
const CHUNK: usize = 16;
/// The most rows of answers looked at in one step. About a millisecond again.
const ANSWERS: i64 = 256;
/// How long emptying the write-ahead log is tried, while others move it or read in it.
const PATIENCE: Duration = Duration::from_secs(1);
/// The pause between two tries; commits wait for it.
const PAUSE: Duration = Duration::from_millis(5);

/// Who is erased, and from what.
#[derive(Debug, Clone)]
pub struct Erasure {
    /// The app.
    pub app: AppKey,
    /// Who, and what stands for them from now on.
    pub alias: Alias,
    /// Their number, if they are known: the row with this number goes, and none that came later.
    pub uid: Option<Uid>,
    /// They are taken out of their records up to this serial, and of the logs of those calls.
    pub up_to: u64,
    /// And of these calls, whatever the serial of the record.
    pub calls: BTreeSet<CallId>,
}

/// What an erasure changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Records.
    pub records: u64,
    /// Logs of calls.
    pub logs: u64,
}

impl AddAssign for Erased {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.logs += other.logs;
    }
}

/// An erasure under way.
pub(super) struct Erasing {
    asked: Erasure,
    erased: Erased,
    /// The last batch committed when it was asked for. What it says is in the tables before they
    /// are changed, and gone from the file afterwards.
    pub(super) last: Option<i64>,
    stage: Stage,
    pub(super) reply: oneshot::Sender<Result<Erased, JournalError>>,
}

enum Stage {
    /// Those with a higher serial.
    Records(u64),
    Logs(VecDeque<CallId>),
    /// Rows of answers behind this one.
    Answers(i64),
    User,
    /// Since when it is tried.
    WriteAheadLog(Option<Instant>),
    Done,
}

/// What the journal has to have done before the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    Folded,
    Deleted,
    Nothing,
}

impl Erasing {
    pub(super) fn new(
        asked: Erasure,
        reply: oneshot::Sender<Result<Erased, JournalError>>,
    ) -> Self {
        Self { asked, erased: Erased::default(), last: None, stage: Stage::Records(0), reply }
    }

    /// Tells who asked; they may be gone.
    pub(super) fn end(self, result: Result<(), JournalError>) {
        let _ = self.reply.send(result.map(|()| self.erased));
    }

    /// What must be done with all that was committed when it was asked for.
    pub(super) fn needs(&self) -> Needs {
        match self.stage {
            Stage::Records(_) | Stage::Logs(_) | Stage::Answers(_) | Stage::User => Needs::Folded,
            Stage::WriteAheadLog(_) => Needs::Deleted,
            Stage::Done => Needs::Nothing,
        }
    }

    /// Does a little; whether there is more to do.
    pub(super) async fn step(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<bool, JournalError> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::WriteAheadLog(since) => {
                empty_log(connection, since.unwrap_or_else(Instant::now)).await
            }
            stage => {
                connection.execute("BEGIN IMMEDIATE").await?;
                let mut next = self.rewrite(connection, stage).await;
                if next.is_ok() {
                    let committed = connection.execute("COMMIT").await;
                    next = committed.map_err(JournalError::Database).and(next);
                }
                if next.is_err() {
                    // Fails when SQLite did it already.
                    let _ = connection.execute("ROLLBACK").await;
                }
                next?
            }
        };
        Ok(!matches!(self.stage, Stage::Done))
    }

    async fn rewrite(
        &mut self,
        connection: &mut SqliteConnection,
        stage: Stage,
    ) -> Result<Stage, JournalError> {
        Ok(match stage {
            Stage::Records(after) => match self.records(connection, after).await? {
                Some(last) => Stage::Records(last),
                None => Stage::Logs(self.asked.calls.iter().copied().collect()),
            },
            Stage::Logs(mut left) => {
                for call in left.drain(..left.len().min(CHUNK)).collect::<Vec<_>>() {
                    self.log(connection, &call.0.into_bytes()).await?;
                }
                if left.is_empty() { Stage::Answers(0) } else { Stage::Logs(left) }
            }
            Stage::Answers(after) => match self.answers(connection, after).await? {
                Some(last) => Stage::Answers(last),
                None => Stage::User,
            },
            Stage::User => {
                self.user(connection).await?;
                Stage::WriteAheadLog(None)
            }
            stage @ (Stage::WriteAheadLog(_) | Stage::Done) => stage,
        })
    }

    /// Some records and their logs; the last serial looked at, if there may be more.
    async fn records(
        &mut self,
        connection: &mut SqliteConnection,
        after: u64,
    ) -> Result<Option<u64>, JournalError> {
        let found: Vec<(i64, Vec<u8>, String, String)> = sqlx::query_as(
            "SELECT leg.serial, record.call, record.users, record.body
             FROM leg CROSS JOIN record ON record.app = leg.app AND record.serial = leg.serial
             WHERE leg.app = ? AND leg.user = ? AND leg.serial > ? ORDER BY leg.serial LIMIT ?",
        )
        .bind(self.asked.app.as_str())
        .bind(self.asked.alias.of.as_str())
        .bind(int(after))
        .bind(int(CHUNK as u64))
        .fetch_all(&mut *connection)
        .await?;
        let Some(last) = found.last().map(|(serial, ..)| serial.unsigned_abs()) else {
            return Ok(None);
        };
        for (serial, call, users, body) in found {
            let is_named = || {
                let id = uuid::Uuid::from_slice(&call).map(CallId);
                id.is_ok_and(|id| self.asked.calls.contains(&id))
            };
            if serial.unsigned_abs() > self.asked.up_to && !is_named() {
                continue;
            }
            let notes = self.log(connection, &call).await?;
            let alias = &self.asked.alias;
            let mut users: Vec<UserId> = recover::parse("record", &users)?;
            alias.put_all(&mut users);
            let mut record: Record = recover::parse("record", &body)?;
            record.erase(alias, &notes);
            sqlx::query("UPDATE record SET users = ?, body = ? WHERE app = ? AND serial = ?")
                .bind(json(&users))
                .bind(json(&record))
                .bind(self.asked.app.as_str())
                .bind(serial)
                .execute(&mut *connection)
                .await?;
            sqlx::query("UPDATE leg SET user = ? WHERE app = ? AND user = ? AND serial = ?")
                .bind(alias.name.as_str())
                .bind(self.asked.app.as_str())
                .bind(alias.of.as_str())
                .bind(serial)
                .execute(&mut *connection)
                .await?;
            self.erased.records += 1;
        }
        Ok(Some(last))
    }

    /// The log of a call; what the user wrote in it.
    async fn log(
        &mut self,
        connection: &mut SqliteConnection,
        call: &[u8],
    ) -> Result<Vec<Note>, JournalError> {
        let stored: Vec<(i64, String)> =
            sqlx::query_as("SELECT rowid, body FROM log WHERE call = ? ORDER BY first_seq")
                .bind(call)
                .fetch_all(&mut *connection)
                .await?;
        let mut log: Vec<Entry> = Vec::new();
        let mut rows = Vec::with_capacity(stored.len());
        for (row, body) in &stored {
            let part = recover::entries(body)?;
            rows.push((*row, log.len()..log.len() + part.len()));
            log.extend(part);
        }
        let before = log.clone();
        let notes = self.asked.alias.erase(&mut log);
        if log != before {
            self.erased.logs += 1;
        }
        for (row, range) in rows.into_iter().filter(|(_, r)| log[r.clone()] != before[r.clone()]) {
            sqlx::query("UPDATE log SET body = ? WHERE rowid = ?")
                .bind(entries(&log[range]))
                .bind(row)
                .execute(&mut *connection)
                .await?;
        }
        Ok(notes)
    }

    /// Some of the answers kept for other devices; the last row looked at, if there may be more.
    async fn answers(
        &self,
        connection: &mut SqliteConnection,
        after: i64,
    ) -> Result<Option<i64>, JournalError> {
        let last: Option<i64> = sqlx::query_scalar(
            "SELECT max(rowid) FROM
             (SELECT rowid FROM answer WHERE rowid > ? ORDER BY rowid LIMIT ?)",
        )
        .bind(after)
        .bind(ANSWERS)
        .fetch_one(&mut *connection)
        .await?;
        let Some(last) = last else { return Ok(None) };
        let alias = &self.asked.alias;
        let found: Vec<(i64, String)> = sqlx::query_as(
            "SELECT answer.rowid, body FROM answer CROSS JOIN session ON id = answer.session
             WHERE answer.rowid > ? AND answer.rowid <= ? AND app = ? AND instr(body, ?) > 0",
        )
        .bind(after)
        .bind(last)
        .bind(self.asked.app.as_str())
        .bind(json(&alias.of))
        .fetch_all(&mut *connection)
        .await?;
        for (row, body) in found {
            sqlx::query("UPDATE answer SET body = ? WHERE rowid = ?")
                .bind(without(&body, alias)?)
                .bind(row)
                .execute(&mut *connection)
                .await?;
        }
        Ok(Some(last))
    }

    async fn user(&self, connection: &mut SqliteConnection) -> Result<(), JournalError> {
        let Some(uid) = self.asked.uid else { return Ok(()) };
        sqlx::query("DELETE FROM user WHERE app = ? AND user = ? AND uid = ?")
            .bind(self.asked.app.as_str())
            .bind(self.asked.alias.of.as_str())
            .bind(i64::from(uid.0))
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// The answers of a row, which are a line each: the request, a tab, the answer.
fn without(row: &str, alias: &Alias) -> Result<String, JournalError> {
    let lines = row.split('\n').map(|line| {
        let Some((request, answer)) = line.split_once('\t') else { return Ok(line.to_owned()) };
        let mut answer = recover::parse("answer", answer)?;
        erase_from_answer(&mut answer, alias);
        Ok(format!("{request}\t{answer}"))
    });
    Ok(lines.collect::<Result<Vec<_>, JournalError>>()?.join("\n"))
}

/// Moves the whole write-ahead log into the file and cuts it off: what was written over is in it
/// still. A failure delays that until the log begins anew.
async fn empty_log(connection: &mut SqliteConnection, since: Instant) -> Stage {
    let moved = sqlx::query_as::<_, (i64, i64, i64)>("PRAGMA wal_checkpoint(TRUNCATE)");
    match moved.fetch_one(connection).await {
        Ok((0, ..)) => Stage::Done,
        Ok(_) if since.elapsed() < PATIENCE => {
            tokio::time::sleep(PAUSE).await;
            Stage::WriteAheadLog(Some(since))
        }
        Ok(_) => {
            tracing::warn!(
                "somebody reads the database for long; what was erased stays in its write-ahead \
                 log until that begins anew"
            );
            Stage::Done
        }
        Err(error) => {
            tracing::warn!(%error, "what was erased stays in the write-ahead log for now");
            Stage::Done
        }
    }
}
