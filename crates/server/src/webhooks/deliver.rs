//! The task of one receiver.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use bellwire_core::{AppKey, CallId, Timestamp};
use bellwire_protocol::{FeedCursor, business::WebhookBody};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    DeadDelivery, Standing, Wish,
    queue::{Item, Kept, Parked, Queue},
    row,
    story::Stories,
};
use crate::{
    clock::rfc3339,
    config::WebhookSettings,
    feed::READ_AGAIN,
    journal::{FeedEntry, FeedQuery},
    post::{Message, send},
    switchboard::Switchboard,
};

/// Events read at a time.
const PAGE: usize = 128;
/// How far it has come is written down so often at most: after a crash what came since is posted
/// again.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// A clock that jumps does not stop deliveries for longer.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

type Posted = (CallId, Result<(), String>);

pub(super) struct Delivering {
    board: Weak<Switchboard>,
    app: AppKey,
    settings: Arc<WebhookSettings>,
    more: watch::Receiver<()>,
    wishes: mpsc::UnboundedReceiver<Wish>,
    error: Option<String>,
    stories: Stories,
    /// Whether there may be more in the feed than was read.
    is_behind: bool,
}

impl Delivering {
    pub(super) fn new(
        board: &Arc<Switchboard>,
        app: &AppKey,
        settings: &WebhookSettings,
        more: watch::Receiver<()>,
        wishes: mpsc::UnboundedReceiver<Wish>,
    ) -> Self {
        Self {
            board: Arc::downgrade(board),
            app: app.clone(),
            settings: Arc::new(settings.clone()),
            more,
            wishes,
            error: None,
            stories: Stories::default(),
            is_behind: true,
        }
    }

    /// Delivers until it is stopped, or the node is gone.
    pub(super) async fn run(mut self, kept: Kept) {
        let mut queue = Queue::new(&kept);
        let mut is_saved = true;
        self.unpark(&mut queue, &kept.parked).await;
        let mut posts: JoinSet<Posted> = JoinSet::new();
        let mut save_at = Instant::now() + SAVE_EVERY;
        loop {
            let Some(board) = self.board.upgrade() else { return };
            is_saved &= !self.read(&board, &mut queue).await;
            while let Some(item) = queue.take(board.now()) {
                posts.spawn(post(self.settings.clone(), item, board.now()));
            }
            let wake = queue.due().map_or(LOOK_AGAIN, |due| {
                Duration::from_millis(due.since_ms(board.now())).min(LOOK_AGAIN)
            });
            drop(board);
            tokio::select! {
                biased;
                wish = self.wishes.recv() => match wish {
                    Some(Wish::Look(to)) => drop(to.send(self.standing(&queue))),
                    Some(Wish::Of(call, to)) => {
                        let (waits, name) = (queue.waits(call), &self.settings.name);
                        drop(to.send(self.stories.of(call, name, waits)));
                    }
                    Some(Wish::Replay(after)) => {
                        posts.shutdown().await;
                        let dead = queue.kept().dead;
                        queue = Queue::new(&Kept { cursor: after, parked: Vec::new(), dead });
                        (self.is_behind, is_saved) = (true, false);
                    }
                    Some(Wish::Revive) => {
                        let dead = queue.dead().iter();
                        let again: Vec<_> =
                            dead.map(|d| Parked { position: d.position, tries: 0 }).collect();
                        self.unpark(&mut queue, &again).await;
                        is_saved = false;
                    }
                    Some(Wish::Stop(to)) => {
                        posts.shutdown().await;
                        let kept = queue.kept();
                        self.save(&kept).await;
                        return drop(to.send(kept));
                    }
                    None => return,
                },
                Some(Ok((call, result))) = posts.join_next() => {
                    self.settle(&mut queue, call, result);
                    is_saved = false;
                }
                Ok(()) = self.more.changed() => self.is_behind = true,
                () = sleep_until(save_at), if !is_saved => {
                    self.save(&queue.kept()).await;
                    is_saved = true;
                    save_at = Instant::now() + SAVE_EVERY;
                }
                () = sleep(wake.max(Duration::from_millis(1))) => {}
            }
        }
    }

