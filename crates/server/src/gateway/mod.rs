//! Where devices come in: connections, hello, requests.

mod connection;
mod ephemeral;
mod frame;
mod hello;
mod keepalive;
mod media;
mod push;
mod records;
mod requests;
mod upgrade;
mod waiting;
mod wire;

pub(crate) use frame::{Decoder, Frame};
pub(crate) use hello::{end as end_session, expire_later};
pub(crate) use upgrade::upgrade;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use bellwire_protocol::{CloseCode, ServerEvent};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    config::{Apps, Limits},
    listen::Visitor,
    sessions::Outbox,
    switchboard::Switchboard,
};

/// Through where a device comes in.
#[derive(Clone, Copy)]
pub(crate) struct Entrance<'a> {
    /// The web page it speaks for, if any.
    pub(crate) origin: Option<&'a str>,
    /// Who it is as far as addresses go.
    pub(crate) visitor: &'a Visitor,
}

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
            outbox.push(frame.clone());
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
        self.board.business.close_all();
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

    /// Whether one more may come; the reason if not.
    fn takes_connections(&self) -> Result<(), &'static str> {
        if self.connections() >= self.limits.connections as usize {
            return Err("too many connections");
        }
        if self.is_draining() { Err("the server is going away") } else { Ok(()) }
    }

    /// Serves a device whose stream carries WebSocket frames from now on, until it is closed.
    /// `early` are bytes that came before.
    pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        self: &Arc<Self>,
        stream: S,
        early: &mut [u8],
        entrance: Entrance<'_>,
    ) {
        let open = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        self.board.metrics.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
        connection::run(self, stream, early, entrance).await;
        let open = self.connections.fetch_sub(1, Ordering::Relaxed) - 1;
        self.closed.notify_one();
        self.board.metrics.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
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
