//! One connection: dialling, hello, and frames.

use std::{sync::Arc, time::Duration};

use bellwire_protocol::{
    Command, ErrorCode, Reply, Request, SUBPROTOCOL, Secret, WireError,
    command::{DeviceInfo, Hello, Login, Resume},
    reply::HelloOk,
};
use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::rustls::ClientConfig;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{
        ClientRequestBuilder, Error as SocketError, Message,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use crate::{Closed, Error};

/// How long an address may take to answer, hello included.
const DIAL: Duration = Duration::from_secs(10);
/// How long a frame may take to leave: a connection that takes nothing for so long is dead.
const WRITE: Duration = Duration::from_secs(10);
/// Small buffers: a call's frames are a few hundred bytes, and a program may hold many clients.
const BUFFER_BYTES: usize = 4096;

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// As whom to log in.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) token: Option<Secret>,
    pub(crate) login: Option<Login>,
}

/// Where to connect, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Dialer {
    addresses: Vec<String>,
    /// Which of the addresses is tried next; one that worked is kept.
    turn: usize,
    /// For those of the addresses that want it.
    tls: Option<Arc<ClientConfig>>,
    pub(crate) who: Who,
    pub(crate) device: DeviceInfo,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The address does not answer; another may, or the same later.
    Unreachable { address: String, why: String },
    /// The server refused the hello.
    Refused(Box<WireError>),
    /// The server closed the connection.
    Closed(Closed),
}

impl Failure {
    /// Whether trying again is of no use.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Unreachable { .. } => false,
            Self::Refused(error) => match error.code {
                ErrorCode::RateLimited | ErrorCode::Overloaded | ErrorCode::Unavailable => false,
                ErrorCode::Invalid
                | ErrorCode::UnknownCommand
                | ErrorCode::Unauthorized
                | ErrorCode::TokenExpired
                | ErrorCode::Forbidden
                | ErrorCode::BusySelf
                | ErrorCode::NotInCall
                | ErrorCode::AnsweredElsewhere
                | ErrorCode::RejectedElsewhere
                | ErrorCode::AlreadyAccepted
                | ErrorCode::Denied
                | ErrorCode::Unknown => true,
            },
            Self::Closed(closed) => is_final(closed),
        }
    }

    /// Why, as told to the app when the client gives up.
    pub(crate) fn into_closed(self) -> Closed {
        match self {
            Self::Unreachable { address, why } => {
                Closed { code: None, reason: format!("cannot reach {address}: {why}") }
            }
            Self::Refused(error) => Closed { code: Some(4401), reason: error.to_string() },
            Self::Closed(closed) => closed,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreachable { address, why } => Self::Unreachable { address, why },
            Failure::Refused(error) => Self::Refused(error),
            Failure::Closed(closed) => Self::Closed(closed),
        }
    }
}

/// Whether a connection that was closed so is not to be made again.
pub(crate) fn is_final(closed: &Closed) -> bool {
    // A code of no one, or of WebSocket itself, is an accident or a restart of something between.
    closed.known().is_some_and(|code| !code.may_resume())
}

impl Dialer {
    pub(crate) fn new(
        addresses: Vec<String>,
        tls: Option<Arc<ClientConfig>>,
        who: Who,
        device: DeviceInfo,
    ) -> Self {
        Self { addresses, turn: 0, tls, who, device }
    }

    pub(crate) fn count(&self) -> usize {
        self.addresses.len()
    }

    /// Turns to the next address.
    pub(crate) fn turn(&mut self) {
        self.turn = self.turn.wrapping_add(1);
    }

    /// Connects to the address whose turn it is and says hello with request id `id`.
    pub(crate) async fn dial(
        &self,
        id: u64,
        resume: Option<Resume>,
    ) -> Result<(Socket, HelloOk), Failure> {
        let address = self.addresses[self.turn % self.addresses.len()].clone();
        let hello = Hello {
            token: self.who.token.clone(),
            login: self.who.login.clone(),
            device: self.device.clone(),
            caps: None,
            resume,
        };
        let request = Request { id, command: Command::Hello(Box::new(hello)) };
        // Boxed: a handshake holds kilobytes that a connection later does not need.
        let connecting = Box::pin(connect(&address, self.tls.clone(), &request));
        let attempt = timeout(DIAL, connecting).await;
        attempt.unwrap_or_else(|_| Err(unreachable(&address, "it does not answer")))
    }
}

fn unreachable(address: &str, why: &(impl ToString + ?Sized)) -> Failure {
    Failure::Unreachable { address: address.to_owned(), why: why.to_string() }
}

async fn connect(
    address: &str,
    tls: Option<Arc<ClientConfig>>,
    hello: &Request,
) -> Result<(Socket, HelloOk), Failure> {
    let failed = |error: SocketError| match error {
        SocketError::Io(error) => unreachable(address, &error),
        SocketError::Http(reply) => unreachable(address, &format!("it answers {}", reply.status())),
        other => unreachable(address, &other),
    };
    let uri = address.parse().map_err(|error| unreachable(address, &error))?;
    let request = ClientRequestBuilder::new(uri).with_sub_protocol(SUBPROTOCOL);
    let config =
        WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(BUFFER_BYTES);
    let tls = tls.map(Connector::Rustls);
    let connected = connect_async_tls_with_config(request, Some(config), true, tls).await;
    let (mut socket, _) = connected.map_err(failed)?;
    socket.send(Message::text(hello.to_frame())).await.map_err(failed)?;
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let reply: Reply = serde_json::from_str(&text)
                    .map_err(|_| unreachable(address, "it does not speak Bellwire"))?;
                if reply.id != hello.id {
                    continue;
                }
                let body = reply.into_body().map_err(Failure::Refused)?;
                let hello = body.read();
                return hello
                    .map(|hello| (socket, hello))
                    .map_err(|_| unreachable(address, "its hello cannot be read"));
            }
            Some(Ok(Message::Close(frame))) => return Err(Failure::Closed(closed(frame))),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(failed(error)),
            None => return Err(unreachable(address, "it hung up")),
        }
    }
}

/// Writes frames, then flushes once.
pub(crate) async fn write(socket: &mut Socket, frames: &[String]) -> Result<(), String> {
    let all = async {
        for frame in frames {
            socket.feed(Message::text(frame.clone())).await?;
        }
        socket.flush().await
    };
    match timeout(WRITE, all).await {
        Ok(done) => done.map_err(|error: SocketError| error.to_string()),
        Err(_) => Err("the server takes nothing".to_owned()),
    }
}

pub(crate) fn closed(frame: Option<CloseFrame>) -> Closed {
    match frame {
        Some(frame) => {
            Closed { code: Some(frame.code.into()), reason: frame.reason.as_str().to_owned() }
        }
        None => Closed { code: None, reason: "the server closed the connection".to_owned() },
    }
}
