//! The HTTP side: the business server's API, health, metrics and the web pages, on the port of the
//! WebSocket.

mod caller;
mod calls;
mod change;
mod events;
mod export;
mod health;
mod openapi;
mod pages;
mod problem;
mod records;
mod reference;
mod routes;
mod users;
mod webhooks;

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    routing::get,
};
use bellwire_protocol::{PATH, business::BUSINESS_PATH, limits::FRAME_BYTES};
use tower_http::{
    cors::{AllowOrigin, CorsLayer},
    timeout::TimeoutLayer,
};

use crate::{
    business,
    config::Scope,
    gateway::{self, Gateway},
};

pub(crate) use caller::{Carried, Keyed};
pub(crate) use change::IDEMPOTENCY_KEY;
pub(crate) use problem::Problem;

use self::openapi::Api;

/// How long a request may take, its body included: whoever sends a byte now and then would hold
/// its connection for ever. What is asked of the server is answered in milliseconds.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// The routes of the server; needs no port, so tests can call it directly.
pub(crate) fn app(gateway: Arc<Gateway>) -> Router {
    routes::api(Api::routes())
        .router
        .route(PATH, get(gateway::upgrade))
        .route(BUSINESS_PATH, get(business::upgrade).route_layer(Extension(Scope::Business)))
        .route("/openapi.json", get(openapi::document))
        .route("/docs", get(reference::reference))
        .route("/", get(pages::phone))
        .route("/assets/{*name}", get(pages::asset))
        .fallback(problem::no_such_page)
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, ANSWER_WAIT))
        .layer(cors(gateway.clone()))
        .layer(DefaultBodyLimit::max(FRAME_BYTES))
        .with_state(gateway)
}

/// Web pages may call from the origins that an app allows; which app it is, its key says later.
fn cors(gateway: Arc<Gateway>) -> CorsLayer {
    let allowed = move |origin: &HeaderValue, _: &Parts| {
        let origin = origin.to_str().ok();
        gateway.apps.all().iter().any(|app| app.allows_origin(origin))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static(IDEMPOTENCY_KEY),
        ])
}
