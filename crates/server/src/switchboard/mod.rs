//! The only writer: load the call, decide, append with what was seen, on a conflict load and
//! decide again; then tell the audience.

mod asker;
mod audit;
mod consult;
mod deadlines;
mod erase;
mod facts;
mod limits;
mod own;
mod passes;
mod presence;
mod render;
mod reply;
mod resume;
mod start;
mod tell;

use std::sync::Arc;

use bellwire_core::{
    Actor, AppKey, Call, CallId, Command, Entry, Order, Refusal, Timestamp, UserId, decide, fold,
};
use bellwire_protocol::{ErrorCode, WireError};

pub(crate) use asker::Asker;
pub(crate) use consult::Denial;
pub(crate) use deadlines::Deadlines;
pub(crate) use erase::Erasures;
pub(crate) use facts::Inviting;
use passes::Admission;
pub(crate) use reply::ReplyKind;
pub(crate) use resume::HelloAsk;
pub(crate) use start::Ask;

use crate::{
    business::Business,
    calls::{Calls, Change, Known},
    chance::Chance,
    clock::Clock,
    config::{App, Apps},
    directory::Directory,
    feed::Feed,
    idempotency::Idempotency,
    journal::JournalState,
    media::Media,
    metrics::Metrics,
    push::Push,
    sessions::{Sessions, Watches},
    storage::Storage,
    webhooks::Webhooks,
};

/// Everything a command walks through.
pub(crate) struct Switchboard {
    pub(crate) calls: Arc<Calls>,
    pub(crate) sessions: Sessions,
    pub(crate) watches: Watches,
    pub(crate) directory: Directory,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) deadlines: Deadlines,
    pub(crate) limits: limits::StartLimits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) media: Media,
    pub(crate) business: Business,
    pub(crate) idempotency: Arc<Idempotency>,
    pub(crate) feed: Feed,
    pub(crate) erasures: Erasures,
    pub(crate) webhooks: Webhooks,
    pub(crate) push: Push,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chance: Chance,
    apps: Apps,
}

/// A command about a call that exists; the facts in it are looked up anew for each attempt.
pub(crate) type Make<'a> = &'a (dyn Fn(&Switchboard, &Call) -> Command + Sync);

