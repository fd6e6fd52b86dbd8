//! Writes a chunk of a generation as one transaction of few statements.
//!
//! A statement costs a trip to the database's thread, whatever its size, so rows go many to a
//! statement. The shapes are powers of two: each is prepared once and then found again by its
//! text, which a statement for any number of rows would not be.

use std::sync::Arc;

use sqlx::{
    AssertSqlSafe, Executor as _, SqlSafeStr as _, SqlStr, SqliteConnection,
    sqlite::SqliteArguments,
};

use super::{
    batch,
    fold::{ANSWERS_KEPT, CHUNK_ROWS, Chunk},
    int,
};

/// The most rows to a statement: a chunk is then one. Eight columns stay far below `SQLite`'s bound
/// of 32 766 parameters.
const ROWS_MAX: usize = CHUNK_ROWS;

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

/// Everything that is said to the tables.
///
/// Each statement does nothing the second time, as a chunk may be written again. `OR IGNORE`
/// rather than `ON CONFLICT DO NOTHING`: as it cannot fail half-way, `SQLite` keeps no copy of
/// each page for undoing the statement.
pub(super) struct Statements {
    log: Many,
    live: Many,
    over: Many,
    session: Many,
    answer: Many,
    user: Many,
    record: Many,
    leg: Many,
    feed: Many,
    key_value: Many,
}

impl Statements {
    pub(super) fn new() -> Self {
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
            answer: Many::new(
                "INSERT OR IGNORE INTO answer (session, request, answers, body)",
                4,
                "",
            ),
            user: Many::new("INSERT OR REPLACE INTO user (app, user, uid, name, at)", 5, ""),
            record: Many::new(
                "INSERT OR IGNORE INTO record (app, serial, call, created_at, ended_at, reason, users, body)",
                8,
                "",
            ),
            leg: Many::new("INSERT OR IGNORE INTO leg (app, user, serial, outcome, missed)", 5, ""),
            feed: Many::new("INSERT OR IGNORE INTO feed (app, position, at, body)", 4, ""),
            key_value: Many::new(
                "INSERT OR REPLACE INTO key_value (app, bucket, key, value)",
                4,
                "",
            ),
        }
    }

    /// Writes all of `chunk`, or nothing.
    pub(super) async fn fold(
        &self,
        connection: &mut SqliteConnection,
        chunk: &Chunk,
    ) -> Result<(), sqlx::Error> {
        if chunk.is_one_statement() {
            return self.write(connection, chunk).await;
        }
        // Not sqlx's own transaction: after a full disk SQLite has rolled back by itself, and
        // sqlx would go on counting a transaction that is gone.
        connection.execute("BEGIN IMMEDIATE").await?;
        let mut written = self.write(connection, chunk).await;
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
        chunk: &Chunk,
    ) -> Result<(), sqlx::Error> {
        self.log
            .run(connection, &chunk.logs, |query, row| {
                query
                    .bind(row.call.to_vec())
                    .bind(int(row.first_seq))
                    .bind(row.app.as_str())
                    .bind(int(row.at))
                    .bind(row.ended)
                    .bind(Arc::clone(&row.body))
            })
            .await?;
        self.live.run(connection, &chunk.begun, |query, call| query.bind(call.to_vec())).await?;
        self.over.run(connection, &chunk.over, |query, call| query.bind(call.to_vec())).await?;
        for session in &chunk.gone {
            for text in ["DELETE FROM answer WHERE session = ?", "DELETE FROM session WHERE id = ?"]
            {
                sqlx::query(text).bind(session.as_str()).execute(&mut *connection).await?;
            }
        }
        self.session
            .run(connection, &chunk.sessions, |query, row| {
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
        self.write_answers(connection, chunk).await?;
        self.user
            .run(connection, &chunk.users, |query, row| {
                query
                    .bind(row.app.as_str())
                    .bind(row.user.as_str())
                    .bind(i64::from(row.uid.0))
                    .bind(row.name.clone())
                    .bind(int(row.at.0))
            })
            .await?;
        self.write_records(connection, chunk).await?;
        if let Some(last) = chunk.folded {
            let folded = sqlx::query("UPDATE batch SET body = ? WHERE id = ?");
            folded.bind(batch::FOLDED).bind(last).execute(&mut *connection).await?;
        }
        if let Some(last) = chunk.deleted {
            delete_batches(connection, last).await?;
        }
        Ok(())
    }

    async fn write_answers(
        &self,
        connection: &mut SqliteConnection,
        chunk: &Chunk,
    ) -> Result<(), sqlx::Error> {
        self.answer
            .run(connection, &chunk.answers, |query, row| {
                query
                    .bind(row.session.as_str())
                    .bind(int(row.request))
                    .bind(int(row.answers as u64))
                    .bind(Arc::clone(&row.body))
            })
            .await?;
        for session in &chunk.trim {
            sqlx::query(
                "DELETE FROM answer WHERE session = ?1 AND request <= (SELECT max(request) FROM
                 (SELECT request, sum(answers) OVER (ORDER BY request DESC) - answers AS newer
                  FROM answer WHERE session = ?1) WHERE newer >= ?2)",
            )
            .bind(session.as_str())
            .bind(int(ANSWERS_KEPT as u64))
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }

    async fn write_values(
        &self,
        connection: &mut SqliteConnection,
        chunk: &Chunk,
    ) -> Result<(), sqlx::Error> {
        self.key_value
            .run(connection, &chunk.key_values, |query, row| {
                query
                    .bind(row.app.as_str())
                    .bind(row.bucket.as_str())
                    .bind(row.key.clone())
                    .bind(row.value.clone())
            })
            .await?;
        for row in &chunk.removed {
            sqlx::query("DELETE FROM key_value WHERE app = ? AND bucket = ? AND key = ?")
                .bind(row.app.as_str())
                .bind(row.bucket.as_str())
                .bind(row.key.as_str())
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    async fn write_records(
        &self,
        connection: &mut SqliteConnection,
        chunk: &Chunk,
    ) -> Result<(), sqlx::Error> {
        self.record
            .run(connection, &chunk.records, |query, row| {
                query
                    .bind(row.app.as_str())
                    .bind(int(row.serial))
                    .bind(row.call.to_vec())
                    .bind(int(row.created_at))
                    .bind(int(row.ended_at))
                    .bind(Arc::clone(&row.reason))
                    .bind(Arc::clone(&row.users))
                    .bind(Arc::clone(&row.body))
            })
            .await?;
        self.leg
            .run(connection, &chunk.legs, |query, leg| {
                query
                    .bind(leg.app.as_str())
                    .bind(leg.user.as_str())
                    .bind(int(leg.serial))
                    .bind(Arc::clone(&leg.outcome))
                    .bind(leg.missed)
            })
            .await?;
        self.feed
            .run(connection, &chunk.feed, |query, row| {
                query
                    .bind(row.app.as_str())
                    .bind(int(row.position))
                    .bind(int(row.at))
                    .bind(row.body.clone())
            })
            .await?;
        self.write_values(connection, chunk).await?;
        for (app, last) in &chunk.serials {
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

/// Deletes the batches up to `last`.
pub(super) async fn delete_batches(
    connection: &mut SqliteConnection,
    last: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM batch WHERE id <= ?").bind(last).execute(connection).await?;
    Ok(())
}
