//! What a restart finds in the file.

use bellwire_core::{AppKey, CallId, Entry, SessionId, Timestamp, Uid};
use serde::de::DeserializeOwned;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{
    error::JournalError,
    feed, int,
    row::{Bucket, KeyValueRow, SessionRow, UserRow},
};

/// Everything the memory of a server is rebuilt from.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Calls that are not over, each with its whole log.
    pub live: Vec<StoredCall>,
    /// Calls that ended lately, each with its whole log.
    pub recent: Vec<StoredCall>,
    /// Sessions that are not over.
    pub sessions: Vec<StoredSession>,
    /// All users.
    pub users: Vec<UserRow>,
    /// The highest record serial given in each app; it counts swept records too.
    pub serials: Vec<(AppKey, u64)>,
    /// The last position in the feed of each app.
    pub positions: Vec<(AppKey, u64)>,
    /// The values of all buckets.
    pub key_values: Vec<KeyValueRow>,
}

/// A call as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCall {
    /// The app.
    pub app: AppKey,
    /// The call.
    pub call: CallId,
    /// Its log, from `seq` 1.
    pub entries: Vec<Entry>,
}

/// A session as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// The session.
    pub row: SessionRow,
    /// The highest request that has a stored answer; 0 if none has.
    pub highest_request: u64,
}

impl Recovered {
    pub(super) async fn read(
        connection: &mut SqliteConnection,
        recent_since: Timestamp,
    ) -> Result<Self, JournalError> {
        let live = sqlx::query(
            "SELECT log.call, app, body FROM live CROSS JOIN log ON log.call = live.call
             ORDER BY log.call, first_seq",
        );
        let live = calls(&live.fetch_all(&mut *connection).await?)?;
        let recent = sqlx::query(
            "SELECT call, app, body FROM log WHERE call IN
             (SELECT call FROM log WHERE ended = 1 AND at >= ?) ORDER BY call, first_seq",
        )
        .bind(int(recent_since.0));
        let recent = calls(&recent.fetch_all(&mut *connection).await?)?;
        let sessions = sqlx::query(
            "SELECT id, app, user, device, name, platform, at, coalesce(
             (SELECT max(request) FROM answer WHERE answer.session = session.id), 0) AS highest
             FROM session ORDER BY id",
        );
        let sessions = sessions.fetch_all(&mut *connection).await?;
        let users = sqlx::query("SELECT app, user, uid, name, at FROM user ORDER BY app, user");
        let users = users.fetch_all(&mut *connection).await?;
        let serials = sqlx::query("SELECT app, last FROM serial ORDER BY app");
        let serials = serials.fetch_all(&mut *connection).await?;
        let ends = sqlx::query(
            "SELECT app, body FROM feed WHERE (app, position) IN
             (SELECT app, max(position) FROM feed GROUP BY app) ORDER BY app",
        );
        let ends = ends.fetch_all(&mut *connection).await?;
        let end = |row: &SqliteRow| {
            Ok((name("feed", row, "app", AppKey::parse)?, feed::last_in(row.try_get("body")?)?))
        };
        let positions = ends.iter().map(end).collect::<Result<_, JournalError>>()?;
        let values =
            sqlx::query("SELECT app, bucket, key, value FROM key_value ORDER BY app, bucket, key");
        let values = values.fetch_all(&mut *connection).await?;
        Ok(Self {
            key_values: values.iter().map(key_value).collect::<Result<_, _>>()?,
            positions,
            live,
            recent,
            sessions: sessions.iter().map(session).collect::<Result<_, _>>()?,
            users: users.iter().map(user).collect::<Result<_, _>>()?,
            serials: serials
                .iter()
                .map(|row| {
                    Ok((name("serial", row, "app", AppKey::parse)?, number("serial", row, "last")?))
                })
                .collect::<Result<_, JournalError>>()?,
        })
    }
}

/// The entries stored in one row of the log.
pub(super) fn entries(body: &str) -> Result<Vec<Entry>, JournalError> {
    parse("log", body)
}

/// Rows ordered by call and position, folded into calls.
fn calls(rows: &[SqliteRow]) -> Result<Vec<StoredCall>, JournalError> {
    let mut calls: Vec<StoredCall> = Vec::new();
    for row in rows {
        let id: &[u8] = row.try_get("call")?;
        let call = uuid::Uuid::from_slice(id).map(CallId).map_err(|e| broken("log", &e))?;
        let more = entries(row.try_get("body")?)?;
        match calls.last_mut() {
            Some(last) if last.call == call => last.entries.extend(more),
            _ => {
                let app = name("log", row, "app", AppKey::parse)?;
                calls.push(StoredCall { app, call, entries: more });
            }
        }
    }
    match calls.iter().find(|c| c.entries.iter().zip(1..).any(|(e, seq)| e.seq != seq)) {
        Some(gap) => Err(broken("log", &format!("the log of call {} has a gap", gap.call))),
        None => Ok(calls),
    }
}

fn session(row: &SqliteRow) -> Result<StoredSession, JournalError> {
    Ok(StoredSession {
        row: SessionRow {
            id: name("session", row, "id", SessionId::parse)?,
            app: name("session", row, "app", AppKey::parse)?,
            user: name("session", row, "user", bellwire_core::UserId::parse)?,
            device: name("session", row, "device", bellwire_core::DeviceId::parse)?,
            name: row.try_get("name")?,
            platform: row.try_get("platform")?,
            at: Timestamp(number("session", row, "at")?),
        },
        highest_request: number("session", row, "highest")?,
    })
}

fn user(row: &SqliteRow) -> Result<UserRow, JournalError> {
    let uid = number("user", row, "uid")?;
    Ok(UserRow {
        app: name("user", row, "app", AppKey::parse)?,
        user: name("user", row, "user", bellwire_core::UserId::parse)?,
        uid: Uid(u32::try_from(uid).map_err(|e| broken("user", &e))?),
        name: row.try_get("name")?,
        at: Timestamp(number("user", row, "at")?),
    })
}

fn key_value(row: &SqliteRow) -> Result<KeyValueRow, JournalError> {
    let (bucket, value): (&str, String) = (row.try_get("bucket")?, row.try_get("value")?);
    let known = Bucket::named(bucket);
    Ok(KeyValueRow {
        app: name("key_value", row, "app", AppKey::parse)?,
        bucket: known.ok_or_else(|| broken("key_value", &"a value of no known bucket"))?,
        key: row.try_get("key")?,
        value: Some(value.into()),
    })
}

fn name<T>(
    table: &'static str,
    row: &SqliteRow,
    column: &str,
    parse: impl Fn(&str) -> Result<T, bellwire_core::NameError>,
) -> Result<T, JournalError> {
    parse(row.try_get(column)?).map_err(|e| broken(table, &format!("{column}: {e}")))
}

fn number(table: &'static str, row: &SqliteRow, column: &str) -> Result<u64, JournalError> {
    let stored: i64 = row.try_get(column)?;
    u64::try_from(stored).map_err(|e| broken(table, &format!("{column}: {e}")))
}

/// Reads stored JSON.
pub(super) fn parse<T: DeserializeOwned>(
    table: &'static str,
    body: &str,
) -> Result<T, JournalError> {
    serde_json::from_str(body).map_err(|e| {
        // The error's own text may quote a note; its place says enough.
        broken(table, &format!("line {}, column {} of its JSON", e.line(), e.column()))
    })
}

fn broken(table: &'static str, detail: &impl ToString) -> JournalError {
    JournalError::Row { table, detail: detail.to_string() }
}
