//! One connection: a reader that handles requests in their order, and a writer that sends what
//! waits in one go.

use std::{
    future::poll_fn,
    num::NonZeroU32,
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
    task::Poll,
    time::{Duration, Instant},
};

use bellwire_core::Timestamp;
use bellwire_protocol::{
    CloseCode, ParseError, Reply, Request, ServerEvent, WireError, event::TokenExpiring,
    limits::TOKEN_NOTICE_S,
};
use governor::{Quota, RateLimiter, clock::Clock, middleware::NoOpMiddleware, state::NotKeyed};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Sleep,
};

use super::{
    Entrance, Gateway, hello,
    keepalive::{Heard, KeepAlive},
    requests::{self, Next},
    wire::{Arrival, Incoming, Outgoing, Wire},
};
use crate::sessions::{Outbox, Session};

/// How long a connection that is to be closed has to take what was queued before, and then to
/// close from its side.
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

/// Serves a connection until it is closed. `early` are bytes that came with its upgrade.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    gateway: &Arc<Gateway>,
    stream: S,
    early: &mut [u8],
    entrance: Entrance<'_>,
) {
    let wire = Wire::new(stream);
    let outbox = Arc::new(Outbox::default());
    let heard = Heard::default();
    let login = OnceLock::new();
    gateway.newcomer(&outbox);
    let mut incoming = Incoming::default();
    incoming.feed(early, &outbox);
    let closed = {
        let mut writer = pin!(write(&wire, &outbox, &heard, &login));
        let reader = read(gateway, &wire, incoming, &outbox, entrance, &heard, &login);
        tokio::select! {
            biased;
            closed = &mut writer => closed,
            () = reader => {
                // Whatever the reader said last still goes out; a connection that hangs does not.
                outbox.close_with(1000, "");
                tokio::time::timeout(CLOSE_WAIT, writer).await.unwrap_or(false)
            }
        }
    };
    gateway.no_newcomer(&outbox);
    if let Some((session, turn)) = login.into_inner() {
        Box::pin(hello::leave(gateway, &session, turn)).await;
    }
    if closed {
        drop(tokio::time::timeout(CLOSE_WAIT, wire.finish()).await);
    }
}

type Login = OnceLock<(Arc<Session>, u64)>;

async fn read<S: AsyncRead + AsyncWrite + Unpin>(
    gateway: &Arc<Gateway>,
    wire: &Wire<S>,
    mut incoming: Incoming,
    outbox: &Arc<Outbox>,
    entrance: Entrance<'_>,
    heard: &Heard,
    login: &Login,
) {
    let note = || heard.note();
    let hello_wait = Duration::from_secs(gateway.limits.hello_s);
    let first = tokio::time::timeout(hello_wait, wire.next(&mut incoming, outbox, note)).await;
    let first = match first {
        Ok(Some(Arrival::Text(first))) => first,
        Ok(Some(Arrival::Bad(why))) => return outbox.close(CloseCode::BadFrame, why),
        Ok(Some(Arrival::Closed(code))) => return outbox.close_with(code.unwrap_or(1000), ""),
        Ok(None) => return,
        Err(_) => return outbox.close(CloseCode::HelloTimeout, "say hello first"),
    };
    // What is needed only now and then is boxed. In the connection's own task it would take its
    // place for as long as the device is idle, and more than all the rest.
    let admitted = Box::pin(hello::admit(gateway, first, outbox, entrance, login)).await;
    let Some(mut line) = admitted else {
        return;
    };
    let app = line.session.app.clone();
    let limits = gateway.apps.get(&app).map_or(gateway.limits.clone(), |a| a.limits.clone());
    let pace = limiter(limits.requests_per_s, limits.requests_burst);
    let refusals = limiter(REFUSALS_PER_S, REFUSALS);
    loop {
        let arrival = match line.expires_at {
            None => wire.next(&mut incoming, outbox, note).await,
            Some(at) => {
                let notice = tokio::time::sleep(notice_in(at, gateway.board.now()));
                tokio::select! {
                    biased;
                    arrival = wire.next(&mut incoming, outbox, note) => arrival,
                    () = notice => {
                        line.expires_at = None;
                        let event = TokenExpiring { expires_at: at };
                        outbox.push(ServerEvent::TokenExpiring(event).to_frame());
                        continue;
                    }
                }
            }
        };
        let parsed = match arrival {
            None => return,
            Some(Arrival::Bad(why)) => return outbox.close(CloseCode::BadFrame, why),
            Some(Arrival::Closed(code)) => return outbox.close_with(code.unwrap_or(1000), ""),
            Some(Arrival::Text(parsed)) => parsed,
        };
        match paced(parsed, &pace, &refusals, outbox) {
            Paced::Request(request) => {
                let handled = requests::handle(gateway, &mut line, request, Instant::now());
                match Box::pin(handled).await {
                    Next::Go => {}
                    Next::Close => return,
                }
            }
            Paced::Answered => {}
            Paced::Close => return,
        }
    }
}

