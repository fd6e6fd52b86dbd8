//! One connection: a reader that handles requests in their order, and a writer that sends what
//! waits in one go.

use std::{
    num::NonZeroU32,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bellwire_core::Timestamp;
use bellwire_protocol::{
    CloseCode, ParseError, Reply, Request, ServerEvent, WireError,
    event::TokenExpiring,
    limits::{FRAME_BYTES, TOKEN_NOTICE_S},
};
use futures_util::{
    SinkExt, Stream, StreamExt,
    stream::{SplitSink, SplitStream},
};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock as _};

use super::{
    Gateway, hello,
    keepalive::{Heard, KeepAlive},
    requests::{self, Next},
};
use crate::sessions::{Outbox, Session};

/// How long a connection that is to be closed has to take what was queued before.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
/// Refused requests in a row, at ten a second more, before a device is closed as too fast.
const REFUSALS: u32 = 100;
const REFUSALS_PER_S: u32 = 10;

/// A logged-in connection.
pub(super) struct Line {
    pub(super) session: Arc<Session>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) turn: u64,
    /// When the token runs out; none for a login by name.
    pub(super) expires_at: Option<Timestamp>,
}

/// Serves a connection until it is closed.
pub(super) async fn run(gateway: &Arc<Gateway>, socket: WebSocket, origin: Option<&str>) {
    let (sink, stream) = socket.split();
    let outbox = Arc::new(Outbox::default());
    let heard = Heard::default();
    let login = OnceLock::new();
    gateway.newcomer(&outbox);
    {
        let mut writer = std::pin::pin!(write(sink, &outbox, &heard, &login));
        tokio::select! {
            () = &mut writer => {}
            () = read(gateway, stream, &outbox, origin, &heard, &login) => {
                // Whatever the reader said last still goes out; a connection that hangs does not.
                outbox.close_with(1000, "");
                drop(tokio::time::timeout(CLOSE_WAIT, writer).await);
            }
        }
    }
    gateway.no_newcomer(&outbox);
    if let Some((session, turn)) = login.into_inner() {
        hello::leave(gateway, &session, turn).await;
    }
}

type Login = OnceLock<(Arc<Session>, u64)>;

async fn read(
    gateway: &Arc<Gateway>,
    stream: SplitStream<WebSocket>,
    outbox: &Arc<Outbox>,
    origin: Option<&str>,
    heard: &Heard,
    login: &Login,
) {
    let mut frames = std::pin::pin!(texts(stream, heard));
    let hello_s = Duration::from_secs(gateway.limits.hello_s);
    let first = match tokio::time::timeout(hello_s, frames.next()).await {
        Ok(Some(Ok(first))) => first,
        Ok(Some(Err(bad))) => return outbox.close(CloseCode::BadFrame, bad),
        Ok(None) => return,
        Err(_) => return outbox.close(CloseCode::HelloTimeout, "say hello first"),
    };
    let Some(mut line) = hello::admit(gateway, &first, outbox, origin, login).await else {
        return;
    };
    let app = line.session.app.clone();
    let limits = gateway.apps.get(&app).map_or(gateway.limits.clone(), |a| a.limits.clone());
    let pace = limiter(limits.requests_per_s, limits.requests_burst);
    let refusals = limiter(REFUSALS_PER_S, REFUSALS);
    loop {
        let notice = line.expires_at.map(|at| notice_in(at, gateway.board.now()));
        let frame = tokio::select! {
            frame = frames.next() => frame,
            () = sleep(notice), if notice.is_some() => {
                if let Some(expires_at) = line.expires_at.take() {
                    let event = ServerEvent::TokenExpiring(TokenExpiring { expires_at });
                    outbox.push(event.to_frame().into());
                }
                continue;
            }
        };
        match frame {
            None => return,
            Some(Err(bad)) => return outbox.close(CloseCode::BadFrame, bad),
            Some(Ok(text)) => match paced(&text, &pace, &refusals, outbox) {
                Paced::Request(request) => {
                    let received = Instant::now();
                    match requests::handle(gateway, &mut line, request, received).await {
                        Next::Go => {}
                        Next::Close => return,
                    }
                }
                Paced::Answered => {}
                Paced::Close => return,
            },
        }
    }
}

enum Paced {
    Request(Request),
    Answered,
    Close,
}

