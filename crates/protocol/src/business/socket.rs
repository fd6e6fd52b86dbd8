//! The business server's WebSocket: the frames of `/v1/business`.

use bellwire_core::{Hook, Label};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FeedEvent, HookAnswer};
use crate::FeedCursor;

/// The answer to a hook: a [`HookAnswer`] with the question's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BusinessAnswer {
    /// The `id` of the question.
    pub answer: Label,
    /// What is said.
    #[serde(flatten)]
    pub said: HookAnswer,
}

/// A request of the HTTP API, carried by the socket; or `hello`, which has to come first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BusinessRequest {
    /// Chosen by the business server; the reply has it too.
    pub id: u64,
    /// `hello`, or method and path as in the HTTP API: `POST /v1/calls`.
    #[serde(rename = "do")]
    pub what: String,
    /// The body, as in the HTTP API.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
    /// What the header `Idempotency-Key` is in the HTTP API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// The body of `hello`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct BusinessHello {
    /// The hooks that this connection answers; all that the app asks where none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Vec<Hook>>,
    /// Asks for the events of the app's calls too, as frames of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<EventsAsk>,
}

/// Which events a business server wants on its connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct EventsAsk {
    /// Those after this one; what happens from now on where none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<FeedCursor>,
}

/// An event on the connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BusinessEvent {
    /// What happened, as in the feed.
    pub event: FeedEvent,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BusinessReply {
    /// The request's.
    pub id: u64,
    /// The status, as in the HTTP API.
    pub status: u16,
    /// The body, as in the HTTP API; a problem document (RFC 9457) where the status is an error.
    pub body: Value,
}
