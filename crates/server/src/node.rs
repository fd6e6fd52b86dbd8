//! One server without its listeners: gateway, switchboard and stores put together. What it stands
//! on (storage, clock, chance) is given to it, so that a simulation can run the same house.

use std::sync::Arc;

use bellwire_core::{AppKey, Call, CallId, Command, UserId};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    business::Business,
    calls::Calls,
    chance::Chance,
    clock::Clock,
    config::{Apps, Config, Limits},
    gateway::{Entrance, Gateway, expire_later},
    http,
    journal::{Bucket, KeyValueRow, Recovered},
    listen::Visitor,
    media::{Media, MediaGround, Router, Turn, hear_forever},
    metrics::Metrics,
    push::Push,
    sessions::Session,
    storage::Storage,
    switchboard::{Deadlines, Switchboard},
};

/// How long ended calls stay in memory, in milliseconds: long enough for the answers that come
/// late, short enough that a busy server does not hold its history. The storage has them after.
pub const KEEP_MS: u64 = 10_000;

/// Whom a node serves, and within which limits.
#[derive(Debug, Clone)]
pub struct Tenants {
    pub(crate) apps: Apps,
    pub(crate) limits: Limits,
}

/// The text is no configuration; what is wrong with it, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadConfiguration(String);

impl Tenants {
    /// Reads a configuration file's text, without environment and flags. Users may log in by name
    /// where the text says so, as with `--dev`.
    pub fn from_toml(text: &str) -> Result<Self, BadConfiguration> {
        let (config, apps) =
            Config::from_toml(text).map_err(|error| BadConfiguration(error.to_string()))?;
        Ok(Self { apps, limits: config.limits })
    }
}

/// What a node stands on.
pub struct Ground {
    /// Where it keeps what must outlast it.
    pub storage: Arc<dyn Storage>,
    /// What the storage kept of the node before.
    pub recovered: Recovered,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub chance: Chance,
    /// What carries media; without it every call's is the app's own.
    pub media: Option<MediaGround>,
}

/// A running node. It runs on the tokio runtime it was opened on, and ends with it.
#[derive(Clone)]
pub struct Node {
    pub(crate) gateway: Arc<Gateway>,
}

impl Node {
    /// Starts a node: what the storage kept goes on.
    pub async fn open(tenants: Tenants, ground: Ground) -> Self {
        Self::open_with(tenants, ground, Arc::new(Metrics::new()), None).await
    }

    /// Likewise, with what only the program has: metrics that are already counted in, and a relay.
    pub(crate) async fn open_with(
        tenants: Tenants,
        ground: Ground,
        metrics: Arc<Metrics>,
        turn: Option<Turn>,
    ) -> Self {
        let Ground { storage, recovered, clock, chance, media } = ground;
        let (router, events) =
            media.map(|media| (Router::new(media.forwarder, turn, &chance), media.events)).unzip();
        let media = Media::new(tenants.apps.clone(), router);
        let (deadlines, timer) = Deadlines::new();
        let calls = Arc::new(Calls::new(storage.clone(), KEEP_MS));
        let business = Business::new(tenants.apps.clone(), metrics.clone());
        let (push, receipts) = Push::new(tenants.apps.clone());
        let board = Arc::new(Switchboard::new(
            calls,
            storage,
            deadlines,
            metrics,
            media,
            business,
            push,
            clock,
            chance,
            tenants.apps.clone(),
        ));
        let gateway = Arc::new(Gateway::new(board.clone(), tenants.apps, tenants.limits));
        tokio::spawn(timer.run(board.clone()));
        tokio::spawn(receipts.write_forever(board.clone()));
        if let Some(events) = events {
            tokio::spawn(hear_forever(board.clone(), events));
        }
        recover(&gateway, recovered).await;
        board.webhooks.follow(&board, &gateway.apps).await;
        tokio::spawn(board.audit_forever());
        Self { gateway }
    }

    /// Serves a device whose stream carries WebSocket frames from now on, until the stream ends
    /// or the device is gone. `origin` is the web page it speaks for.
    pub async fn serve<S>(&self, stream: S, origin: Option<&str>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let entrance = Entrance { origin, visitor: &Visitor::default() };
        self.gateway.serve(stream, &mut [], entrance).await;
    }

    /// The HTTP API, for a business server in the same process.
    pub fn api(&self) -> axum::Router {
        http::app(self.gateway.clone())
    }

    /// Every live call, as appended so far.
    pub fn live_calls(&self) -> Vec<Arc<Call>> {
        self.gateway.board.calls.all()
    }

    /// Who is claimed by which call in `app`, by user.
    pub fn claims(&self, app: &AppKey) -> Vec<(UserId, CallId)> {
        self.gateway.board.calls.all_claims(app)
    }
}

/// Puts back what the storage kept: live calls go on, and grace counts from now.
async fn recover(gateway: &Arc<Gateway>, recovered: Recovered) {
    let board = &gateway.board;
    for user in recovered.users {
        board.directory.restore(user);
    }
    for (app, serial) in recovered.serials {
        board.calls.restore_serial(&app, serial);
    }
    for (app, position) in recovered.positions {
        board.calls.restore_position(&app, position);
    }
    for row in recovered.key_values {
        if let Err(why) = restore(board, &row) {
            let (app, bucket, key) = (&row.app, row.bucket.as_str(), &row.key);
            tracing::error!(%app, bucket, key, why, "a stored value does not read; it is left out");
        }
    }
    for stored in recovered.sessions {
        let row = stored.row;
        let session = Arc::new(Session::new(
            row.id,
            row.app,
            row.user,
            row.device,
            row.name,
            row.platform,
            row.at,
            stored.highest_request,
        ));
        board.sessions.restore(session.clone());
        expire_later(gateway, session, 0);
    }
    let live = recovered.live.len();
    for call in recovered.live.into_iter().chain(recovered.recent) {
        board.calls.restore(&call.app, call.entries, board.now());
    }
    for session in board.sessions.all() {
        board.expect_back(&session);
    }
    for call in board.calls.all() {
        board.act(&call.app, call.id, Command::Restarted).await;
        board.deadlines.changed(&call.app, call.id);
    }
    board.ring_on();
    if live > 0 {
        tracing::info!(calls = live, "running calls go on");
    }
}

fn restore(board: &Switchboard, row: &KeyValueRow) -> Result<(), String> {
    let Some(value) = &row.value else { return Ok(()) };
    let app = row.app.clone();
    let user = || UserId::parse(&row.key).map_err(|error| error.to_string());
    match row.bucket {
        Bucket::Webhook => {
            board.webhooks.restore(app, row.key.clone(), value).map_err(|error| error.to_string())
        }
        Bucket::Availability => {
            let own = serde_json::from_str(value).map_err(|error| error.to_string())?;
            board.directory.restore_availability(app, user()?, own);
            Ok(())
        }
        Bucket::PushToken => board.push.restore(&app, &row.key, value),
        Bucket::Idempotency => {
            let answered = serde_json::from_str(value).map_err(|error| error.to_string())?;
            board.idempotency.restore(app, row.key.clone(), answered);
            Ok(())
        }
        Bucket::Uid => {
            let highest = value.parse().map_err(|_| "no number".to_owned())?;
            board.directory.restore_highest(app, highest);
            Ok(())
        }
        Bucket::Erasure => board.erasures.restore(app, user()?, value),
        Bucket::RecordsRead => {
            let upto = value.parse().map_err(|_| "no number".to_owned())?;
            board.directory.restore_read(app, user()?, upto);
            Ok(())
        }
    }
}
