//! The HTTP side: the business server's API, health, metrics and the web pages, on the port of the
//! WebSocket.

mod caller;
mod calls;
mod change;
mod events;
mod export;
mod health;
mod pages;
mod problem;
mod records;
mod users;
mod webhooks;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    routing::{get, post},
};
use bellwire_protocol::{PATH, business::BUSINESS_PATH, limits::FRAME_BYTES};
use tower_http::{
    cors::{AllowOrigin, CorsLayer},
    timeout::TimeoutLayer,
};

use crate::{
    business,
    gateway::{self, Gateway},
};

pub(crate) use caller::{Business, Carried};
pub(crate) use change::IDEMPOTENCY_KEY;
pub(crate) use problem::Problem;

/// How long a request may take, its body included: whoever sends a byte now and then would hold
/// its connection for ever. What is asked of the server is answered in milliseconds.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// The routes of the server; needs no port, so tests can call it directly.
pub(crate) fn app(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route(PATH, get(gateway::upgrade))
        .route(BUSINESS_PATH, get(business::upgrade))
        .route("/v1/tokens", post(users::token))
        .route("/v1/calls", get(calls::list).post(calls::start))
        .route("/v1/calls/{id}", get(calls::show))
        .route("/v1/calls/{id}/accept", post(calls::accept))
        .route("/v1/calls/{id}/reject", post(calls::reject))
        .route("/v1/calls/{id}/cancel", post(calls::cancel))
        .route("/v1/calls/{id}/invite", post(calls::invite))
        .route("/v1/calls/{id}/remove", post(calls::remove))
        .route("/v1/calls/{id}/end", post(calls::end))
        .route("/v1/users/{user}", get(users::show))
        .route(
            "/v1/users/{user}/availability",
            get(users::availability).patch(users::set_availability),
        )
        .route("/v1/users/{user}/end", post(users::end))
        .route("/v1/users/{user}/logout", post(users::logout))
        .route("/v1/records", get(records::list))
        .route("/v1/records/export", get(export::export))
        .route("/v1/events", get(events::list))
        .route("/v1/webhooks", get(webhooks::list))
        .route("/v1/webhooks/{name}/replay", post(webhooks::replay))
        .route("/v1/webhooks/{name}/revive", post(webhooks::revive))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
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
        .allow_methods([Method::GET, Method::POST, Method::PATCH])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static(IDEMPOTENCY_KEY),
        ])
}
