//! Where devices come in: connections, hello, requests.

mod connection;
mod ephemeral;
mod hello;
mod keepalive;
mod requests;

pub(crate) use hello::{end as end_session, expire_later};

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use axum::{
    extract::{State, WebSocketUpgrade, ws::WebSocket},
    http::{HeaderMap, StatusCode, header::ORIGIN},
    response::{IntoResponse, Response},
};
use bellwire_protocol::{CloseCode, SUBPROTOCOL, ServerEvent, limits::FRAME_BYTES};

use crate::{
    config::{Apps, Limits},
    sessions::Outbox,
    switchboard::Switchboard,
};

/// A frame up to this size is read, so that it can be refused with the proper close code.
const READ_BYTES: usize = 4 * FRAME_BYTES;
/// What a connection reads at once; small, since thousands of devices sleep.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Everything a connection needs.
pub(crate) struct Gateway {
    pub(crate) board: Arc<Switchboard>,
    pub(crate) apps: Apps,
    pub(crate) limits: Limits,
    connections: AtomicUsize,
    /// Told of each connection that has closed.
    closed: tokio::sync::Notify,
    draining: AtomicBool,
    /// Connections that have not said hello yet, so that draining reaches them too.
    newcomers: parking_lot::Mutex<Vec<std::sync::Weak<Outbox>>>,
}

impl Gateway {
    pub(crate) fn new(board: Arc<Switchboard>, apps: Apps, limits: Limits) -> Self {
        Self {
            board,
            apps,
            limits,
            connections: AtomicUsize::new(0),
            closed: tokio::sync::Notify::new(),
            draining: AtomicBool::new(false),
            newcomers: parking_lot::Mutex::default(),
        }
    }

    /// Whether the server is going away: no new calls.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Tells every device that the server is going away.
    pub(crate) fn begin_drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        let frame = ServerEvent::Draining.to_frame();
        for outbox in self.board.sessions.all().iter().filter_map(|s| s.greeted()) {
            outbox.push(frame.clone().into());
        }
    }

    /// Closes every connection.
    pub(crate) fn close_all(&self) {
        let reason = "the server is going away; reconnect and resume";
        // Newcomers first: one that logs in meanwhile is found among the sessions.
        for outbox in self.newcomers.lock().iter().filter_map(std::sync::Weak::upgrade) {
            outbox.close(CloseCode::Draining, reason);
        }
        for outbox in self.board.sessions.all().iter().filter_map(|s| s.outbox()) {
            outbox.close(CloseCode::Draining, reason);
        }
    }

    /// Waits until no connection is open.
    pub(crate) async fn all_closed(&self) {
        while self.connections() > 0 {
            self.closed.notified().await;
        }
    }

    /// Open connections.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    fn newcomer(&self, outbox: &Arc<Outbox>) {
        let mut newcomers = self.newcomers.lock();
        newcomers.retain(|outbox| outbox.strong_count() > 0);
        newcomers.push(Arc::downgrade(outbox));
    }

    fn no_newcomer(&self, outbox: &Arc<Outbox>) {
        let own = Arc::downgrade(outbox);
        self.newcomers.lock().retain(|outbox| !outbox.ptr_eq(&own));
    }
}

/// `GET /v1/ws`
pub(crate) async fn upgrade(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Response {
    let busy = gateway.connections() >= gateway.limits.connections as usize;
    if busy || gateway.is_draining() {
        let why = if busy { "too many connections" } else { "the server is going away" };
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    }
    let origin = headers.get(ORIGIN).and_then(|o| o.to_str().ok()).map(str::to_owned);
    socket
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(READ_BYTES)
        .max_frame_size(READ_BYTES)
        .on_upgrade(move |socket| serve(gateway, socket, origin))
}

async fn serve(gateway: Arc<Gateway>, socket: WebSocket, origin: Option<String>) {
    let open = gateway.connections.fetch_add(1, Ordering::Relaxed) + 1;
    gateway.board.metrics.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
    connection::run(&gateway, socket, origin.as_deref()).await;
    let open = gateway.connections.fetch_sub(1, Ordering::Relaxed) - 1;
    gateway.closed.notify_one();
    gateway.board.metrics.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
}
