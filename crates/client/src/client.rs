//! The client: one device of one user.

use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
};

use bellwire_core::{CallId, DeviceId, Uid, UserId};
use bellwire_protocol::{
    Availability, Body, Command, Open, Record, RecordCursor, Secret, SetAvailability, UserRef,
    command::{ListRecords, PresenceOf, PushClear, PushSet, ReadRecords, RenewToken, SendMessage},
    reply::{Presence, PresenceOk, ReadOk, Received, RecordsOk},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{mpsc, oneshot};

use crate::{Builder, Call, Closed, Error, StartCall, builder::named, driver::Ask};

/// A device of a user, logged in. Cheap to clone; the connection closes with the last clone, its
/// calls and its [`Events`](crate::Events).
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    // Not bounded: every request but the few sent by itself has a task that waits for it.
    pub(crate) asks: mpsc::UnboundedSender<Ask>,
    pub(crate) user: UserId,
    pub(crate) uid: Uid,
    pub(crate) device: DeviceId,
}

impl Client {
    /// A client of the server at `address`, such as `ws://127.0.0.1:2355`.
    pub fn to(address: impl Into<String>) -> Builder {
        Builder::new(address.into())
    }

    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Who is logged in.
    pub fn user(&self) -> &UserId {
        &self.inner.user
    }

    /// Their number.
    pub fn uid(&self) -> Uid {
        self.inner.uid
    }

    /// This device.
    pub fn device(&self) -> &DeviceId {
        &self.inner.device
    }

    /// A call to `user`, to be started.
    pub fn call(&self, user: &str) -> StartCall {
        StartCall::new(self.clone(), user)
    }

    /// The handle of a call whose id is known: to join it, look at it, or move it here.
    pub fn handle(&self, call: CallId) -> Call {
        Call::new(call, self.clone())
    }

    /// The user's own records, newest first.
    pub fn records(&self) -> Records {
        Records { client: self.clone(), list: ListRecords::default() }
    }

    /// Says that missed calls have been seen: those up to `record`, or all there are. How many are
    /// left.
    pub async fn read_records(&self, record: Option<&Record>) -> Result<u64, Error> {
        let upto = record.map(|record| RecordCursor(record.serial));
        let ok: ReadOk = read(&self.ask(Command::ReadRecords(ReadRecords { upto })).await?)?;
        Ok(ok.unread)
    }

    /// How many missed calls the user has not seen.
    pub async fn unread(&self) -> Result<u64, Error> {
        let list = ListRecords { limit: Some(1), ..ListRecords::default() };
        let ok: RecordsOk = read(&self.ask(Command::ListRecords(list)).await?)?;
        Ok(ok.unread)
    }

    /// When and by whom the user wants to be rung.
    pub async fn availability(&self) -> Result<Availability, Error> {
        read(&self.ask(Command::GetAvailability).await?)
    }

    /// Changes that; what is none stays as it was.
    pub async fn set_availability(&self, change: SetAvailability) -> Result<Availability, Error> {
        read(&self.ask(Command::SetAvailability(Box::new(change))).await?)
    }

    /// Sends a message to a user; says whether a connected device took it.
    pub async fn send(&self, to: &str, body: &impl Serialize) -> Result<bool, Error> {
        let body = Body::new(body).map_err(|error| Error::Body(error.to_string()))?;
        let message = SendMessage { to: user(to)?, body };
        let ok: Received = read(&self.ask(Command::SendMessage(message)).await?)?;
        Ok(ok.received)
    }

    /// Who of `users` can be called.
    pub async fn presence<U: AsRef<str>>(
        &self,
        users: impl IntoIterator<Item = U>,
    ) -> Result<BTreeMap<UserId, Open<Presence>>, Error> {
        let of = presence_of(users)?;
        let ok: PresenceOk = read(&self.ask(Command::PresenceGet(of)).await?)?;
        Ok(ok.users)
    }

    /// Be told of `users` from now on, by [`Event::Presence`](crate::Event::Presence).
    pub async fn watch<U: AsRef<str>>(
        &self,
        users: impl IntoIterator<Item = U>,
    ) -> Result<BTreeMap<UserId, Open<Presence>>, Error> {
        let of = presence_of(users)?;
        let ok: PresenceOk = read(&self.ask(Command::PresenceWatch(of)).await?)?;
        Ok(ok.users)
    }

