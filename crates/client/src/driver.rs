//! The task that owns the connection.

use std::time::Duration;

use bellwire_core::State;
use bellwire_protocol::{
    CallInfo, Change, Command, Open, Reply, ServerEvent, command::Ack, reply::HelloOk,
};
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::{Instant, sleep, sleep_until},
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    Closed, Connection, Error,
    backoff::Backoff,
    connection::{Dialer, Failure, Socket, closed, is_final, write},
    events::Told,
    outstanding::{Answer, Outstanding},
    resume::Memory,
};

/// Silence after which a resting connection is dead: two pings of the server missed, and slack.
const PATIENCE_IDLE: Duration = Duration::from_mins(1);
/// The same while a call rings or runs, when the server pings every 5 s.
const PATIENCE_BUSY: Duration = Duration::from_secs(15);
/// The shortest wait after the server said we are too fast.
const TOO_FAST: Duration = Duration::from_secs(1);

/// What the app asks of the connection.
pub(crate) enum Ask {
    /// A request.
    Request(Box<Command>, Answer),
    /// Another token for the next hello.
    Token(bellwire_protocol::Secret),
    /// The end.
    Close,
}

/// Why a connection is over.
pub(crate) enum End {
    /// It broke; make a new one.
    Lost(Closed),
    /// It shall not be made again.
    Closed(Closed),
    /// The app has enough.
    Finished,
}

/// Everything a client is, apart from its socket.
pub(crate) struct Driver {
    dialer: Dialer,
    asks: mpsc::UnboundedReceiver<Ask>,
    told: mpsc::Sender<Told>,
    outstanding: Outstanding,
    memory: Memory,
    backoff: (Duration, Duration),
    heard: Instant,
}

/// Keeps the connection until it is refused, closed, or nobody is left who wants it.
pub(crate) async fn run(mut driver: Driver, mut socket: Socket, hello: HelloOk) {
    let (user, uid) = (hello.user.clone(), hello.uid);
    let greeted = driver.tell(Told::Connection(Connection::Connected { user, uid }));
    let mut end = greeted.or_else(|| driver.learn(&hello));
    loop {
        let why = match end.take() {
            Some(end) => end,
            None => driver.serve(&mut socket).await,
        };
        let reason = match why {
            End::Lost(reason) => reason,
            End::Closed(reason) => return driver.finish(reason),
            End::Finished => {
                // The other side may be gone already; that is what we want anyway.
                let _ = socket.close(None).await;
                return driver.finish(Closed::by_app());
            }
        };
        drop(socket);
        match driver.reconnect(reason).await {
            Ok((fresh, hello)) => {
                socket = fresh;
                end = driver.resumed(&hello);
            }
            Err(reason) => return driver.finish(reason),
        }
    }
}

impl Driver {
    pub(crate) fn new(
        dialer: Dialer,
        asks: mpsc::UnboundedReceiver<Ask>,
        told: mpsc::Sender<Told>,
        backoff: (Duration, Duration),
    ) -> Self {
        Self {
            dialer,
            asks,
            told,
            outstanding: Outstanding::new(),
            memory: Memory::default(),
            backoff,
            heard: Instant::now(),
        }
    }

    /// Connects for the first time: each address once.
    pub(crate) async fn first(&mut self) -> Result<(Socket, HelloOk), Error> {
        let mut tries = self.dialer.count();
        loop {
            let id = self.outstanding.take_id();
            match self.dialer.dial(id, None).await {
                Ok((socket, hello)) => {
                    self.memory.session(hello.session.clone());
                    return Ok((socket, hello));
                }
                Err(failure) => {
                    tries -= 1;
                    if tries == 0 || failure.is_final() {
                        return Err(failure.into());
                    }
                    self.dialer.turn();
                }
            }
        }
    }

