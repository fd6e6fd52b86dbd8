//! `/v1/business`: a business server's own WebSocket. Questions go out on it and answers come in,
//! and it carries requests of the HTTP API, so that a business server needs no address.

use std::{future::pending, sync::Arc, time::Duration};

use axum::{
    body::{self, Body},
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    http::{Method, Request, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use bellwire_core::AppKey;
use bellwire_protocol::{
    CloseCode, ErrorCode, FeedCursor, WireError,
    business::{
        BusinessAnswer, BusinessEvent, BusinessHello, BusinessReply, BusinessRequest, EventsAsk,
    },
    limits::{EVENTS_PAGE, FRAME_BYTES, HELLO_S},
};
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    absence::Absence,
    desk::{Line, Out},
};
use crate::{
    config::{ApiKey, Apps, Scope},
    feed::READ_AGAIN,
    gateway::Gateway,
    http::{self, Keyed, Problem},
    journal::FeedQuery,
};

/// How often a connection is pinged; it is gone when nothing came for twice as long.
const PING: Duration = Duration::from_secs(25);
/// Requests that are carried at once; the next waits.
const CARRIED: usize = 64;
/// Events that wait to be written. Questions and answers go first.
const EVENTS_WAITING: usize = 64;
/// The longest body of an answer, in bytes: a page of records with long notes.
const ANSWER_BYTES: usize = 16 << 20;

/// Lets a business server in.
pub(crate) async fn upgrade(
    State(gateway): State<Arc<Gateway>>,
    Keyed { app, key }: Keyed,
    upgrade: WebSocketUpgrade,
) -> Response {
    if gateway.is_draining() {
        let text = "the server is going away; connect again when it is back";
        return Problem::new(ErrorCode::Unavailable, text).into_response();
    }
    let upgrade = upgrade.max_message_size(FRAME_BYTES).max_frame_size(FRAME_BYTES);
    upgrade.on_upgrade(move |socket| serve(gateway, app.key.clone(), key, socket))
}

async fn serve(gateway: Arc<Gateway>, app: AppKey, key: Arc<ApiKey>, socket: WebSocket) {
    let (mut sink, mut stream) = socket.split();
    let hello = timeout(Duration::from_secs(HELLO_S), first(&mut stream)).await;
    let hello = hello.unwrap_or_else(|_| Err(Bad::new(CloseCode::HelloTimeout, "say hello first")));
    let (id, hello) = match hello {
        Ok(hello) => hello,
        Err(bad) => return bad.close(&mut sink).await,
    };
    let desk = gateway.board.business.desk(&app);
    let (line, frames) = desk.open(hello.hooks.map(|hooks| hooks.into_iter().collect()));
    tracing::info!(%app, "a business server is connected");
    let body = serde_json::json!({ "app": app });
    line.send(frame(&BusinessReply { id, status: 200, body })).await;
    let (to, mut events) = mpsc::channel(EVENTS_WAITING);
    let heard = parking_lot::Mutex::new(Instant::now());
    tokio::select! {
        bad = read(&gateway, &key, &line, stream, &heard) => {
            if let Some(bad) = bad {
                bad.close(&mut sink).await;
            }
        }
        () = write(&mut sink, frames, &mut events, &heard) => {}
        bad = taken_away(&gateway.apps, &app, &key) => bad.close(&mut sink).await,
        () = follow(&gateway, &app, hello.events, to) => {}
    }
    desk.close(&line);
    tracing::info!(%app, "a business server is gone");
}

/// Why a connection is closed.
struct Bad {
    code: CloseCode,
    why: String,
}

impl Bad {
    fn new(code: CloseCode, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }

    fn frame(why: impl std::fmt::Display) -> Self {
        Self::new(CloseCode::BadFrame, why.to_string())
    }

    async fn close(self, sink: &mut SplitSink<WebSocket, Message>) {
        close(sink, self.code, self.why).await;
    }
}

async fn close(sink: &mut SplitSink<WebSocket, Message>, code: CloseCode, mut why: String) {
    // What fits into a close frame (RFC 6455, section 5.5).
    why.truncate(why.floor_char_boundary(120));
    let frame = CloseFrame { code: code.number(), reason: why.into() };
    // A connection that is broken needs no goodbye.
    let _ = timeout(Duration::from_secs(2), sink.send(Message::Close(Some(frame)))).await;
}

async fn first(stream: &mut SplitStream<WebSocket>) -> Result<(u64, BusinessHello), Bad> {
    loop {
        let message = stream.next().await.and_then(Result::ok);
        match message.ok_or_else(|| Bad::frame("the connection ended"))? {
            Message::Text(text) => {
                let request: BusinessRequest = parse(&text)?;
                if request.what != "hello" {
                    return Err(Bad::new(CloseCode::Unauthorized, "say hello first"));
                }
                let hello = match request.body {
                    Value::Null => BusinessHello::default(),
                    body => from_value(body)?,
                };
                return Ok((request.id, hello));
            }
            Message::Binary(_) => return Err(Bad::frame("send text frames")),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {}
        }
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Bad> {
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(Bad::frame)
}

fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Bad> {
    serde_path_to_error::deserialize(value).map_err(Bad::frame)
}

/// Waits until the key may no longer be connected with, or is another app's.
async fn taken_away(apps: &Apps, app: &AppKey, key: &ApiKey) -> Bad {
    let mut changes = apps.changes();
    let found = || apps.by_api_key(key.secret.expose());
    while found().is_some_and(|(of, key)| of.key == *app && key.may(Scope::Business)) {
        changes.next().await;
    }
    let why = "the API key was taken away, or lost the scope `business`";
    Bad::new(CloseCode::Unauthorized, why)
}

/// Reads until the connection ends, or says why it is to be closed.
async fn read(
    gateway: &Arc<Gateway>,
    key: &Arc<ApiKey>,
    line: &Arc<Line>,
    mut stream: SplitStream<WebSocket>,
    heard: &parking_lot::Mutex<Instant>,
) -> Option<Bad> {
    let carried = Arc::new(Semaphore::new(CARRIED));
    while let Some(Ok(message)) = stream.next().await {
        *heard.lock() = Instant::now();
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Some(Bad::frame("send text frames")),
            Message::Close(_) => return None,
            Message::Ping(_) | Message::Pong(_) => continue,
        };
        let request = match take(line, &text) {
            Ok(Some(request)) => request,
            Ok(None) => continue,
            Err(bad) => return Some(bad),
        };
        let Ok(place) = carried.clone().acquire_owned().await else { return None };
        let (gateway, key, line) = (gateway.clone(), key.clone(), line.clone());
        tokio::spawn(async move {
            let reply = carry(gateway, key, request).await;
            line.send(frame(&reply)).await;
            drop(place);
        });
    }
    None
}

/// Takes an answer, or gives the request that the frame is.
fn take(line: &Line, text: &str) -> Result<Option<BusinessRequest>, Bad> {
    let value: Value = parse(text)?;
    if value.get("answer").is_none() {
        return from_value(value).map(Some);
    }
    let id = value["answer"].as_str().unwrap_or_default().to_owned();
    let said = serde_path_to_error::deserialize::<_, BusinessAnswer>(value);
    let said = said.map(|answer| answer.said).map_err(|error| Absence::Wrong(error.to_string()));
    // One that comes too late is nobody's any more.
    line.answered(&id, said);
    Ok(None)
}

/// Does what a request asks, as if it had come over HTTP with the connection's key.
async fn carry(gateway: Arc<Gateway>, key: Arc<ApiKey>, request: BusinessRequest) -> BusinessReply {
    let id = request.id;
    let answer = match to_http(&request) {
        Ok(mut request) => {
            request.extensions_mut().insert(http::Carried(key));
            let router = TowerToHyperService::new(http::app(gateway));
            // The router refuses by answers, never by errors.
            let Ok(answer) = router.call(request).await;
            answer
        }
        Err(problem) => problem.into_response(),
    };
    let status = answer.status().as_u16();
    let body = body::to_bytes(answer.into_body(), ANSWER_BYTES).await.unwrap_or_default();
    let body = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
    BusinessReply { id, status, body }
}

fn to_http(asked: &BusinessRequest) -> Result<Request<Body>, Problem> {
    let wrong = || {
        let text = "write the method and the path, such as `POST /v1/calls`";
        Problem::from(Box::new(WireError::invalid("do", text)))
    };
    let (method, path) = asked.what.split_once(' ').ok_or_else(wrong)?;
    let method: Method = method.parse().map_err(|_| wrong())?;
    if !path.starts_with("/v1/") {
        return Err(wrong());
    }
    let text = if asked.body.is_null() { String::new() } else { asked.body.to_string() };
    let mut request = Request::builder().method(method).uri(path);
    if let Some(key) = &asked.idempotency_key {
        request = request.header(http::IDEMPOTENCY_KEY, key);
    }
    request.header(CONTENT_TYPE, "application/json").body(Body::from(text)).map_err(|_| wrong())
}

/// Hands over the events that were asked for, as fast as they are taken, and never ends.
async fn follow(
    gateway: &Gateway,
    app: &AppKey,
    asked: Option<EventsAsk>,
    to: mpsc::Sender<Arc<str>>,
) {
    let Some(EventsAsk { after }) = asked else { return pending().await };
    let board = &gateway.board;
    let mut more = board.feed.follow(app);
    let FeedCursor(mut after) = after.unwrap_or(FeedCursor(board.calls.position(app)));
    loop {
        let query = FeedQuery { app: app.clone(), after, limit: EVENTS_PAGE };
        let found = match board.storage.feed(&query).await {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%app, %error, "cannot read the feed");
                sleep(READ_AGAIN).await;
                continue;
            }
        };
        for entry in &found {
            after = entry.position;
            let event = BusinessEvent { event: entry.to_wire() };
            // The connection is over where nobody takes it, and this ends with it.
            let _ = to.send(frame(&event)).await;
        }
        if found.len() < EVENTS_PAGE {
            // Its sender lives as long as the node.
            let _ = more.changed().await;
        }
    }
}

