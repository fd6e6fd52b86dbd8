//! Records of finished calls.

use std::sync::Arc;

use axum::{Json, extract::State};
use bellwire_core::{Reason, Timestamp, UserId};
use bellwire_protocol::{ErrorCode, Record, limits::RECORDS_DEFAULT, limits::RECORDS_PAGE};
use serde::{Deserialize, Serialize};

use super::{
    caller::Business,
    problem::{Asked, Problem},
};
use crate::{gateway::Gateway, journal::RecordQuery};

/// `GET /v1/records?user=&from=&to=&reason=&cursor=&limit=`
#[derive(Deserialize)]
pub(super) struct Wanted {
    user: Option<UserId>,
    /// Calls asked for at or after this moment, in Unix milliseconds.
    from: Option<u64>,
    /// Calls asked for before this moment.
    to: Option<u64>,
    reason: Option<Reason>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// A page, newest first.
#[derive(Serialize)]
pub(super) struct Page {
    records: Vec<Record>,
    /// Where the next page begins; none on the last.
    cursor: Option<String>,
}

pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Business(app): Business,
    Asked(asked): Asked<Wanted>,
) -> Result<Json<Page>, Problem> {
    let most = u32::try_from(RECORDS_PAGE).unwrap_or(u32::MAX);
    let usual = u32::try_from(RECORDS_DEFAULT).unwrap_or(u32::MAX);
    let limit = asked.limit.unwrap_or(usual).clamp(1, most);
    let mut query = RecordQuery::newest(app.key.clone(), limit + 1);
    query.user = asked.user;
    query.from = asked.from.map(Timestamp);
    query.to = asked.to.map(Timestamp);
    query.reason = asked.reason;
    if let Some(cursor) = asked.cursor {
        let serial = cursor.parse();
        let wrong = |_| Problem::invalid("cursor", "use the cursor of an earlier page");
        query.before_serial = Some(serial.map_err(wrong)?);
    }
    let found = gateway.board.storage.records(&query).await.map_err(|error| {
        tracing::error!(%error, "cannot read records");
        Problem::new(ErrorCode::Unavailable, "records cannot be read now; try again later")
    })?;
    let mut records: Vec<Record> =
        found.iter().filter_map(|r| serde_json::from_str(r).ok()).collect();
    let more = records.len() > limit as usize;
    records.truncate(limit as usize);
    let cursor = records.last().filter(|_| more).map(|r| r.serial.to_string());
    Ok(Json(Page { records, cursor }))
}
