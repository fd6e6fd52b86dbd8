//! Whose business server is asking, and whether it may.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{header::AUTHORIZATION, header::ORIGIN, request::Parts},
};
use bellwire_protocol::{ErrorCode, WireError};

use super::problem::Problem;
use crate::{
    config::{ApiKey, App, Scope},
    gateway::Gateway,
    listen::Visitor,
};

/// The app whose API key came with the request. The key has the scope that the route names as an
/// extension; on a route without one nobody is let in.
pub(crate) struct Business(pub(crate) Arc<App>);

/// The same, with the key.
pub(crate) struct Keyed {
    pub(crate) app: Arc<App>,
    pub(crate) key: Arc<ApiKey>,
}

/// Marks a request that came over the connection of a business server: the key that it gave, which
/// may have been taken away or have other scopes since.
#[derive(Debug, Clone)]
pub(crate) struct Carried(pub(crate) Arc<ApiKey>);

impl FromRequestParts<Arc<Gateway>> for Business {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        gateway: &Arc<Gateway>,
    ) -> Result<Self, Problem> {
        Keyed::from_request_parts(parts, gateway).await.map(|keyed| Self(keyed.app))
    }
}

impl FromRequestParts<Arc<Gateway>> for Keyed {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        gateway: &Arc<Gateway>,
    ) -> Result<Self, Problem> {
        let keyed = match parts.extensions.get() {
            Some(Carried(key)) => Self::still(key, gateway)?,
            None => Self::of_header(parts, gateway)?,
        };
        match parts.extensions.get::<Scope>() {
            Some(scope) if keyed.key.may(*scope) => Ok(keyed),
            Some(scope) => Err(keyed.lacks(*scope)),
            None => Err(Problem::new(ErrorCode::Forbidden, "no API key is good for this path")),
        }
    }
}

impl Keyed {
    fn still(key: &ApiKey, gateway: &Gateway) -> Result<Self, Problem> {
        let found = gateway.apps.by_api_key(key.secret.expose());
        let (app, key) = found.ok_or_else(|| {
            let text = "the API key of this connection was taken away; connect with another";
            Problem::new(ErrorCode::Unauthorized, text)
        })?;
        Ok(Self { app, key })
    }

    fn of_header(parts: &Parts, gateway: &Gateway) -> Result<Self, Problem> {
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
        let (app, key) = key.and_then(|key| gateway.apps.by_api_key(key)).ok_or_else(|| {
            visitor.failed();
            let text = "send `Authorization: Bearer` with an API key of the app";
            Problem::new(ErrorCode::Unauthorized, text)
        })?;
        let origin = parts.headers.get(ORIGIN).and_then(|o| o.to_str().ok());
        if app.allows_origin(origin) {
            Ok(Self { app, key })
        } else {
            Err(Problem::new(ErrorCode::Forbidden, "this page's origin is not allowed"))
        }
    }

    fn lacks(&self, scope: Scope) -> Problem {
        let text = format!(
            "{} lacks the scope `{}`; use another key, or add the scope to it in the settings",
            self.key.shown(),
            scope.as_str()
        );
        Problem::new(ErrorCode::Forbidden, text)
    }
}
