//! One connection, from the handshake to its end or its becoming a WebSocket.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::extract::Request;
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Listener, Stream, Visitor,
    pace::{Overdue, Pace},
    stream::Place,
};

/// How long a quiet HTTP/2 client has to take the goodbye.
const GOODBYE_WAIT: Duration = Duration::from_secs(2);

/// Serves a connection. It has ended here when a device went on with a WebSocket.
pub(super) async fn run(
    listener: Arc<Listener>,
    socket: TcpStream,
    place: Place,
    visitor: Visitor,
    stop: CancellationToken,
) {
    let stream = match &listener.tls {
        None => Stream::plain(socket, place),
        Some(tls) => {
            let shaken = tokio::select! {
                shaken = tls.shake(socket, listener.header_wait) => shaken,
                () = stop.cancelled() => None,
            };
            let Some(stream) = shaken else { return };
            Stream::tls(stream, place)
        }
    };
    serve(&listener, stream, &visitor, &stop).await;
}

async fn serve(listener: &Listener, stream: Stream, visitor: &Visitor, stop: &CancellationToken) {
    let pace = Pace::new(listener.header_wait);
    let service = service_fn(|mut request: Request<Incoming>| {
        let in_hand = pace.take_in_hand();
        let of_request = listener.visitor(visitor, request.headers());
        request.extensions_mut().insert(of_request);
        let answer = listener.app.call(request);
        async move {
            let answer = answer.await;
            drop(in_hand);
            answer
        }
    });
    let io = TokioIo::new(stream);
    let mut connection = pin!(listener.http.serve_connection_with_upgrades(io, service));
    // How it ended is of no use to anybody: what the peer did wrong it has been told.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            drop(connection.await);
        }
        overdue = pace.overdue() => match overdue {
            Overdue::Header => listener.metrics.turned_away("slow_header"),
            Overdue::Quiet => {
                connection.as_mut().graceful_shutdown();
                drop(timeout(GOODBYE_WAIT, connection).await);
            }
        },
    }
}
