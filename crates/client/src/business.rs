//! The app's own server on one connection: it answers hooks, hears events and asks the HTTP API.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use bellwire_core::Hook;
use bellwire_protocol::{
    FeedCursor, Secret, WireError,
    business::{
        BUSINESS_PATH, BusinessAnswer, BusinessEvent, BusinessHello, BusinessReply,
        BusinessRequest, EventsAsk, FeedEvent, HookAnswer, HookBody,
    },
};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_tungstenite::{
    Connector, connect_async_tls_with_config,
    tungstenite::{ClientRequestBuilder, Message},
};

use crate::{
    Closed, Error, address,
    connection::{Socket, closed},
    tls,
};

/// How long it may take to connect and to be let in.
const DIAL: Duration = Duration::from_secs(10);
/// What may wait to be taken before the server's next frame is read.
const WAITING: usize = 1024;

/// The app's own server, connected. Cheap to clone; the connection closes with the last clone and
/// its [`FromServer`] stream.
///
/// It does not reconnect by itself: when the stream ends, connect again, and with events from the
/// last cursor that was dealt with.
///
/// ```no_run
/// use bellwire_client::{Business, FromServer, core::Hook, protocol::business::Asking};
///
/// # async fn run(key: &str) -> Result<(), bellwire_client::Error> {
/// let builder = Business::to("ws://127.0.0.1:2355", key).hooks([Hook::Request]);
/// let (_business, mut server) = builder.connect().await?;
/// while let Some(FromServer::Hook(question)) = server.next().await {
///     match question.asking() {
///         Asking::Request(asked) if &*asked.from.user == "mallory" => {
///             question.deny(4711, "no credit");
///         }
///         _ => question.allow(),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Business {
    asks: mpsc::UnboundedSender<Out>,
}

/// A connection in the making.
#[derive(Debug, Clone)]
#[must_use = "nothing is connected until `connect`"]
pub struct BusinessBuilder {
    address: String,
    key: Secret,
    hello: BusinessHello,
    /// PEM.
    roots: Vec<Vec<u8>>,
}

/// What comes from the server, in order.
#[derive(Debug)]
pub struct Incomings {
    from: mpsc::Receiver<FromServer>,
    /// Keeps the connection.
    _keeps: mpsc::UnboundedSender<Out>,
}

/// One thing from the server.
#[derive(Debug)]
#[non_exhaustive]
pub enum FromServer {
    /// A hook, to be answered.
    Hook(Question),
    /// What happened in one of the app's calls.
    Event(Box<FeedEvent>),
}

/// A hook that waits for its answer. Dropped without one it is absent, and the app's setting
/// decides.
pub struct Question {
    body: Box<HookBody>,
    answers: mpsc::UnboundedSender<Out>,
}

#[derive(Debug)]
enum Out {
    Answer(BusinessAnswer),
    Ask(BusinessRequest, oneshot::Sender<BusinessReply>),
}

/// A frame of the server.
#[derive(Deserialize)]
#[serde(untagged)]
enum Frame {
    Hook(Box<HookBody>),
    Event(Box<BusinessEvent>),
    Reply(BusinessReply),
}

impl Business {
    /// A connection to the server at `address`, such as `wss://calls.example`, with an API key of
    /// the app.
    pub fn to(address: impl Into<String>, api_key: impl Into<String>) -> BusinessBuilder {
        BusinessBuilder {
            address: address.into(),
            key: Secret::from(api_key.into()),
            hello: BusinessHello::default(),
            roots: Vec::new(),
        }
    }

    /// Asks the HTTP API: `method` and `path` as there, such as `POST` and `/v1/calls`.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        self.ask_once(method, path, body, None).await
    }

    /// The same with an `Idempotency-Key`: done once, however often it is asked for.
    pub async fn ask_once<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &impl Serialize,
        idempotency_key: Option<&str>,
    ) -> Result<T, Error> {
        let body = serde_json::to_value(body).map_err(|error| Error::Body(error.to_string()))?;
        let request = BusinessRequest {
            // Given where it is sent.
            id: 0,
            what: format!("{method} {path}"),
            body,
            idempotency_key: idempotency_key.map(str::to_owned),
        };
        let (to, answer) = oneshot::channel();
        self.asks.send(Out::Ask(request, to)).map_err(|_| gone())?;
        let reply = answer.await.map_err(|_| gone())?;
        if (200..300).contains(&reply.status) {
            return serde_json::from_value(reply.body).map_err(|e| Error::Reply(e.to_string()));
        }
        let refused: WireError = serde_json::from_value(reply.body)
            .map_err(|_| Error::Reply(format!("status {}", reply.status)))?;
        Err(Error::Refused(Box::new(refused)))
    }
}

impl fmt::Debug for Business {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Business").finish_non_exhaustive()
    }
}

impl BusinessBuilder {
    /// Answers these hooks; without this all that the app asks.
    pub fn hooks(mut self, hooks: impl IntoIterator<Item = Hook>) -> Self {
        self.hello.hooks = Some(hooks.into_iter().collect());
        self
    }

    /// Hears what happens in the app's calls too: after `cursor`, or from now on where none.
    pub fn events(mut self, after: Option<FeedCursor>) -> Self {
        self.hello.events = Some(EventsAsk { after });
        self
    }

