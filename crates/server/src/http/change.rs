//! A change the business server asks for; with an `Idempotency-Key` it is done once.

use std::{fmt::Write as _, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    body::to_bytes,
    extract::{FromRequest, FromRequestParts as _, Request},
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Response},
};
use bellwire_protocol::{
    ErrorCode, WireError,
    limits::{FRAME_BYTES, IDEMPOTENCY_KEY_BYTES},
};
use serde::de::DeserializeOwned;

use super::{
    caller::Business,
    calls::Said,
    problem::{Body, Problem},
};
use crate::{
    config::App,
    gateway::Gateway,
    idempotency::{Begun, Once},
};

/// The header, in the form in which they are compared.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What is asked, and by whom. One that was answered before gets that answer and never comes here.
pub(super) struct Change<T> {
    pub(super) app: Arc<App>,
    pub(super) body: T,
    pub(super) once: Option<Once>,
}

impl<T: DeserializeOwned> FromRequest<Arc<Gateway>> for Change<T> {
    type Rejection = Response;

    async fn from_request(request: Request, gateway: &Arc<Gateway>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let Business(app) = Business::from_request_parts(&mut parts, gateway)
            .await
            .map_err(Problem::into_response)?;
        let mut once = None;
        let mut request = Request::from_parts(parts.clone(), body);
        if let Some(key) = key(&parts).map_err(Problem::into_response)? {
            let bytes = to_bytes(request.into_body(), FRAME_BYTES).await.map_err(|_| {
                Problem::invalid("body", "is too large, or was cut off").into_response()
            })?;
            once = Some(begin(gateway, &app, &key, asked(&parts, &bytes))?);
            request = Request::from_parts(parts, bytes.into());
        }
        let Body(body) =
            Body::from_request(request, gateway).await.map_err(Problem::into_response)?;
        Ok(Self { app, body, once })
    }
}

fn key(parts: &Parts) -> Result<Option<String>, Problem> {
    let Some(header) = parts.headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = header.to_str().ok().filter(|key| (1..=IDEMPOTENCY_KEY_BYTES).contains(&key.len()));
    let text = format!("must be 1 to {IDEMPOTENCY_KEY_BYTES} visible ASCII characters");
    key.map(|key| Some(key.to_owned())).ok_or_else(|| Problem::invalid(IDEMPOTENCY_KEY, text))
}

/// What tells a request from others, as a digest: bodies may be long.
fn asked(parts: &Parts, body: &[u8]) -> String {
    let what = [parts.method.as_str().as_bytes(), b" ", parts.uri.path().as_bytes(), b"\n", body];
    let mut hex = String::with_capacity(64);
    for byte in digest(&SHA256, &what.concat()).as_ref() {
        // Writing into a text never fails.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn begin(gateway: &Gateway, app: &App, key: &str, asked: String) -> Result<Once, Response> {
    let board = &gateway.board;
    let refuse = |text: &str, status| {
        let error = WireError::invalid(IDEMPOTENCY_KEY, text);
        Problem(Box::new(error), status).into_response()
    };
    match board.idempotency.begin(&app.key, key, asked, board.now()) {
        Begun::First(once) => Ok(once),
        Begun::Again(Ok(ok)) => Err(Said(ok).into_response()),
        Begun::Again(Err(error)) => Err(Problem::from(error).into_response()),
        Begun::UnderWay => {
            let text = "the first request with this key is under way; ask again in a moment";
            Err(Problem(
                Box::new(WireError::new(ErrorCode::Unavailable, text)),
                StatusCode::CONFLICT,
            )
            .into_response())
        }
        Begun::Other => {
            let text = "was used for another request; choose a new one for each";
            Err(refuse(text, StatusCode::UNPROCESSABLE_ENTITY))
        }
    }
}