/// Parses a frame, and answers it here if it is no request or comes too fast.
fn paced(
    text: &str,
    pace: &DefaultDirectRateLimiter,
    refusals: &DefaultDirectRateLimiter,
    outbox: &Outbox,
) -> Paced {
    let parsed = match Request::parse(text) {
        Err(ParseError::BadFrame(why)) => {
            outbox.close(CloseCode::BadFrame, why);
            return Paced::Close;
        }
        Err(ParseError::Refused { id, error }) => Err((id, *error)),
        Ok(request) => Ok(request),
    };
    if let Err(until) = pace.check() {
        if refusals.check().is_err() {
            outbox.close(CloseCode::TooFast, "too many requests; wait before you come back");
            return Paced::Close;
        }
        let id = parsed.map_or_else(|(id, _)| id, |request| request.id);
        let wait = until.wait_time_from(governor::clock::DefaultClock::default().now());
        let retry_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        outbox.push(Reply::refused(id, WireError::rate_limited(retry_ms)).to_frame().into());
        return Paced::Answered;
    }
    match parsed {
        Ok(request) => Paced::Request(request),
        Err((id, error)) => {
            outbox.push(Reply::refused(id, error).to_frame().into());
            Paced::Answered
        }
    }
}

fn limiter(per_s: u32, burst: u32) -> DefaultDirectRateLimiter {
    let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::per_second(at_least_one(per_s)).allow_burst(at_least_one(burst));
    RateLimiter::direct(quota)
}

fn notice_in(expires_at: Timestamp, now: Timestamp) -> Duration {
    let ms = expires_at.since_ms(now.after_ms(TOKEN_NOTICE_S * 1000));
    Duration::from_millis(ms)
}

async fn sleep(wait: Option<Duration>) {
    tokio::time::sleep(wait.unwrap_or_default()).await;
}

/// The text frames of a connection; an error for anything else that carries data.
fn texts(
    stream: SplitStream<WebSocket>,
    heard: &Heard,
) -> impl Stream<Item = Result<Utf8Bytes, String>> {
    stream
        .map(move |message| {
            heard.note();
            match message {
                Ok(Message::Text(text)) if text.len() <= FRAME_BYTES => Some(Ok(text)),
                Ok(Message::Text(_)) => {
                    Some(Err(format!("a frame is at most {FRAME_BYTES} bytes")))
                }
                Ok(Message::Binary(_)) => Some(Err("send text frames".to_owned())),
                Ok(Message::Ping(_) | Message::Pong(_)) => None,
                Ok(Message::Close(_)) => Some(Err(String::new())),
                Err(_) => Some(Err("that was no frame, or far too large a one".to_owned())),
            }
        })
        .take_while(|item| {
            let closed = matches!(item, Some(Err(why)) if why.is_empty());
            std::future::ready(!closed)
        })
        .filter_map(std::future::ready)
}

async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    outbox: &Outbox,
    heard: &Heard,
    login: &Login,
) {
    let mut alive = KeepAlive::new();
    loop {
        let busy = login.get().is_some_and(|(session, _)| session.is_busy());
        let ping = tokio::select! {
            () = outbox.ready() => false,
            () = tokio::time::sleep_until(alive.due(busy)) => true,
        };
        if ping && !alive.ping(heard) {
            return;
        }
        let (frames, closed) = outbox.take();
        let batch = async {
            for frame in frames {
                sink.feed(Message::Text(frame)).await?;
            }
            if ping {
                sink.feed(Message::Ping(axum::body::Bytes::new())).await?;
            }
            if let Some(close) = &closed {
                let reason = Utf8Bytes::from(close_reason(&close.reason));
                sink.feed(Message::Close(Some(CloseFrame { code: close.code, reason }))).await?;
            }
            sink.flush().await
        };
        let stuck = async {
            outbox.closing().await;
            tokio::time::sleep(CLOSE_WAIT).await;
        };
        let deaf = async {
            // A ping cannot follow what does not go out, but it is missed all the same.
            loop {
                tokio::time::sleep_until(alive.due(busy)).await;
                if !alive.ping(heard) {
                    return;
                }
            }
        };
        let written = tokio::select! {
            written = batch => written,
            () = stuck => return,
            () = deaf => return,
        };
        if written.is_err() || closed.is_some() {
            return;
        }
    }
}

/// The reason as a close frame can carry it: at most 123 bytes.
fn close_reason(reason: &str) -> &str {
    let mut end = reason.len().min(123);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}
