//! Whose business server is asking.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{header::AUTHORIZATION, header::ORIGIN, request::Parts},
};
use bellwire_core::AppKey;
use bellwire_protocol::{ErrorCode, WireError};

use super::problem::Problem;
use crate::{config::App, gateway::Gateway, listen::Visitor};

/// The app whose API key came with the request.
pub(crate) struct Business(pub(crate) Arc<App>);

/// Marks a request that came over the connection of this app's business server.
#[derive(Debug, Clone)]
pub(crate) struct Carried(pub(crate) AppKey);

impl FromRequestParts<Arc<Gateway>> for Business {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        gateway: &Arc<Gateway>,
    ) -> Result<Self, Problem> {
        if let Some(Carried(app)) = parts.extensions.get() {
            let text = "your app is no longer served here";
            let app = gateway.apps.get(app);
            return app.map(Self).ok_or_else(|| Problem::new(ErrorCode::Unauthorized, text));
        }
        let visitor = parts.extensions.get::<Visitor>().cloned().unwrap_or_default();
        if let Some(wait) = visitor.barred() {
            let retry_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
            return Err(Box::new(WireError::rate_limited(retry_ms)).into());
        }
        let header = parts.headers.get(AUTHORIZATION).and_then(|h| h.to_str().ok());
        let key = header.and_then(|h| {
            let (scheme, key) = h.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
        });
        let app = key.and_then(|key| gateway.apps.by_api_key(key)).ok_or_else(|| {
            visitor.failed();
            let text = "send `Authorization: Bearer` with an API key of the app";
            Problem::new(ErrorCode::Unauthorized, text)
        })?;
        let origin = parts.headers.get(ORIGIN).and_then(|o| o.to_str().ok());
        if app.allows_origin(origin) {
            Ok(Self(app))
        } else {
            Err(Problem::new(ErrorCode::Forbidden, "this page's origin is not allowed"))
        }
    }
}