    fn settle(&mut self, queue: &mut Queue, call: CallId, result: Result<(), String>) {
        let Some(board) = self.board.upgrade() else { return };
        board.metrics.delivered(result.is_ok());
        self.error = result.clone().err();
        if let Err(why) = &result {
            self.stories.failed(call, why);
        }
        let Some(done) = queue.settle(call, result, board.now()) else { return };
        self.stories.settled(&done, board.now());
        if done.is_dead {
            let (app, webhook) = (&self.app, &self.settings.name);
            let error = self.error.as_deref().unwrap_or_default();
            tracing::error!(%app, webhook, %call, error, "a delivery is given up after a day");
        }
    }

    /// Reads on in the feed, as far as there is room; whether there was anything.
    async fn read(&mut self, board: &Switchboard, queue: &mut Queue) -> bool {
        let before = queue.read();
        // A page at a time: read one by one as each is posted, it would cost more than the post.
        while self.is_behind && queue.room() >= PAGE {
            let asked = FeedQuery { app: self.app.clone(), after: queue.read(), limit: PAGE };
            let found = match board.storage.feed(&asked).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::error!(app = %self.app, %error, "cannot read the feed");
                    sleep(READ_AGAIN).await;
                    break;
                }
            };
            self.is_behind = found.len() == PAGE;
            for entry in found {
                let wanted = &self.settings.types;
                let (kind, item) = self.item(&entry);
                if wanted.is_empty() || wanted.contains(&kind) {
                    queue.offer(item);
                } else {
                    queue.read_to(item.position);
                }
            }
        }
        queue.read() > before
    }

    /// The event as it is posted, and its type in the log.
    fn item(&self, found: &FeedEntry) -> (String, Item) {
        let (position, call) = (found.position, found.call);
        let (seq, at) = (found.entry.seq, found.entry.at);
        let event = found.to_wire();
        let kind = event.entry.kind().to_owned();
        let body = WebhookBody::of(&self.app, event, rfc3339(at));
        let body = serde_json::to_string(&body).expect("types of the wire serialize");
        (kind, Item { position, call, seq, at, body: body.into() })
    }

    /// Takes up single events again.
    async fn unpark(&self, queue: &mut Queue, parked: &[Parked]) {
        let Some(board) = self.board.upgrade() else { return };
        for Parked { position, tries } in parked {
            let after = position.saturating_sub(1);
            let asked = FeedQuery { app: self.app.clone(), after, limit: 1 };
            // What is not kept any more cannot be delivered.
            let found = board.storage.feed(&asked).await.unwrap_or_default().pop();
            if let Some(entry) = found.filter(|entry| entry.position == *position) {
                queue.put_back(self.item(&entry).1, *tries);
            }
        }
    }

    async fn save(&self, kept: &Kept) {
        let Some(board) = self.board.upgrade() else { return };
        let row = row(&self.app, &self.settings.name, kept);
        let (told, written) = tokio::sync::oneshot::channel();
        board.storage.submit(vec![row], move || {
            let _ = told.send(());
        });
        // A storage that has stopped writes nothing more.
        drop(written.await);
    }

    fn standing(&self, queue: &Queue) -> Standing {
        let kept = queue.kept();
        let last = self.board.upgrade().map_or(0, |board| board.calls.position(&self.app));
        let dead = kept.dead.into_iter().map(|dead| DeadDelivery {
            cursor: FeedCursor(dead.position),
            call: dead.call,
            seq: dead.seq,
            at: dead.at,
            error: dead.why,
        });
        Standing {
            name: self.settings.name.clone(),
            url: self.settings.url.to_string(),
            cursor: FeedCursor(kept.cursor),
            last: FeedCursor(last),
            failures: queue.failures(),
            error: self.error.clone().filter(|_| queue.failures() > 0),
            parked: kept.parked.len(),
            dead: dead.collect(),
        }
    }
}

async fn post(settings: Arc<WebhookSettings>, item: Item, now: Timestamp) -> Posted {
    let id = format!("{}:{}", item.call, item.seq);
    let message = Message {
        url: &settings.url,
        keys: &settings.keys,
        id: &id,
        at_s: now.0 / 1000,
        body: &item.body,
    };
    let posted = timeout(settings.timeout, send(&message)).await;
    let result = match posted {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(failure)) => Err(failure.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    };
    (item.call, result)
}
