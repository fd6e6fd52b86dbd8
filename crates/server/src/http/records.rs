//! Records of finished calls.

use std::sync::Arc;

use axum::{Json, extract::State};
use bellwire_core::{Reason, State as Outcome, Timestamp, UserId};
use bellwire_protocol::{
    ErrorCode, Record, business::FullRecord, limits::RECORDS_DEFAULT, limits::RECORDS_PAGE,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    caller::Business,
    problem::{Asked, Problem},
};
use crate::{
    config::App,
    gateway::Gateway,
    journal::RecordQuery,
    storage::{Storage, StorageError},
};

/// Which records: `user=&from=&to=&reason=&outcome=&missed=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct Search {
    user: Option<UserId>,
    /// Calls asked for at or after this moment, in Unix milliseconds.
    from: Option<u64>,
    /// Calls asked for before this moment.
    to: Option<u64>,
    reason: Option<Reason>,
    /// How a part ended: that of `user`, or anybody's.
    outcome: Option<Outcome>,
    /// Calls that `user` missed.
    missed: Option<bool>,
}

/// Which part of what is found: `cursor=&limit=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct Paging {
    cursor: Option<String>,
    limit: Option<u32>,
}

/// A page, newest first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecordPage")]
pub(super) struct Page {
    records: Vec<FullRecord>,
    /// Where the next page begins; none on the last.
    cursor: Option<String>,
}

impl Search {
    /// The question to the storage, for the newest `limit`.
    pub(super) fn query(self, app: &App, limit: u32) -> Result<RecordQuery, Problem> {
        let mut query = RecordQuery::newest(app.key.clone(), limit);
        if self.missed == Some(true) {
            let text = "name the `user` who missed them";
            let user = self.user.clone().ok_or_else(|| Problem::invalid("missed", text))?;
            query.missed_for = Some(user);
        }
        query.user = self.user;
        query.from = self.from.map(Timestamp);
        query.to = self.to.map(Timestamp);
        query.reason = self.reason;
        query.outcome = self.outcome;
        Ok(query)
    }
}

/// `GET /v1/records`
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Business(app): Business,
    Asked(search): Asked<Search>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page>, Problem> {
    let most = u32::try_from(RECORDS_PAGE).unwrap_or(u32::MAX);
    let usual = u32::try_from(RECORDS_DEFAULT).unwrap_or(u32::MAX);
    let limit = paging.limit.unwrap_or(usual).clamp(1, most);
    let mut query = search.query(&app, limit + 1)?;
    if let Some(cursor) = paging.cursor {
        let serial = cursor.parse();
        let wrong = |_| Problem::invalid("cursor", "use the cursor of an earlier page");
        query.before_serial = Some(serial.map_err(wrong)?);
    }
    let found = read(&*gateway.board.storage, &query, limit as usize).await;
    let (records, more) = found.map_err(|error| unreadable(&error))?;
    let cursor = records.last().filter(|_| more).map(|found| found.record.serial.to_string());
    Ok(Json(Page { records, cursor }))
}

/// At most `limit` of the records asked for, with what their logs say; and whether there are more.
pub(super) async fn read(
    storage: &dyn Storage,
    query: &RecordQuery,
    limit: usize,
) -> Result<(Vec<FullRecord>, bool), StorageError> {
    let found = storage.records(query).await?;
    let mut full = Vec::with_capacity(found.len().min(limit));
    for record in found.iter().take(limit) {
        match serde_json::from_str::<Record>(record) {
            Ok(record) => {
                let log = storage.log(record.call).await?;
                full.push(FullRecord::of(record, &log));
            }
            Err(error) => tracing::error!(%error, "a stored record cannot be read; it is left out"),
        }
    }
    Ok((full, found.len() > limit))
}

pub(super) fn unreadable(error: &StorageError) -> Problem {
    tracing::error!(%error, "cannot read records");
    Problem::new(ErrorCode::Unavailable, "records cannot be read now; try again later")
}