    /// Be told of `users` no longer.
    pub async fn unwatch<U: AsRef<str>>(
        &self,
        users: impl IntoIterator<Item = U>,
    ) -> Result<(), Error> {
        let of = presence_of(users)?;
        self.ask(Command::PresenceUnwatch(of)).await.map(|_| ())
    }

    /// Tells where to wake this device when it sleeps.
    pub async fn set_push(&self, set: PushSet) -> Result<(), Error> {
        self.ask(Command::PushSet(Box::new(set))).await.map(|_| ())
    }

    /// This device is not to be woken any more, or not in the way that `which` names.
    pub async fn clear_push(&self, which: PushClear) -> Result<(), Error> {
        self.ask(Command::PushClear(which)).await.map(|_| ())
    }

    /// Replaces the token, now and for later connections.
    pub async fn renew_token(&self, token: impl Into<String>) -> Result<(), Error> {
        let token = Secret::from(token.into());
        self.ask(Command::RenewToken(RenewToken { token: token.clone() })).await?;
        self.tell(Ask::Token(token))
    }

    /// Asks the server for an answer.
    pub async fn ping(&self) -> Result<(), Error> {
        self.ask(Command::Ping).await.map(|_| ())
    }

    /// Ends the session: this device leaves its calls, and the connection closes.
    pub async fn logout(&self) -> Result<(), Error> {
        self.ask(Command::Logout).await?;
        self.close();
        Ok(())
    }

    /// Closes the connection. The session stays for a while, and calls for their grace time.
    pub fn close(&self) {
        // A connection that is closed already is what was asked for.
        let _ = self.tell(Ask::Close);
    }

    /// Sends any command and gives the raw answer; for what this SDK has no method for.
    pub async fn ask(&self, command: Command) -> Result<Body, Error> {
        let (to, answer) = oneshot::channel();
        self.tell(Ask::Request(Box::new(command), Some(to)))?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    pub(crate) fn send_and_forget(&self, command: Command) {
        // Without a connection there is nobody who wants to know.
        let _ = self.tell(Ask::Request(Box::new(command), None));
    }

    fn tell(&self, ask: Ask) -> Result<(), Error> {
        self.inner.asks.send(ask).map_err(|_| closed())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({} on {})", self.inner.user, self.inner.device)
    }
}

/// A question for records; `.await` it.
#[derive(Debug, Clone)]
#[must_use = "nothing is asked until it is awaited"]
pub struct Records {
    client: Client,
    list: ListRecords,
}

impl Records {
    /// Only calls the user was rung for and did not answer.
    pub fn missed(mut self) -> Self {
        self.list.missed = Some(true);
        self
    }

    /// At most so many.
    pub fn limit(mut self, count: usize) -> Self {
        self.list.limit = Some(count);
        self
    }

    /// Those before this one: the next page.
    pub fn before(mut self, record: &Record) -> Self {
        self.list.before = Some(RecordCursor(record.serial));
        self
    }
}

impl IntoFuture for Records {
    type Output = Result<Vec<Record>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let body = self.client.ask(Command::ListRecords(self.list)).await?;
            read(&body).map(|ok: RecordsOk| ok.records)
        })
    }
}

fn closed() -> Error {
    Error::Closed(Closed { code: None, reason: "it was closed before".to_owned() })
}

fn presence_of<U: AsRef<str>>(users: impl IntoIterator<Item = U>) -> Result<PresenceOf, Error> {
    let users: Result<Vec<_>, _> = users.into_iter().map(|name| user(name.as_ref())).collect();
    Ok(PresenceOf { users: users? })
}

/// A user by name.
pub(crate) fn user(name: &str) -> Result<UserRef, Error> {
    named("user", name, UserId::parse).map(UserRef::Id)
}

/// Reads an answer.
pub(crate) fn read<T: DeserializeOwned>(body: &Body) -> Result<T, Error> {
    body.read().map_err(|error| Error::Reply(error.to_string()))
}

/// Takes any answer for a yes.
#[allow(clippy::unnecessary_wraps)] // The form every reader of answers has.
pub(crate) fn nothing(_: &Client, _: &Body) -> Result<(), Error> {
    Ok(())
}
