//! The feed: everything that happened in the app's calls, in order.

use std::sync::Arc;

use axum::{Json, extract::State};
use bellwire_protocol::{
    ErrorCode, FeedCursor,
    business::FeedEvent,
    limits::{EVENTS_DEFAULT, EVENTS_PAGE},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    caller::Business,
    problem::{Asked, Problem},
};
use crate::{
    gateway::Gateway,
    journal::{FeedEntry, FeedQuery},
};

/// `GET /v1/events?after=&limit=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct Wanted {
    after: Option<String>,
    limit: Option<usize>,
}

/// A page, oldest first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventPage")]
pub(super) struct Page {
    events: Vec<FeedEvent>,
    /// Where the next page begins, also when there is nothing there yet; what was asked for where
    /// this page is empty.
    cursor: FeedCursor,
}

pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Business(app): Business,
    Asked(asked): Asked<Wanted>,
) -> Result<Json<Page>, Problem> {
    let after = asked.after.map_or(Ok(FeedCursor(0)), |after| after.parse());
    let wrong = |_| Problem::invalid("after", "use the cursor of an event, or none");
    let FeedCursor(after) = after.map_err(wrong)?;
    let limit = asked.limit.unwrap_or(EVENTS_DEFAULT).clamp(1, EVENTS_PAGE);
    let query = FeedQuery { app: app.key.clone(), after, limit };
    let board = &gateway.board;
    let found = match board.storage.feed(&query).await {
        Ok(found) => found,
        Err(error) => {
            tracing::error!(%error, "cannot read the feed");
            let text = "events cannot be read now; try again later";
            return Err(Problem::new(ErrorCode::Unavailable, text));
        }
    };
    let cursor = FeedCursor(found.last().map_or(after, |last| last.position));
    Ok(Json(Page { events: found.iter().map(FeedEntry::to_wire).collect(), cursor }))
}
