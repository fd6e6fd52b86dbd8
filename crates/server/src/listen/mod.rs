//! The port: connections are accepted, bounded in time and number, and served HTTP/1 and HTTP/2
//! until they end or become a `WebSocket`.

mod accept;
mod addresses;
mod connection;
mod pace;
mod source;
mod stream;
mod threads;
mod tls;
mod visitor;

use std::{io, num::NonZeroUsize, sync::Arc, time::Duration};

use axum::{Router, http::HeaderMap};
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{addresses::Addresses, source::Proxies, threads::Threads, tls::Handshakes};
use crate::{
    config::{Limits, Server},
    metrics::Metrics,
};

pub(crate) use addresses::Ticket;
pub(crate) use stream::Stream;
pub(crate) use tls::{LookAgain, Tls, own_certificate};
pub(crate) use visitor::Visitor;

/// The longest request head of HTTP/1, in bytes: tokens are long, ours at most some kilobytes.
const HEAD_BYTES: usize = 64 * 1024;
/// The longest list of headers of a request over HTTP/2, in bytes.
const HEADERS_BYTES: u32 = 32 * 1024;
/// Requests of one HTTP/2 connection that may be in hand at once.
const STREAMS: u32 = 128;
/// What one HTTP/2 request, and all of a connection together, may send ahead, in bytes. A body is
/// at most a frame's size, so more would only be memory for those who send and never end.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// What is kept at most of answers that an HTTP/2 client does not read, in bytes.
const SEND_BYTES: usize = 256 * 1024;
/// How often an HTTP/2 client is asked whether it is there, and how long it may take to say so.
const H2_PING_EVERY: Duration = Duration::from_secs(20);
const H2_PING_WAIT: Duration = Duration::from_secs(10);

/// Connections besides those of devices that may be open: when devices have taken all theirs, one
/// more is still answered with a reason, and so are the API and the probes of operators.
const SPARE_CONNECTIONS: usize = 512;

/// How connections to a port are served.
pub(crate) struct Listener {
    http: Builder<TokioExecutor>,
    app: TowerToHyperService<Router>,
    tls: Option<Handshakes>,
    addresses: Arc<Addresses>,
    proxies: Proxies,
    places: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    /// How long a connection may take until its first request header is complete.
    header_wait: Duration,
}

/// A port that is being served.
pub(crate) struct Serving {
    stop: CancellationToken,
    tasks: TaskTracker,
    /// Ends the threads. `WebSocket`s run on them longer than `tasks` knows, so they are left
    /// until the server is gone.
    threads: CancellationToken,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.threads.cancel();
    }
}

impl Listener {
    /// Serves `app`, with TLS if there is any.
    pub(crate) fn new(
        app: Router,
        tls: Option<Tls>,
        server: &Server,
        limits: &Limits,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            http: http(),
            app: TowerToHyperService::new(app),
            tls: tls.map(Tls::run),
            addresses: Addresses::new(limits.clone(), metrics.clone()),
            proxies: Proxies::new(server.trusted_proxies.clone(), server.proxy_header),
            places: Arc::new(Semaphore::new(limits.connections as usize + SPARE_CONNECTIONS)),
            metrics,
            header_wait: Duration::from_secs(limits.header_s),
        }
    }

    /// Accepts what comes to `port`, until [`Serving::stop`].
    pub(crate) fn serve(
        self,
        port: TcpListener,
        threads: Option<NonZeroUsize>,
    ) -> io::Result<Serving> {
        let serving = Serving {
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            threads: CancellationToken::new(),
        };
        let threads = Threads::start(threads, &serving.threads)?;
        let (stop, tasks) = (serving.stop.clone(), serving.tasks.clone());
        serving.tasks.spawn(accept::run(Arc::new(self), port, threads, stop, tasks));
        Ok(serving)
    }

    /// Who makes a request: whoever connected, or whom a trusted proxy that connected names.
    fn visitor(&self, connected: &Visitor, headers: &HeaderMap) -> Visitor {
        if connected.is_known() {
            return connected.clone();
        }
        let client = self.proxies.client(headers);
        client.map_or_else(Visitor::default, |c| Visitor::behind_proxy(&self.addresses, c))
    }
}

impl Serving {
    /// Takes no more connections and requests; those in hand are answered.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
    }

    /// Waits until the last connection has ended or become a WebSocket.
    pub(crate) async fn stopped(&self) {
        self.tasks.wait().await;
    }
}

fn http() -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    // Slow headers and quiet connections are looked after in `pace`, for both versions alike and
    // from the first byte on.
    http.http1().max_buf_size(HEAD_BYTES).header_read_timeout(None);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(H2_PING_EVERY)
        .keep_alive_timeout(H2_PING_WAIT)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BYTES);
    http
}
