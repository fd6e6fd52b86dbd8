//! Errors as RFC 9457 problem documents.

use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Query, Request, rejection::JsonRejection},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use bellwire_protocol::{ErrorCode, WireError};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

/// Why a request over HTTP was refused.
#[derive(Debug)]
pub(crate) struct Problem(pub(crate) Box<WireError>, pub(super) StatusCode);

/// What a refusal looks like.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(super) struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(flatten)]
    error: &'a WireError,
}

impl Problem {
    pub(crate) fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Box::new(WireError::new(code, text)).into()
    }

    pub(crate) fn invalid(field: impl Into<String>, text: impl Into<String>) -> Self {
        Box::new(WireError::invalid(field, text)).into()
    }

    /// What was named does not exist, or is another app's.
    pub(crate) fn missing(code: ErrorCode, text: impl Into<String>) -> Self {
        Self(Box::new(WireError::new(code, text)), StatusCode::NOT_FOUND)
    }
}

impl From<Box<WireError>> for Problem {
    fn from(error: Box<WireError>) -> Self {
        let status = match error.code {
            ErrorCode::Invalid | ErrorCode::UnknownCommand => StatusCode::BAD_REQUEST,
            ErrorCode::Unauthorized | ErrorCode::TokenExpired => StatusCode::UNAUTHORIZED,
            ErrorCode::Forbidden | ErrorCode::Denied => StatusCode::FORBIDDEN,
            ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::Overloaded | ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::NotInCall if error.reason.is_none() => StatusCode::NOT_FOUND,
            _ => StatusCode::CONFLICT,
        };
        Self(error, status)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(error, status) = self;
        let document = Document {
            r#type: format!("urn:bellwire:error:{}", error.code.as_str()),
            title: error.code.as_str(),
            status: status.as_u16(),
            detail: &error.message,
            error: &error,
        };
        let mut response = (status, Json(&document)).into_response();
        let kind = header::HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(ms) = error.retry_ms {
            let seconds = header::HeaderValue::from(ms.div_ceil(1000));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// A JSON body whose faults are told as problems.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let value = Json::<serde_json::Value>::from_request(request, state).await;
        let Json(value) = value.map_err(|rejection| match rejection {
            JsonRejection::MissingJsonContentType(_) => {
                Problem::invalid("content-type", "send application/json")
            }
            other => Problem::invalid("body", other.body_text()),
        })?;
        if !value.is_object() {
            return Err(Problem::invalid("body", "send a JSON object"));
        }
        serde_path_to_error::deserialize(value).map(Self).map_err(|error| {
            let field = error.path().to_string();
            Problem::invalid(field, error.into_inner().to_string())
        })
    }
}

/// What stands behind the `?` of a path, whose faults are told as problems.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let asked = Query::from_request_parts(parts, state).await;
        let Query(asked) = asked.map_err(|e| Problem::invalid("query", e.body_text()))?;
        Ok(Self(asked))
    }
}

pub(super) async fn no_such_page() -> Problem {
    missing_page()
}

pub(super) fn missing_page() -> Problem {
    Problem::missing(ErrorCode::UnknownCommand, "no such path; the documentation lists them")
}

pub(super) async fn wrong_method() -> Problem {
    let error = WireError::new(ErrorCode::UnknownCommand, "this path takes another method");
    Problem(Box::new(error), StatusCode::METHOD_NOT_ALLOWED)
}
