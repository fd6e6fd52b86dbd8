//! What the app is told.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bellwire_core::{Note, Timestamp, Uid, UserId};
use bellwire_protocol::{
    Availability, CallEvent, CallInfo, Change, Command, ServerEvent,
    command::{Ack, Ringing},
    event::{CallMessage, Message, PresenceEvent, QualityEvent, RecordEvent, StateEvent},
    media::{MediaClosedEvent, SpeakersEvent, TracksEvent},
    reply::ReadOk,
};
use futures_util::Stream;
use tokio::sync::mpsc;

use crate::{Call, Client, Closed, Incoming};

/// Something that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The connection changed.
    Connection(Connection),
    /// Somebody calls: ring.
    Incoming(Incoming),
    /// At login: a live call of the user that does not ring on this device. It may be one this
    /// device was in, one to move here, or one to join.
    Found(Call, Box<CallInfo>),
    /// Something happened in a call of this device.
    Call(Call, Box<CallEvent>),
    /// What a participant's device publishes.
    State(StateEvent),
    /// How good the participants' connections are.
    Quality(QualityEvent),
    /// What the others send, where this program connected media.
    Tracks(TracksEvent),
    /// Who speaks.
    Speakers(SpeakersEvent),
    /// The server ended this device's media connection.
    MediaClosed(MediaClosedEvent),
    /// A message inside a call.
    CallMessage(CallMessage),
    /// A message from a user.
    Message(Message),
    /// Watched users came or went.
    Presence(PresenceEvent),
    /// Another device of the user, or the app, changed when and by whom they want to be rung.
    Availability(Box<Availability>),
    /// The record of a finished call.
    Record(Box<RecordEvent>),
    /// Missed calls were seen on another device of the user.
    RecordsRead(ReadOk),
    /// The token runs out then: get a new one and give it to [`Client::renew_token`].
    TokenExpiring(Timestamp),
}

/// Where the connection stands. Calls go on while it is being made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// Logged in.
    Connected {
        /// Who.
        user: UserId,
        /// Their number.
        uid: Uid,
    },
    /// The connection was lost or an attempt to make it again failed.
    Reconnecting {
        /// Which attempt comes next, from 1.
        attempt: u32,
        /// How long until then.
        wait: Duration,
        /// Why.
        reason: String,
    },
    /// Connected again. Missed events follow.
    Resumed {
        /// Whether the server knew the session; if not, requests it had not answered fail with
        /// [`crate::Error::SessionLost`].
        same_session: bool,
    },
    /// The last event: the connection is not made again.
    Closed(Closed),
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { user, .. } => write!(f, "connected as {user}"),
            Self::Reconnecting { attempt, wait, reason } => {
                let what = if *attempt == 1 { "connection lost" } else { "no connection yet" };
                write!(f, "{what} ({reason}); trying again in {} ms", wait.as_millis())
            }
            Self::Resumed { same_session: true } => f.write_str("connected again"),
            Self::Resumed { same_session: false } => f.write_str("connected again, anew"),
            Self::Closed(closed) => closed.fmt(f),
        }
    }
}

/// What the connection hands over.
pub(crate) enum Told {
    /// Its own state.
    Connection(Connection),
    /// A call that rings, learnt of at login.
    Offered(Box<CallInfo>),
    /// Another live call, learnt of at login.
    Found(Box<CallInfo>),
    /// An event of the server.
    Event(Box<ServerEvent>),
}

/// All events, in order, each once. It is a [`Stream`] too.
///
/// Read it steadily: 4 096 events may wait, then the connection is given up. Dropping it is fine
/// for a client that only asks.
pub struct Events {
    client: Client,
    told: mpsc::Receiver<Told>,
}

impl Events {
    pub(crate) fn new(client: Client, told: mpsc::Receiver<Told>) -> Self {
        Self { client, told }
    }

    /// The next event; none once the connection is closed for good.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            match std::task::ready!(self.told.poll_recv(cx)) {
                Some(told) => {
                    if let Some(event) = self.hand_over(told) {
                        return Poll::Ready(Some(event));
                    }
                }
                None => return Poll::Ready(None),
            }
        }
    }

    /// Makes the app's event, and tells the server where it wants to know that the app has it.
    fn hand_over(&self, told: Told) -> Option<Event> {
        Some(match told {
            Told::Connection(connection) => Event::Connection(connection),
            Told::Found(info) => Event::Found(self.client.handle(info.id), info),
            Told::Offered(info) => {
                let note = Note {
                    content: Some(info.content.as_str().into())
                        .filter(|_| !info.content.is_empty()),
                    param: Some(info.param).filter(|n| *n != 0),
                    app_code: Some(info.app_code).filter(|n| *n != 0),
                    app_flags: Some(info.app_flags).filter(|n| *n != 0),
                };
                let from = Some(info.caller.clone());
                self.ring(Incoming { call: self.client.handle(info.id), from, note, info })
            }
            Told::Event(event) => match *event {
                ServerEvent::Call(event) => self.call_event(event),
                ServerEvent::State(event) => Event::State(event),
                ServerEvent::Quality(event) => Event::Quality(event),
                ServerEvent::Tracks(event) => Event::Tracks(event),
                ServerEvent::Speakers(event) => Event::Speakers(event),
                ServerEvent::MediaClosed(event) => Event::MediaClosed(event),
                ServerEvent::CallMessage(event) => Event::CallMessage(event),
                ServerEvent::Message(event) => Event::Message(event),
                ServerEvent::Presence(event) => Event::Presence(event),
                ServerEvent::Availability(own) => Event::Availability(own),
                ServerEvent::Record(event) => Event::Record(Box::new(event)),
                ServerEvent::RecordsRead(read) => Event::RecordsRead(read),
                ServerEvent::TokenExpiring(event) => Event::TokenExpiring(event.expires_at),
                // The close that follows says the same.
                ServerEvent::Replaced | ServerEvent::Draining | ServerEvent::Unknown => {
                    return None;
                }
            },
        })
    }

    fn call_event(&self, event: Box<CallEvent>) -> Event {
        let call = self.client.handle(event.call);
        if event.change.wants_ack() {
            self.client.send_and_forget(Command::Ack(Ack { call: event.call, seq: event.seq }));
        }
        match event.change {
            Change::Invited(invited) => {
                let (from, note, info) = (invited.from, invited.note, invited.info);
                self.ring(Incoming { call, from, note, info })
            }
            _ => Event::Call(call, event),
        }
    }

    fn ring(&self, incoming: Incoming) -> Event {
        let call = incoming.call.id();
        self.client.send_and_forget(Command::Ringing(Ringing { call }));
        Event::Incoming(incoming)
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll(cx)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("client", &self.client).finish_non_exhaustive()
    }
}
