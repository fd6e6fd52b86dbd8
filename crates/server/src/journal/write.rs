//! Writes a batch as one transaction of few statements.
//!
//! A statement costs a trip to the database's thread, whatever its size, so rows go many to a
//! statement. The shapes are powers of two: each is prepared once and then found again by its
//! text, which a statement for any number of rows would not be.

use std::{collections::HashMap, sync::Arc};

use bellwire_core::SessionId;
use sqlx::{
    AssertSqlSafe, Executor as _, SqlSafeStr as _, SqlStr, SqliteConnection,
    sqlite::SqliteArguments,
};

use super::{batch::Tables, int};

/// Answers kept for each session (WIRE).
pub(super) const ANSWERS_KEPT: u32 = 256;
/// Older answers are removed once so many new ones came, which makes the removal a sixty-fourth
/// of its cost; a session holds at most [`ANSWERS_KEPT`] and this many.
pub(super) const ANSWERS_SLACK: u32 = 64;
/// The most rows to a statement. Twice as many save no time that can be measured, and seven
/// columns stay far below `SQLite`'s bound of 32 766 parameters.
const ROWS_MAX: usize = 64;

type Query = sqlx::query::Query<'static, sqlx::Sqlite, SqliteArguments>;

/// A statement over many rows, in its shapes, the widest first.
struct Many(Vec<(usize, SqlStr)>);

impl Many {
    /// `head` up to `VALUES`, the number of columns, and what follows the rows.
    fn new(head: &str, columns: usize, tail: &str) -> Self {
        let tuple = format!("({})", vec!["?"; columns].join(","));
        let shape = |rows: usize| {
            let tuples = vec![tuple.as_str(); rows].join(",");
            let text: Arc<str> = format!("{head} VALUES {tuples} {tail}").into();
            // Made of constants only.
            (rows, AssertSqlSafe(text).into_sql_str())
        };
        Self(
            std::iter::successors(Some(ROWS_MAX), |n| (*n > 1).then_some(n / 2))
                .map(shape)
                .collect(),
        )
    }

    async fn run<T: Sync>(
        &self,
        connection: &mut SqliteConnection,
        mut rows: &[T],
        bind: impl Fn(Query, &T) -> Query,
    ) -> Result<(), sqlx::Error> {
        for (size, text) in &self.0 {
            while rows.len() >= *size {
                let (now, later) = rows.split_at(*size);
                let query = now.iter().fold(sqlx::query(text.clone()), &bind);
                query.execute(&mut *connection).await?;
                rows = later;
            }
        }
        Ok(())
    }
}

/// Everything the writer says to the database.
///
/// A batch may be written again after a failure that left open whether it was committed: each
/// statement does nothing the second time. `OR IGNORE` rather than `ON CONFLICT DO NOTHING`: as
/// it cannot fail half-way, `SQLite` keeps no copy of each page for undoing the statement.
pub(super) struct Statements {
    log: Many,
    live: Many,
    over: Many,
    session: Many,
    answer: Many,
    user: Many,
    record: Many,
    leg: Many,
    /// Answers since the last removal of older ones, by session.
    untrimmed: HashMap<SessionId, u32>,
}

impl Statements {
    /// `sessions`: those found in the file. How many answers they have is not known, so their
    /// next answer removes older ones.
    pub(super) fn new(sessions: impl Iterator<Item = SessionId>) -> Self {
        Self {
            log: Many::new(
                "INSERT OR IGNORE INTO log (call, first_seq, app, at, ended, body)",
                6,
                "",
            ),
            live: Many::new("INSERT OR IGNORE INTO live (call)", 1, ""),
            over: Many::new("DELETE FROM live WHERE call IN (", 1, ")"),
            session: Many::new(
                "INSERT OR REPLACE INTO session (id, app, user, device, name, platform, at)",
                7,
                "",
            ),
            answer: Many::new("INSERT OR IGNORE INTO answer (session, request, body)", 3, ""),
            user: Many::new("INSERT OR REPLACE INTO user (app, user, uid, name, at)", 5, ""),
            record: Many::new(
                "INSERT OR IGNORE INTO record (app, serial, call, created_at, ended_at, reason, users, body)",
                8,
                "",
            ),
            leg: Many::new("INSERT OR IGNORE INTO leg (app, user, serial, outcome, missed)", 5, ""),
            untrimmed: sessions.map(|id| (id, ANSWERS_SLACK - 1)).collect(),
        }
    }

    /// Counts the batch's answers and says which sessions have too many. Once per batch.
    pub(super) fn due_for_trim(&mut self, tables: &Tables) -> Vec<SessionId> {
        let mut due = Vec::new();
        for answer in &tables.answers {
            if let Some(count) = self.untrimmed.get_mut(&answer.session) {
                *count += 1;
                if *count == ANSWERS_SLACK {
                    due.push(answer.session.clone());
                }
            } else {
                self.untrimmed.insert(answer.session.clone(), 1);
            }
        }
        for session in &due {
            self.untrimmed.insert(session.clone(), 0);
        }
        for session in &tables.gone {
            self.untrimmed.remove(session);
        }
        due
    }

