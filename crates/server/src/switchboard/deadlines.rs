//! One timer for all calls. It holds no rule: it only has a call looked at when the call says so.

use std::{sync::Arc, time::Duration};

use ahash::HashMap;
use bellwire_core::{AppKey, CallId, Command, Timestamp};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_util::time::{DelayQueue, delay_queue};

use super::Switchboard;

/// A deadline further away is looked at again after this long; the queue holds none for years.
const FAR: Duration = Duration::from_hours(24);

/// Where deadlines are handed in.
#[derive(Debug, Clone)]
pub(crate) struct Deadlines(mpsc::UnboundedSender<(AppKey, CallId)>);

/// Where the timer takes them from.
#[derive(Debug)]
pub(crate) struct Timer(mpsc::UnboundedReceiver<(AppKey, CallId)>);

impl Deadlines {
    /// A timer and the way to it.
    pub(crate) fn new() -> (Self, Timer) {
        // Unbounded, because an append must never wait: a call has one wish at a time in it.
        let (to, from) = mpsc::unbounded_channel();
        (Self(to), Timer(from))
    }

    /// The call's next deadline may have changed. When it is, the timer asks the call itself, so
    /// that two changes at once cannot leave the older one standing.
    pub(crate) fn changed(&self, app: &AppKey, call: CallId) {
        // The timer ends only with the server.
        drop(self.0.send((app.clone(), call)));
    }
}

impl Timer {
    /// Runs until the server ends.
    pub(crate) async fn run(mut self, board: Arc<Switchboard>) {
        let mut queue: DelayQueue<(AppKey, CallId)> = DelayQueue::new();
        let mut keys: HashMap<CallId, (delay_queue::Key, Timestamp)> = HashMap::default();
        loop {
            tokio::select! {
                biased;
                Some(due) = queue.next(), if !queue.is_empty() => {
                    let (app, call) = due.into_inner();
                    keys.remove(&call);
                    let board = board.clone();
                    // A tick that finds nothing due sets the deadline again.
                    tokio::spawn(async move { board.act(&app, call, Command::Tick).await });
                }
                wish = self.0.recv() => {
                    let Some((app, call)) = wish else { return };
                    let at = board.calls.load(&app, call).and_then(|c| c.next_deadline());
                    let old = keys.get(&call).map(|(_, at)| *at);
                    if old == at {
                        continue;
                    }
                    if let Some((key, _)) = keys.remove(&call) {
                        queue.remove(&key);
                    }
                    if let Some(at) = at {
                        let wait = Duration::from_millis(at.since_ms(board.now())).min(FAR);
                        keys.insert(call, (queue.insert((app, call), wait), at));
                    }
                }
            }
        }
    }
}
