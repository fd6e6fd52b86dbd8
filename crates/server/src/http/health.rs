//! Whether the server lives, whether it takes calls, and its figures.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};
use bellwire_core::Phase;

use crate::gateway::Gateway;

pub(super) async fn alive() -> &'static str {
    "ok\n"
}

pub(super) async fn ready(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    if gateway.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    match gateway.board.takes_calls() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", error.message)),
    }
}

pub(super) async fn metrics(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    let calls = gateway.board.calls.all();
    let count = |phase| calls.iter().filter(|c| c.phase == phase).count();
    let phases = [("inviting", count(Phase::Inviting)), ("active", count(Phase::Active))];
    let text = gateway.board.metrics.text(phases);
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
}
