//! Webhooks: what happens in an app's calls is posted to its receivers, once or more, in order
//! within each call. Each receiver has a task of its own that reads the feed from where it has come
//! to; so one that is slow or down delays no call and no other receiver.

mod deliver;
mod queue;
mod story;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bellwire_core::{AppKey, CallId, Timestamp};
use bellwire_protocol::FeedCursor;
use futures_util::future::join_all;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

pub(crate) use self::story::CallDeliveries;
use self::{deliver::Delivering, queue::Kept};
use crate::{
    config::Apps,
    journal::{Bucket, KeyValueRow, Row},
    switchboard::Switchboard,
};

/// How long somebody who looks at a call waits for each receiver.
const LOOK: Duration = Duration::from_millis(500);

/// The receivers of all apps.
#[derive(Default)]
pub(crate) struct Webhooks {
    receivers: Mutex<BTreeMap<AppKey, Vec<Receiver>>>,
    /// How far each has come, of those that are not running.
    kept: Mutex<BTreeMap<(AppKey, String), Kept>>,
}

struct Receiver {
    name: String,
    wishes: mpsc::UnboundedSender<Wish>,
    task: JoinHandle<()>,
}

/// What is asked of a receiver's task.
enum Wish {
    /// How it stands.
    Look(oneshot::Sender<Standing>),
    /// What became of a call's events.
    Of(CallId, oneshot::Sender<Option<CallDeliveries>>),
    /// Everything after this position is posted again.
    Replay(u64),
    /// What was given up is tried again.
    Revive,
    /// The end; how far it has come is given back.
    Stop(oneshot::Sender<Kept>),
}

/// How the deliveries to a receiver stand.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
pub(crate) struct Standing {
    name: String,
    url: String,
    /// Everything up to here is delivered, or among what is listed below.
    cursor: FeedCursor,
    /// The last event there is.
    last: FeedCursor,
    /// Failures since the last delivery.
    failures: u32,
    /// What the last failure was.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Events of calls that are tried beside the others.
    parked: usize,
    /// What was given up, the oldest first.
    dead: Vec<DeadDelivery>,
}

/// A delivery that was given up after a day.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct DeadDelivery {
    cursor: FeedCursor,
    call: CallId,
    seq: u64,
    at: Timestamp,
    error: String,
}

/// A new receiver begins with what happens from now on. That is written down at once, before
/// anything that happens: a start after a crash would take it for new again.
fn begin(board: &Switchboard, app: &AppKey, name: &str) -> Kept {
    let kept = Kept { cursor: board.calls.position(app), ..Kept::default() };
    board.storage.submit(vec![row(app, name, &kept)], || {});
    kept
}

fn row(app: &AppKey, name: &str, kept: &Kept) -> Row {
    let state = serde_json::to_string(kept).expect("a state serializes");
    Row::KeyValue(KeyValueRow {
        app: app.clone(),
        bucket: Bucket::Webhook,
        key: name.to_owned(),
        value: Some(state.into()),
    })
}

impl Webhooks {
    /// Puts back how far one had come.
    pub(crate) fn restore(
        &self,
        app: AppKey,
        name: String,
        state: &str,
    ) -> Result<(), serde_json::Error> {
        let state = serde_json::from_str(state)?;
        self.kept.lock().insert((app, name), state);
        Ok(())
    }

    /// Runs the receivers that the apps have now, and no others.
    pub(crate) async fn follow(&self, board: &Arc<Switchboard>, apps: &Apps) {
        let running = std::mem::take(&mut *self.receivers.lock());
        for (app, receivers) in running {
            for receiver in receivers {
                let (to, kept) = oneshot::channel();
                // A task that has ended has nothing to give back.
                let _ = receiver.wishes.send(Wish::Stop(to));
                if let Ok(kept) = kept.await {
                    self.kept.lock().insert((app.clone(), receiver.name.clone()), kept);
                }
            }
        }
        for app in apps.all() {
            let receivers = app.webhooks.iter().map(|settings| {
                let key = (app.key.clone(), settings.name.clone());
                let kept = self.kept.lock().remove(&key);
                let kept = kept.unwrap_or_else(|| begin(board, &app.key, &settings.name));
                let (wishes, asked) = mpsc::unbounded_channel();
                let task =
                    Delivering::new(board, &app.key, settings, board.feed.follow(&app.key), asked);
                let task = tokio::spawn(task.run(kept));
                Receiver { name: settings.name.clone(), wishes, task }
            });
            let receivers: Vec<_> = receivers.collect();
            if !receivers.is_empty() {
                self.receivers.lock().insert(app.key.clone(), receivers);
            }
        }
    }

    /// How the deliveries to the app's receivers stand.
    pub(crate) async fn standings(&self, app: &AppKey) -> Vec<Standing> {
        join_all(self.ask_all(app, Wish::Look)).await.into_iter().flatten().collect()
    }

    /// What became of a call's events, by receiver; one that waits for the disk is left out.
    pub(crate) async fn of_call(&self, app: &AppKey, call: CallId) -> Vec<CallDeliveries> {
        let asked = self.ask_all(app, |to| Wish::Of(call, to)).into_iter();
        let told = join_all(asked.map(|answer| timeout(LOOK, answer))).await;
        told.into_iter().filter_map(|answer| answer.ok()?.ok()?).collect()
    }

    fn ask_all<T>(
        &self,
        app: &AppKey,
        wish: impl Fn(oneshot::Sender<T>) -> Wish,
    ) -> Vec<oneshot::Receiver<T>> {
        let receivers = self.receivers.lock();
        let ask = |receiver: &Receiver| {
            let (to, answer) = oneshot::channel();
            receiver.wishes.send(wish(to)).is_ok().then_some(answer)
        };
        receivers.get(app).into_iter().flatten().filter_map(ask).collect()
    }

    /// Posts everything after a position again; false if there is no such receiver.
    pub(crate) fn replay(&self, app: &AppKey, name: &str, after: u64) -> bool {
        self.wish(app, name, Wish::Replay(after))
    }

    /// Tries again what was given up; false if there is no such receiver.
    pub(crate) fn revive(&self, app: &AppKey, name: &str) -> bool {
        self.wish(app, name, Wish::Revive)
    }

    fn wish(&self, app: &AppKey, name: &str, wish: Wish) -> bool {
        let receivers = self.receivers.lock();
        let mut own = receivers.get(app).into_iter().flatten();
        own.find(|receiver| receiver.name == name).is_some_and(|r| r.wishes.send(wish).is_ok())
    }

    /// Ends all of them, and has written how far they came.
    pub(crate) async fn stop(&self) {
        let running = std::mem::take(&mut *self.receivers.lock());
        for receiver in running.into_values().flatten() {
            let (to, kept) = oneshot::channel();
            let _ = receiver.wishes.send(Wish::Stop(to));
            // It writes before it answers.
            drop(kept.await);
            receiver.task.abort();
        }
    }
}