impl Switchboard {
    #[allow(clippy::too_many_arguments)] // What a node stands on, each a thing of its own.
    pub(crate) fn new(
        calls: Arc<Calls>,
        storage: Arc<dyn Storage>,
        deadlines: Deadlines,
        metrics: Arc<Metrics>,
        media: Media,
        business: Business,
        push: Push,
        clock: Arc<dyn Clock>,
        chance: Chance,
        apps: Apps,
    ) -> Self {
        Self {
            calls,
            sessions: Sessions::default(),
            watches: Watches::default(),
            directory: Directory::default(),
            storage,
            deadlines,
            limits: limits::StartLimits::default(),
            metrics,
            media,
            business,
            idempotency: Arc::default(),
            feed: Feed::default(),
            erasures: Erasures::default(),
            webhooks: Webhooks::default(),
            push,
            clock,
            chance,
            apps,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What a user asks of a call.
    pub(crate) async fn order(
        self: &Arc<Self>,
        app: &AppKey,
        call: CallId,
        by: Actor,
        order: Order,
        reply: ReplyKind,
        asker: Asker,
    ) {
        let make = move |_: &Self, _: &Call| Command::User { by: by.clone(), order: order.clone() };
        self.command(app, call, &make, reply, asker).await;
    }

    /// What the server itself does to a call; nobody is answered.
    pub(crate) async fn act(self: &Arc<Self>, app: &AppKey, call: CallId, command: Command) {
        let make = move |_: &Self, _: &Call| command.clone();
        self.command(app, call, &make, ReplyKind::Empty, Asker::Nobody).await;
    }

    /// Decides a command on the call as it is and appends what it leads to.
    pub(crate) async fn command(
        self: &Arc<Self>,
        app: &AppKey,
        id: CallId,
        make: Make<'_>,
        reply: ReplyKind,
        asker: Asker,
    ) {
        let mut asker = Some(asker);
        loop {
            let (call, history) = match self.find(app, id).await {
                Ok(found) => found,
                Err(error) => return self.refuse(asker.take(), error),
            };
            let now = self.now();
            let events = match decide(&call, &make(self, &call), now) {
                Ok(events) => events,
                Err(refusal) => return self.refuse(asker.take(), wire(refusal, id)),
            };
            let request = asker.as_ref().and_then(Asker::request);
            if let Some(log) = history.filter(|_| !events.is_empty()) {
                // A late confirmation belongs into the log of a call that has left memory.
                self.calls.restore(app, log, now);
                continue;
            }
            let Some(change) = Change::new(Some(call.clone()), events, request.as_ref(), now)
            else {
                let body = reply.unchanged(self, &call, asker.as_ref());
                self.deadlines.changed(app, id);
                return self.answer(asker.take(), body);
            };
            match self.admit_to_room(&change).await {
                Ok(Admission::Granted) => {}
                Ok(Admission::Again) => continue,
                Err(error) => return self.refuse(asker.take(), error),
            }
            let body = reply.changed(self, &change, asker.as_ref());
            match self.append(app, vec![change], body, asker.take()) {
                Ok(()) => return,
                Err(back) => asker = back,
            }
            tokio::task::yield_now().await;
        }
    }

    /// The call, and its log if it is no longer in memory; refused as unknown if it is not the
    /// app's.
    async fn find(
        &self,
        app: &AppKey,
        id: CallId,
    ) -> Result<(Arc<Call>, Option<Vec<Entry>>), Box<WireError>> {
        if let Some(call) = self.calls.load(app, id) {
            return Ok((call, None));
        }
        let log = self.storage.log(id).await.map_err(|error| {
            tracing::error!(call = %id, %error, "cannot read the log");
            Box::new(WireError::new(ErrorCode::Unavailable, "the call's log cannot be read now"))
        })?;
        match fold(&log).filter(|call| call.app == *app) {
            Some(call) => Ok((Arc::new(call), Some(log))),
            None => Err(wire(Refusal::NotInCall(None), id)),
        }
    }

    /// The call as told, with its log, from memory or from the journal.
    pub(crate) async fn known(
        &self,
        app: &AppKey,
        id: CallId,
    ) -> Result<Option<Known>, Box<WireError>> {
        if let Some(known) = self.calls.known(app, id) {
            return Ok(Some(known));
        }
        match self.find(app, id).await {
            Ok((call, Some(log))) => {
                Ok(Some(Known { call, log: log.into_iter().map(Arc::new).collect() }))
            }
            // In memory by now, and if it is not told yet, nobody knows it yet.
            Ok((_, None)) => Ok(self.calls.known(app, id)),
            Err(error) if error.code == ErrorCode::NotInCall => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Starts a new call; see [`start`].
    pub(crate) async fn start(self: &Arc<Self>, app: &App, ask: Ask, asker: Asker) {
        start::run(self, app, ask, asker).await;
    }

    /// Whether new calls can be kept; running ones always are.
    pub(crate) fn takes_calls(&self) -> Result<(), Box<WireError>> {
        let text = match self.storage.state() {
            JournalState::Ready => return Ok(()),
            JournalState::Full { .. } => "the server's disk is full; running calls go on",
            JournalState::Failed => "the server cannot write its database",
        };
        Err(Box::new(WireError::new(ErrorCode::Overloaded, text)))
    }

    /// The state the user is in, as others may see it.
    pub(crate) fn in_call(&self, app: &AppKey, user: &UserId) -> bool {
        let claim = self.calls.claim(app, user);
        claim.is_some_and(|call| call.participant(user).is_some_and(|p| p.state.is_in()))
    }
}

/// A refusal as the wire says it, naming the call.
fn wire(refusal: Refusal, call: CallId) -> Box<WireError> {
    let mut error = WireError::from(refusal);
    error.call.get_or_insert(call);
    Box::new(error)
}