    /// Believes this root certificate (PEM), and those given so only.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// Connects and says hello.
    pub async fn connect(self) -> Result<(Business, Incomings), Error> {
        let address =
            address::parse(&format!("{}{BUSINESS_PATH}", self.address.trim_end_matches('/')))?;
        let secure = address.starts_with("wss:");
        let tls = secure.then(|| tls::config(&self.roots)).transpose()?;
        let unreachable = |why: String| Error::Unreachable { address: address.clone(), why };
        let dialing = dial(&address, tls, &self.key, &self.hello);
        let dialed = timeout(DIAL, dialing).await;
        let socket = dialed.map_err(|_| unreachable("it does not answer".to_owned()))?;
        let socket = socket.map_err(unreachable)?;
        let (asks, asked) = mpsc::unbounded_channel();
        let (to, incomings) = mpsc::channel(WAITING);
        tokio::spawn(drive(socket, asked, asks.downgrade(), to));
        Ok((Business { asks: asks.clone() }, Incomings { from: incomings, _keeps: asks }))
    }
}

impl Incomings {
    /// The next; none once the connection is over.
    pub async fn next(&mut self) -> Option<FromServer> {
        self.from.recv().await
    }
}

impl Question {
    /// What is asked.
    pub fn asking(&self) -> &bellwire_protocol::business::Asking {
        &self.body.asking
    }

    /// It may be, as asked for.
    pub fn allow(self) {
        self.answer(HookAnswer::default());
    }

    /// It may not; code and text reach whoever asked.
    pub fn deny(self, code: u32, text: impl Into<String>) {
        let (code, text) = (Some(code), Some(text.into()));
        self.answer(HookAnswer { allow: false, code, text, ..HookAnswer::default() });
    }

    /// Any answer, such as one that allows with changes.
    pub fn answer(self, said: HookAnswer) {
        let answer = BusinessAnswer { answer: self.body.id.clone(), said };
        // Where the connection is over, it is asked elsewhere, or absent.
        let _ = self.answers.send(Out::Answer(answer));
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("id", &self.body.id).finish_non_exhaustive()
    }
}

fn gone() -> Error {
    let reason = "the connection is over; connect again".to_owned();
    Error::Closed(Closed { code: None, reason })
}

async fn dial(
    address: &str,
    tls: Option<Arc<tokio_rustls::rustls::ClientConfig>>,
    key: &Secret,
    hello: &BusinessHello,
) -> Result<Socket, String> {
    let said = |error: &dyn fmt::Display| error.to_string();
    let uri = address.parse().map_err(|error| said(&error))?;
    let request = ClientRequestBuilder::new(uri)
        .with_header("authorization", format!("Bearer {}", key.expose()));
    let tls = tls.map(Connector::Rustls);
    let connected = connect_async_tls_with_config(request, None, true, tls).await;
    let (mut socket, _) = connected.map_err(|error| said(&error))?;
    let body = serde_json::to_value(hello).map_err(|error| said(&error))?;
    let hello = BusinessRequest { id: 1, what: "hello".to_owned(), body, idempotency_key: None };
    socket.send(text(&hello)).await.map_err(|error| said(&error))?;
    while let Some(message) = socket.next().await {
        match message.map_err(|error| said(&error))? {
            Message::Text(reply) => {
                let reply: BusinessReply =
                    serde_json::from_str(&reply).map_err(|error| said(&error))?;
                if reply.status == 200 {
                    return Ok(socket);
                }
                return Err(format!("it answers {}", reply.status));
            }
            Message::Close(frame) => return Err(closed(frame).reason),
            _ => {}
        }
    }
    Err("it hung up".to_owned())
}

/// Carries frames both ways until one side is done.
async fn drive(
    socket: Socket,
    mut asked: mpsc::UnboundedReceiver<Out>,
    answers: mpsc::WeakUnboundedSender<Out>,
    to: mpsc::Sender<FromServer>,
) {
    let (mut sink, mut stream) = socket.split();
    let mut waiting: HashMap<u64, oneshot::Sender<BusinessReply>> = HashMap::new();
    let mut last_id = 1;
    loop {
        // What is not taken holds up the reading, and so the server sends no more.
        let has_room = to.capacity() > 0 || to.is_closed();
        tokio::select! {
            out = asked.recv() => {
                let message = match out {
                    Some(Out::Answer(answer)) => text(&answer),
                    Some(Out::Ask(mut request, reply)) => {
                        last_id += 1;
                        request.id = last_id;
                        waiting.insert(last_id, reply);
                        text(&request)
                    }
                    None => break,
                };
                if sink.send(message).await.is_err() {
                    return;
                }
            }
            message = stream.next(), if has_room => {
                let Some(Ok(message)) = message else { return };
                let Message::Text(frame) = message else { continue };
                let incoming = match serde_json::from_str(&frame) {
                    Ok(Frame::Hook(body)) => {
                        let Some(answers) = answers.upgrade() else { break };
                        FromServer::Hook(Question { body, answers })
                    }
                    Ok(Frame::Event(event)) => FromServer::Event(Box::new(event.event)),
                    Ok(Frame::Reply(reply)) => {
                        if let Some(asker) = waiting.remove(&reply.id) {
                            // Who asked may have stopped waiting.
                            let _ = asker.send(reply);
                        }
                        continue;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a frame of a later server");
                        continue;
                    }
                };
                // Nobody may want them any more.
                let _ = to.try_send(incoming);
            }
            _ = to.reserve(), if !has_room => {}
        }
    }
    // The server hears of it by the socket anyway.
    let _ = sink.close().await;
}

fn text<T: Serialize>(value: &T) -> Message {
    let text = serde_json::to_string(value).expect("types of the wire serialize");
    Message::text(text)
}
