//! Webhooks: how their deliveries stand, and doing some again.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use bellwire_protocol::{ErrorCode, FeedCursor, reply::Empty};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    caller::Business,
    problem::{Body, Problem},
};
use crate::{gateway::Gateway, webhooks::Standing};

/// `GET /v1/webhooks`
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Webhooks")]
pub(super) struct All {
    webhooks: Vec<Standing>,
}

pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Business(app): Business,
) -> Json<All> {
    Json(All { webhooks: gateway.board.webhooks.standings(&app.key).await })
}

/// `POST /v1/webhooks/{name}/replay`: everything after a cursor is posted again.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Replay {
    after: FeedCursor,
}

pub(super) async fn replay(
    State(gateway): State<Arc<Gateway>>,
    Business(app): Business,
    Path(name): Path<String>,
    Body(body): Body<Replay>,
) -> Result<Json<Empty>, Problem> {
    done(gateway.board.webhooks.replay(&app.key, &name, body.after.0))
}

/// `POST /v1/webhooks/{name}/revive`: what was given up is tried again.
pub(super) async fn revive(
    State(gateway): State<Arc<Gateway>>,
    Business(app): Business,
    Path(name): Path<String>,
    Body(_): Body<serde_json::Map<String, serde_json::Value>>,
) -> Result<Json<Empty>, Problem> {
    done(gateway.board.webhooks.revive(&app.key, &name))
}

fn done(found: bool) -> Result<Json<Empty>, Problem> {
    if found {
        Ok(Json(Empty {}))
    } else {
        Err(Problem::missing(ErrorCode::Invalid, "the app has no webhook of this name"))
    }
}