enum Paced {
    Request(Request),
    Answered,
    Close,
}

/// Answers a frame here if it is no request or comes too fast.
fn paced(
    parsed: Result<Request, ParseError>,
    pace: &Limiter,
    refusals: &Limiter,
    outbox: &Outbox,
) -> Paced {
    let parsed = match parsed {
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
        let wait = until.wait_time_from(Ticks.now());
        let retry_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        outbox.push(Reply::refused(id, WireError::rate_limited(retry_ms)).to_frame());
        return Paced::Answered;
    }
    match parsed {
        Ok(request) => Paced::Request(request),
        Err((id, error)) => {
            outbox.push(Reply::refused(id, error).to_frame());
            Paced::Answered
        }
    }
}

type Limiter = RateLimiter<
    NotKeyed,
    governor::state::InMemoryState,
    Ticks,
    NoOpMiddleware<std::time::Instant>,
>;

/// The runtime's time, which a simulation may let run as it likes.
#[derive(Debug, Clone, Copy)]
struct Ticks;

impl Clock for Ticks {
    type Instant = Instant;

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

fn limiter(per_s: u32, burst: u32) -> Limiter {
    let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::per_second(at_least_one(per_s)).allow_burst(at_least_one(burst));
    RateLimiter::direct_with_clock(quota, Ticks)
}

fn notice_in(expires_at: Timestamp, now: Timestamp) -> Duration {
    let ms = expires_at.since_ms(now.after_ms(TOKEN_NOTICE_S * 1000));
    Duration::from_millis(ms)
}

/// Writes what waits, and pings, until the connection is over; whether it was closed with a close
/// frame.
async fn write<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &Wire<S>,
    outbox: &Outbox,
    heard: &Heard,
    login: &Login,
) -> bool {
    let mut alive = KeepAlive::new();
    let mut outgoing = Outgoing::default();
    let mut alarm = pin!(tokio::time::sleep_until(alive.due(false)));
    loop {
        let woken = next_wake(outbox, alarm.as_mut()).await;
        let busy = login.get().is_some_and(|(session, _)| session.is_busy());
        // The alarm is only ever set earlier here: one that rings too early is set anew, which
        // costs less than setting it back for every call.
        let due = alive.due(busy);
        let ping = match woken {
            Wake::Outbox => false,
            Wake::Alarm if tokio::time::Instant::now() < due => {
                alarm.as_mut().reset(due);
                continue;
            }
            Wake::Alarm => {
                if !alive.ping(heard) {
                    return false;
                }
                alarm.as_mut().reset(alive.due(busy));
                true
            }
        };
        if due < alarm.deadline() {
            alarm.as_mut().reset(due);
        }
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
        // Nearly always the first is done at once, and the others cost nothing.
        tokio::select! {
            biased;
            written = wire.flush(&mut outgoing, outbox, ping) => match written {
                Ok(false) => {}
                Ok(true) => return true,
                Err(_) => return false,
            },
            () = stuck => return false,
            () = deaf => return false,
        }
    }
}

enum Wake {
    Outbox,
    Alarm,
}

async fn next_wake(outbox: &Outbox, mut alarm: Pin<&mut Sleep>) -> Wake {
    poll_fn(|cx| {
        if outbox.poll_ready(cx).is_ready() {
            return Poll::Ready(Wake::Outbox);
        }
        alarm.as_mut().poll(cx).map(|()| Wake::Alarm)
    })
    .await
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;

    /// The memory of fifteen thousand devices that only wait is mostly this. What is needed only
    /// while something is done belongs in a box, or grows it unseen.
    #[test]
    fn a_connection_that_waits_is_small() {
        fn size<'a, F: Future>(
            _: impl FnOnce(&'a Arc<Gateway>, DuplexStream, &'a mut [u8], Entrance<'a>) -> F,
        ) -> usize {
            size_of::<F>()
        }
        let bytes = size(run::<DuplexStream>);
        assert!(bytes <= 2_048, "{bytes} bytes");
    }
}
