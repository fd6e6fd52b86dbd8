//! One timer for all calls. It holds no rule: it only has a call looked at when the call says so.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bellwire_core::{AppKey, CallId, Command, Timestamp};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_util::time::{DelayQueue, delay_queue};

use super::Switchboard;

type Wish = (AppKey, CallId, Option<Timestamp>);

/// Where deadlines are handed in.
#[derive(Debug, Clone)]
pub(crate) struct Deadlines(mpsc::UnboundedSender<Wish>);

/// Where the timer takes them from.
#[derive(Debug)]
pub(crate) struct Timer(mpsc::UnboundedReceiver<Wish>);

impl Deadlines {
    /// A timer and the way to it.
    pub(crate) fn new() -> (Self, Timer) {
        // Unbounded, because an append must never wait: a call has one wish at a time in it.
        let (to, from) = mpsc::unbounded_channel();
        (Self(to), Timer(from))
    }

    /// The call wants to be looked at then, or not at all any more.
    pub(crate) fn set(&self, app: &AppKey, call: CallId, at: Option<Timestamp>) {
        // The timer ends only with the server.
        drop(self.0.send((app.clone(), call, at)));
    }
}

impl Timer {
    /// Runs until the server ends.
    pub(crate) async fn run(mut self, board: Arc<Switchboard>) {
        let mut queue: DelayQueue<(AppKey, CallId)> = DelayQueue::new();
        let mut keys: HashMap<CallId, (delay_queue::Key, Timestamp)> = HashMap::new();
        loop {
            tokio::select! {
                wish = self.0.recv() => {
                    let Some((app, call, at)) = wish else { return };
                    let old = keys.get(&call).map(|(_, at)| *at);
                    if old == at {
                        continue;
                    }
                    if let Some((key, _)) = keys.remove(&call) {
                        queue.remove(&key);
                    }
                    if let Some(at) = at {
                        let wait = Duration::from_millis(at.since_ms(board.now()));
                        keys.insert(call, (queue.insert((app, call), wait), at));
                    }
                }
                Some(due) = queue.next(), if !queue.is_empty() => {
                    let (app, call) = due.into_inner();
                    keys.remove(&call);
                    let board = board.clone();
                    // A tick that finds nothing due sets the deadline again.
                    tokio::spawn(async move { board.act(&app, call, Command::Tick).await });
                }
            }
        }
    }
}
