//! Deletes what is older than is kept, a little at a time.

use bellwire_core::Timestamp;
use sqlx::{Executor as _, SqliteConnection};
use tokio::sync::oneshot;

use super::{error::JournalError, int};

/// The most calls, and the most records, deleted in one transaction. Commits of calls wait for
/// it: some milliseconds.
const CHUNK: u32 = 200;

/// What a sweep deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Swept {
    /// Parts of logs.
    pub log_rows: u64,
    /// Records.
    pub records: u64,
}

/// A sweep under way.
pub(super) struct Sweep {
    pub(super) before: Timestamp,
    pub(super) swept: Swept,
    /// Set once the tables have nothing more to delete: the last batch of then, which may hold
    /// calls that the tables do not have yet.
    pub(super) waits_for: Option<i64>,
    pub(super) reply: oneshot::Sender<Result<Swept, JournalError>>,
}

impl Sweep {
    pub(super) fn new(
        before: Timestamp,
        reply: oneshot::Sender<Result<Swept, JournalError>>,
    ) -> Self {
        Self { before, swept: Swept::default(), waits_for: None, reply }
    }

    /// Tells who asked; they may be gone.
    pub(super) fn end(self, result: Result<(), sqlx::Error>) {
        let _ = self.reply.send(result.map(|()| self.swept).map_err(JournalError::Database));
    }

    /// Deletes one chunk; whether there may be more.
    pub(super) async fn step(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<bool, sqlx::Error> {
        connection.execute("BEGIN IMMEDIATE").await?;
        let mut done = delete(connection, self.before).await;
        if done.is_ok() {
            done = connection.execute("COMMIT").await.and(done);
        }
        if done.is_err() {
            // Fails when SQLite did it already.
            let _ = connection.execute("ROLLBACK").await;
        }
        let now = done?;
        self.swept.log_rows += now.log_rows;
        self.swept.records += now.records;
        Ok(now != Swept::default())
    }
}

async fn delete(
    connection: &mut SqliteConnection,
    before: Timestamp,
) -> Result<Swept, sqlx::Error> {
    let mut counts = [0; 4];
    for (count, text) in counts.iter_mut().zip([
        "DELETE FROM log WHERE call IN
         (SELECT call FROM log WHERE ended = 1 AND at < ?1 ORDER BY at LIMIT ?2)",
        "DELETE FROM leg WHERE (app, user, serial) IN
         (SELECT chunk.app, one.value, chunk.serial
          FROM (SELECT app, serial, users FROM record WHERE ended_at < ?1
                ORDER BY ended_at, rowid LIMIT ?2) AS chunk, json_each(chunk.users) AS one)",
        // The last row of an app stays: it says how far the feed has come.
        "DELETE FROM feed WHERE (app, position) IN
         (SELECT app, position FROM feed WHERE at < ?1 AND position <
          (SELECT max(last.position) FROM feed AS last WHERE last.app = feed.app)
          ORDER BY at LIMIT ?2)",
        "DELETE FROM record WHERE rowid IN
         (SELECT rowid FROM record WHERE ended_at < ?1 ORDER BY ended_at, rowid LIMIT ?2)",
    ]) {
        let query = sqlx::query(text).bind(int(before.0)).bind(CHUNK);
        *count = query.execute(&mut *connection).await?.rows_affected();
    }
    let [log_rows, _legs, _feed, records] = counts;
    Ok(Swept { log_rows, records })
}