/// Writes what waits, and pings, until the connection is over.
async fn write(
    sink: &mut SplitSink<WebSocket, Message>,
    mut frames: mpsc::Receiver<Out>,
    events: &mut mpsc::Receiver<Arc<str>>,
    heard: &parking_lot::Mutex<Instant>,
) {
    let mut ping = interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let sent = tokio::select! {
            biased;
            out = frames.recv() => match out {
                Some(Out::Frame(frame)) => write_all(sink, frame, &mut frames).await,
                Some(Out::Close) => {
                    let why = "the server is going away; connect again".to_owned();
                    return close(sink, CloseCode::Draining, why).await;
                }
                None => return,
            },
            Some(event) = events.recv() => sink.send(Message::text(&*event)).await,
            _ = ping.tick() => {
                if heard.lock().elapsed() > 2 * PING {
                    return;
                }
                sink.send(Message::Ping(body::Bytes::new())).await
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Writes a frame and all that wait behind it in one go.
async fn write_all(
    sink: &mut SplitSink<WebSocket, Message>,
    frame: Arc<str>,
    frames: &mut mpsc::Receiver<Out>,
) -> Result<(), axum::Error> {
    sink.feed(Message::text(&*frame)).await?;
    while let Ok(Out::Frame(frame)) = frames.try_recv() {
        sink.feed(Message::text(&*frame)).await?;
    }
    sink.flush().await
}

fn frame<T: serde::Serialize>(value: &T) -> Arc<str> {
    serde_json::to_string(value).expect("types of the wire serialize").into()
}
