//! What a connection is read from and written to: a socket, with TLS or without.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::OwnedSemaphorePermit;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use super::Ticket;

/// The bytes of a connection. HTTP hands it over whole when a device asks for a WebSocket, so that
/// frames go to the socket with nothing between.
#[derive(Debug)]
pub(crate) struct Stream {
    transport: Transport,
    _place: Place,
}

/// What a connection takes up, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _of_server: OwnedSemaphorePermit,
    _of_address: Option<Ticket>,
}

impl Place {
    pub(super) fn new(of_server: OwnedSemaphorePermit, of_address: Option<Ticket>) -> Self {
        Self { _of_server: of_server, _of_address: of_address }
    }
}

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    /// Boxed: its state is a kilobyte, which plain connections need not carry.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// A socket as it is.
    pub(super) fn plain(socket: TcpStream, place: Place) -> Self {
        Self { transport: Transport::Plain(socket), _place: place }
    }

    /// A socket whose handshake is done.
    pub(super) fn tls(stream: TlsStream<TcpStream>, place: Place) -> Self {
        Self { transport: Transport::Tls(Box::new(stream)), _place: place }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Transport::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
