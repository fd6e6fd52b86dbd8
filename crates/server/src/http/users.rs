//! Users: their tokens, where they are, taking them out of calls, logging them out, erasing them.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
};
use bellwire_core::{AppKey, CallId, DeviceId, Note, Phase, Timestamp, Uid, UserId};
use bellwire_protocol::{
    CloseCode, ErrorCode, SetAvailability, command::PushClear, reply::Presence,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    caller::Business,
    calls::{Answer, answered, asker, end_all_of},
    problem::{Body, Problem},
};
use crate::{
    auth::{MintError, mint},
    gateway::{Gateway, end_session},
};

type Gate = State<Arc<Gateway>>;

/// How long a token is good for if nothing is said, in seconds.
const TTL_S: u64 = 3600;

/// `POST /v1/tokens`
#[derive(Deserialize, JsonSchema)]
pub(super) struct TokenBody {
    user: UserId,
    /// Seconds.
    #[serde(default)]
    ttl: Option<u64>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    uid: Option<Uid>,
}

/// What `POST /v1/tokens` gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct Token {
    token: String,
    expires_at: Timestamp,
}

pub(super) async fn token(
    State(gateway): Gate,
    Business(app): Business,
    Body(body): Body<TokenBody>,
) -> Result<Json<Token>, Problem> {
    let ttl = Duration::from_secs(body.ttl.unwrap_or(TTL_S));
    if ttl.is_zero() {
        return Err(Problem::invalid("ttl", "at least 1 second"));
    }
    let now_s = gateway.board.now().0 / 1000;
    let minted = mint(&app, &body.user, ttl, body.name.as_deref(), body.uid, now_s);
    let minted = minted.map_err(|error| match error {
        MintError::NoKey(_) => Problem::new(ErrorCode::Forbidden, error.to_string()),
        MintError::Signing(text) => Problem::new(ErrorCode::Unavailable, text),
    })?;
    Ok(Json(Token { token: minted.token, expires_at: minted.expires_at }))
}

/// `GET /v1/users/{user}`
#[derive(Serialize, JsonSchema)]
pub(super) struct User {
    #[serde(rename = "user")]
    id: UserId,
    uid: Option<Uid>,
    name: Option<String>,
    presence: Presence,
    /// The call that claims them.
    call: Option<CallId>,
    devices: Vec<Device>,
}

#[derive(Serialize, JsonSchema)]
struct Device {
    id: DeviceId,
    name: Option<String>,
    platform: Option<String>,
    connected: bool,
    since: Timestamp,
}

pub(super) async fn show(
    State(gateway): Gate,
    Business(app): Business,
    Path(user): Path<String>,
) -> Result<Json<User>, Problem> {
    let user = user_id(&user)?;
    let board = &gateway.board;
    let known = board.directory.get(&app.key, &user);
    let known = known
        .ok_or_else(|| Problem::missing(ErrorCode::Invalid, "this user has never logged in"))?;
    let claim = board.calls.claim(&app.key, &user).filter(|c| c.phase != Phase::Ended);
    let sessions = board.sessions.of(&app.key, &user);
    let devices = sessions.iter().map(|s| Device {
        id: s.device.clone(),
        name: s.name.clone(),
        platform: s.platform.clone(),
        connected: s.is_connected(),
        since: s.since,
    });
    Ok(Json(User {
        uid: Some(known.uid),
        name: known.name,
        presence: board.presence(&app.key, &user),
        call: claim.map(|c| c.id),
        devices: devices.collect(),
        id: user,
    }))
}

fn user_id(text: &str) -> Result<UserId, Problem> {
    UserId::parse(text).map_err(|error| Problem::invalid("user", error.to_string()))
}

/// `GET /v1/users/{user}/availability`
pub(super) async fn availability(
    State(gateway): Gate,
    Business(app): Business,
    Path(user): Path<String>,
) -> Answer {
    let (asker, answer) = asker(None);
    gateway.board.answer_availability(&app.key, &user_id(&user)?, asker);
    answered(answer).await
}

/// `PATCH /v1/users/{user}/availability`
pub(super) async fn set_availability(
    State(gateway): Gate,
    Business(app): Business,
    Path(user): Path<String>,
    Body(asked): Body<SetAvailability>,
) -> Answer {
    asked.check().map_err(|fault| Problem::invalid(fault.field, fault.text))?;
    let (asker, answer) = asker(None);
    gateway.board.set_availability(&app.key, &user_id(&user)?, &asked, asker);
    answered(answer).await
}

/// What was done, by number.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Count")]
pub(super) struct Done {
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    devices: Option<usize>,
}

/// Takes the user out of whatever call.
pub(super) async fn end(
    State(gateway): Gate,
    Business(app): Business,
    Path(user): Path<String>,
    Body(note): Body<Note>,
) -> Result<Json<Done>, Problem> {
    let calls = end_all_of(&gateway.board, &app.key, &user_id(&user)?, &note).await;
    Ok(Json(Done { calls: Some(calls), devices: None }))
}

/// Logs every device of the user out, or one; what they are in goes on without them.
#[derive(Deserialize, JsonSchema)]
pub(super) struct LogoutBody {
    #[serde(default)]
    device: Option<DeviceId>,
}

pub(super) async fn logout(
    State(gateway): Gate,
    Business(app): Business,
    Path(user): Path<String>,
    Body(body): Body<LogoutBody>,
) -> Result<Json<Done>, Problem> {
    let devices = log_out(&gateway, &app.key, &user_id(&user)?, body.device.as_ref()).await;
    Ok(Json(Done { calls: None, devices: Some(devices) }))
}

/// Logs a user's devices out, or one; how many those were.
async fn log_out(
    gateway: &Arc<Gateway>,
    app: &AppKey,
    user: &UserId,
    device: Option<&DeviceId>,
) -> usize {
    // Also of devices that sleep.
    gateway.board.clear_tokens(app, user, device, &PushClear::default());
    let mut devices = 0;
    for session in gateway.board.sessions.of(app, user) {
        if device.is_some_and(|device| *device != session.device) {
            continue;
        }
        devices += 1;
        gateway.board.hang_up_device(&session).await;
        if let Some(outbox) = session.outbox() {
            outbox.close(CloseCode::Unauthorized, "logged out by the app");
        }
        end_session(gateway, &session);
    }
    devices
}

/// What erasing a user came to.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Erased")]
pub(super) struct Gone {
    /// From how many calls they were taken out.
    calls: usize,
    /// How many devices were logged out.
    devices: usize,
    /// How many records name somebody else in their place.
    records: u64,
    /// How many logs of calls do.
    logs: u64,
    /// Calls that go on with others; they name the user until they are over.
    running: BTreeSet<CallId>,
}

/// `DELETE /v1/users/{user}`
pub(super) async fn erase(
    State(gateway): Gate,
    Business(app): Business,
    Path(user): Path<String>,
) -> Result<Json<Gone>, Problem> {
    let user = user_id(&user)?;
    let calls = end_all_of(&gateway.board, &app.key, &user, &Note::default()).await;
    let devices = log_out(&gateway, &app.key, &user, None).await;
    let (erased, running) = gateway.board.erase(&app.key, &user).await.map_err(|error| {
        tracing::error!(app = %app.key, %error, "cannot erase a user");
        Problem::new(ErrorCode::Unavailable, "not all of it is erased; ask again later")
    })?;
    Ok(Json(Gone { calls, devices, records: erased.records, logs: erased.logs, running }))
}