    /// Writes all of `tables`, or nothing.
    pub(super) async fn commit(
        &self,
        connection: &mut SqliteConnection,
        tables: &Tables,
        trim: &[SessionId],
    ) -> Result<(), sqlx::Error> {
        // Not sqlx's own transaction: after a full disk SQLite has rolled back by itself, and
        // sqlx would go on counting a transaction that is gone.
        connection.execute("BEGIN IMMEDIATE").await?;
        let mut written = self.write(connection, tables).await;
        if written.is_ok() {
            written = write_ends(connection, tables, trim).await;
        }
        if written.is_ok() {
            written = connection.execute("COMMIT").await.map(drop);
        }
        if written.is_err() {
            // Fails when SQLite did it already.
            let _ = connection.execute("ROLLBACK").await;
        }
        written
    }

    async fn write(
        &self,
        connection: &mut SqliteConnection,
        tables: &Tables,
    ) -> Result<(), sqlx::Error> {
        self.log
            .run(connection, &tables.logs, |query, row| {
                query
                    .bind(row.call.to_vec())
                    .bind(int(row.first_seq))
                    .bind(row.app.as_str())
                    .bind(int(row.at))
                    .bind(row.ended)
                    .bind(Arc::clone(&row.body))
            })
            .await?;
        self.live.run(connection, &tables.begun, |query, call| query.bind(call.to_vec())).await?;
        // After the beginnings, as a call may begin and end in one batch.
        self.over.run(connection, &tables.ended, |query, call| query.bind(call.to_vec())).await?;
        self.session
            .run(connection, &tables.sessions, |query, row| {
                query
                    .bind(row.id.as_str())
                    .bind(row.app.as_str())
                    .bind(row.user.as_str())
                    .bind(row.device.as_str())
                    .bind(row.name.clone())
                    .bind(row.platform.clone())
                    .bind(int(row.at.0))
            })
            .await?;
        self.answer
            .run(connection, &tables.answers, |query, row| {
                query.bind(row.session.as_str()).bind(int(row.request)).bind(Arc::clone(&row.body))
            })
            .await?;
        self.user
            .run(connection, &tables.users, |query, row| {
                query
                    .bind(row.app.as_str())
                    .bind(row.user.as_str())
                    .bind(i64::from(row.uid.0))
                    .bind(row.name.clone())
                    .bind(int(row.at.0))
            })
            .await?;
        self.write_records(connection, tables).await
    }

    async fn write_records(
        &self,
        connection: &mut SqliteConnection,
        tables: &Tables,
    ) -> Result<(), sqlx::Error> {
        self.record
            .run(connection, &tables.records, |query, record| {
                query
                    .bind(record.row.app.as_str())
                    .bind(int(record.row.serial))
                    .bind(record.row.call.0.into_bytes().to_vec())
                    .bind(int(record.row.created_at.0))
                    .bind(int(record.row.ended_at.0))
                    .bind(record.reason.as_str())
                    .bind(record.users.as_str())
                    .bind(Arc::clone(&record.row.body))
            })
            .await?;
        self.leg
            .run(connection, &tables.legs, |query, leg| {
                query
                    .bind(leg.app.as_str())
                    .bind(leg.user.as_str())
                    .bind(int(leg.serial))
                    .bind(leg.outcome.as_str())
                    .bind(leg.missed)
            })
            .await?;
        for (app, last) in &tables.serials {
            sqlx::query(
                "INSERT INTO serial (app, last) VALUES (?, ?)
                 ON CONFLICT (app) DO UPDATE SET last = max(last, excluded.last)",
            )
            .bind(app.as_str())
            .bind(int(*last))
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }
}

/// What ends besides calls: sessions, and answers that are too old.
async fn write_ends(
    connection: &mut SqliteConnection,
    tables: &Tables,
    trim: &[SessionId],
) -> Result<(), sqlx::Error> {
    for session in trim {
        sqlx::query(
            "DELETE FROM answer WHERE session = ?1 AND request <= (SELECT request FROM answer
             WHERE session = ?1 ORDER BY request DESC LIMIT 1 OFFSET ?2)",
        )
        .bind(session.as_str())
        .bind(ANSWERS_KEPT)
        .execute(&mut *connection)
        .await?;
    }
    for session in &tables.gone {
        for text in ["DELETE FROM answer WHERE session = ?", "DELETE FROM session WHERE id = ?"] {
            sqlx::query(text).bind(session.as_str()).execute(&mut *connection).await?;
        }
    }
    Ok(())
}
