//! A change the business server asks for; with an `Idempotency-Key` it is done once.

use std::{fmt::Write as _, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    body::to_bytes,
    extract::{FromRequest, FromRequestParts as _, Request},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use bellwire_protocol::{
    WireError,
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

/// What is answered in its place.
pub(super) enum Instead {
    /// The answer to the first request with the key.
    First(Said),
    Refused(Problem),
}

impl From<Problem> for Instead {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl IntoResponse for Instead {
    fn into_response(self) -> Response {
        match self {
            Self::First(said) => said.into_response(),
            Self::Refused(problem) => problem.into_response(),
        }
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<Gateway>> for Change<T> {
    type Rejection = Instead;

    async fn from_request(request: Request, gateway: &Arc<Gateway>) -> Result<Self, Instead> {
        let (mut parts, body) = request.into_parts();
        let Business(app) = Business::from_request_parts(&mut parts, gateway).await?;
        let mut once = None;
        let mut request = Request::from_parts(parts.clone(), body);
        if let Some(key) = key(&parts)? {
            let body = to_bytes(request.into_body(), FRAME_BYTES).await;
            let cut = |_| Problem::invalid("body", "is too large, or was cut off");
            let body = body.map_err(cut)?;
            once = Some(begin(gateway, &app, &key, asked(&parts, &body))?);
            request = Request::from_parts(parts, body.into());
        }
        let Body(body) = Body::from_request(request, gateway).await?;
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

fn begin(gateway: &Gateway, app: &App, key: &str, asked: String) -> Result<Once, Instead> {
    let board = &gateway.board;
    let refused = |text: &str, status| {
        Instead::Refused(Problem(Box::new(WireError::invalid(IDEMPOTENCY_KEY, text)), status))
    };
    match board.idempotency.begin(&app.key, key, asked, board.now()) {
        Begun::First(once) => Ok(once),
        Begun::Again(Ok(ok)) => Err(Instead::First(Said(ok))),
        Begun::Again(Err(error)) => Err(Problem::from(error).into()),
        Begun::UnderWay => {
            let text = "its first request is under way; ask again in a moment";
            Err(refused(text, StatusCode::CONFLICT))
        }
        Begun::Other => {
            let text = "was used for another request; choose a new one for each";
            Err(refused(text, StatusCode::UNPROCESSABLE_ENTITY))
        }
    }
}