    /// Serves one connection until it is over.
    async fn serve(&mut self, socket: &mut Socket) -> End {
        self.heard = Instant::now();
        loop {
            let frames = self.outstanding.take_unsent();
            if !frames.is_empty()
                && let Err(why) = write(socket, &frames).await
            {
                return lost(why);
            }
            let patience = if self.memory.is_busy() { PATIENCE_BUSY } else { PATIENCE_IDLE };
            let end = tokio::select! {
                frame = socket.next() => match frame {
                    Some(Ok(frame)) => self.read(frame),
                    Some(Err(error)) => Some(lost(error.to_string())),
                    None => Some(lost("the connection ended".to_owned())),
                },
                ask = self.asks.recv() => self.take(ask),
                () = sleep_until(self.heard + patience) => {
                    Some(lost("nothing was heard of the server".to_owned()))
                }
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Makes a new connection, however long it takes. What is asked meanwhile waits.
    async fn reconnect(&mut self, mut why: Closed) -> Result<(Socket, HelloOk), Closed> {
        let mut backoff = Backoff::new(self.backoff.0, self.backoff.1);
        loop {
            let mut wait = backoff.next(rand::random());
            if why.known() == Some(bellwire_protocol::CloseCode::TooFast) {
                wait = wait.max(TOO_FAST);
            }
            let attempt = backoff.attempts();
            let reason = why.reason.clone();
            let told =
                self.tell(Told::Connection(Connection::Reconnecting { attempt, wait, reason }));
            if let Some(End::Closed(reason)) = told {
                return Err(reason);
            }
            let id = self.outstanding.take_id();
            let (dialer, resume) = (self.dialer.clone(), self.memory.resume());
            let dialled = async move {
                sleep(wait).await;
                dialer.dial(id, resume).await
            };
            tokio::pin!(dialled);
            let outcome = loop {
                tokio::select! {
                    outcome = &mut dialled => break outcome,
                    ask = self.asks.recv() => if self.take(ask).is_some() {
                        return Err(Closed::by_app());
                    },
                }
            };
            match outcome {
                Ok(connected) => return Ok(connected),
                Err(failure) if failure.is_final() => return Err(failure.into_closed()),
                Err(failure) => {
                    if let Failure::Unreachable { .. } = failure {
                        self.dialer.turn();
                    }
                    why = failure.into_closed();
                }
            }
        }
    }

    /// A new connection has said hello.
    pub(crate) fn resumed(&mut self, hello: &HelloOk) -> Option<End> {
        self.memory.session(hello.session.clone());
        self.outstanding.reconnected(hello.resumed);
        let same_session = hello.resumed;
        let told = self.tell(Told::Connection(Connection::Resumed { same_session }));
        told.or_else(|| self.learn(hello))
    }

    /// The calls hello showed that the app has not been told of.
    fn learn(&mut self, hello: &HelloOk) -> Option<End> {
        for info in &hello.calls {
            if !self.memory.found(info) {
                continue;
            }
            let own = info.participant(&hello.user);
            let rings = own.is_some_and(|p| {
                let pending = p.state == State::Invited || p.state == State::Ringing;
                let silent = p.ring == Some(Open::Known(bellwire_core::RingMode::Silent));
                pending && !silent
            });
            let info = Box::new(info.clone());
            let end = self.tell(if rings { Told::Offered(info) } else { Told::Found(info) });
            if end.is_some() {
                return end;
            }
        }
        None
    }

    pub(crate) fn take(&mut self, ask: Option<Ask>) -> Option<End> {
        match ask {
            Some(Ask::Request(command, answer)) => self.outstanding.add(*command, answer),
            Some(Ask::Token(token)) => {
                self.dialer.who.token = Some(token);
                self.dialer.who.login = None;
            }
            Some(Ask::Close) | None => return Some(End::Finished),
        }
        None
    }

    fn read(&mut self, frame: Message) -> Option<End> {
        self.heard = Instant::now();
        match frame {
            Message::Text(text) => self.read_text(&text),
            Message::Close(frame) => {
                let reason = closed(frame);
                Some(if is_final(&reason) { End::Closed(reason) } else { End::Lost(reason) })
            }
            // Pings are answered by the WebSocket itself; binary frames are of no edition we know.
            Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_) => None,
        }
    }

    pub(crate) fn read_text(&mut self, text: &str) -> Option<End> {
        let Ok(form) = serde_json::from_str::<Form>(text) else {
            tracing::debug!(bytes = text.len(), "a frame of an unknown form");
            return None;
        };
        if form.ev.is_some() {
            match ServerEvent::parse(text) {
                Ok(event) => return self.event(event),
                Err(error) => tracing::warn!(%error, "an event that cannot be read"),
            }
        } else {
            match serde_json::from_str::<Reply>(text) {
                Ok(reply) => self.reply(reply),
                Err(error) => tracing::warn!(%error, "a reply that cannot be read"),
            }
        }
        None
    }

    fn reply(&mut self, reply: Reply) {
        if let Some(body) = self.outstanding.answered(reply)
            && let Ok(Opened { info }) = body.read()
        {
            self.memory.replied(&info);
        }
    }

    fn event(&mut self, event: ServerEvent) -> Option<End> {
        match &event {
            ServerEvent::Call(call) if !self.memory.see(call) => {
                // Sent again because our confirmation was lost: the app knows, the server not.
                if call.change.wants_ack() {
                    let ack = Ack { call: call.call, seq: call.seq };
                    self.outstanding.add(Command::Ack(ack), None);
                }
                return None;
            }
            ServerEvent::Call(call) if matches!(call.change, Change::Invited(_)) => {}
            ServerEvent::Record(record) => self.memory.record(record.cursor),
            ServerEvent::Unknown => return None,
            _ => {}
        }
        self.tell(Told::Event(Box::new(event)))
    }

    /// Hands something to the app. An app that dropped its [`crate::Events`] is told nothing;
    /// one that keeps them and does not read loses its connection, not its memory.
    fn tell(&mut self, told: Told) -> Option<End> {
        match self.told.try_send(told) {
            Ok(()) | Err(TrySendError::Closed(_)) => None,
            Err(TrySendError::Full(_)) => {
                let reason = "the app does not read its events".to_owned();
                Some(End::Closed(Closed { code: None, reason }))
            }
        }
    }

    fn finish(mut self, reason: Closed) {
        let error = Error::Closed(reason.clone());
        self.outstanding.fail(&error);
        self.asks.close();
        while let Ok(ask) = self.asks.try_recv() {
            if let Ask::Request(_, Some(answer)) = ask {
                // Whoever asked may have stopped waiting.
                let _ = answer.send(Err(error.clone()));
            }
        }
        self.tell(Told::Connection(Connection::Closed(reason)));
    }
}

/// Enough of a frame to tell events from replies.
#[derive(Deserialize)]
struct Form {
    ev: Option<serde::de::IgnoredAny>,
}

/// The part of an answer that opens a stay.
#[derive(Deserialize)]
struct Opened {
    info: Box<CallInfo>,
}

fn lost(reason: String) -> End {
    End::Lost(Closed { code: None, reason })
}
