//! What the switchboard needs of a disk. The journal is one side of it, a simulation's store with
//! faults is another.

use std::pin::Pin;

use bellwire_core::{AppKey, CallId, Entry, SessionId, UserId};
use tokio::sync::oneshot;

use crate::journal::{
    Erased, Erasure, FeedEntry, FeedQuery, Journal, JournalState, RecordQuery, Row,
};

/// What a submitter wants done once its rows are durable. It is quick and does not block.
pub type Done = Box<dyn FnOnce() + Send>;

/// A read that is under way.
pub type Reading<'a, T> = Pin<Box<dyn Future<Output = Result<T, StorageError>> + Send + 'a>>;

/// The storage cannot be read, or has stopped; its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StorageError(pub String);

/// Where what must outlast the process is kept.
///
/// Whatever it is made of, it holds to this: rows submitted together become durable together or
/// not at all, in the order of submission; a `done` runs once its rows are durable, after the
/// `done` of every earlier submission and never beside another; reads see everything whose `done`
/// has begun. After a failure `done` is dropped without being run.
pub trait Storage: Send + Sync {
    /// Queues rows and returns at once. No rows make a barrier; where `inline` allows it and
    /// nothing is queued or being told, its `done` runs here and now.
    fn queue(&self, rows: Vec<Row>, inline: bool, done: Done);

    /// The log of a call, from its first entry; empty if there is none.
    fn log(&self, call: CallId) -> Reading<'_, Vec<Entry>>;

    /// The stored answer to a request, if it is still kept.
    fn answer<'a>(&'a self, session: &'a SessionId, request: u64) -> Reading<'a, Option<String>>;

    /// Records as JSON: newest first, or oldest first where `after_serial` is asked for.
    fn records<'a>(&'a self, asked: &'a RecordQuery) -> Reading<'a, Vec<String>>;

    /// How many calls a user has missed whose records have a serial above `after`.
    fn missed<'a>(&'a self, app: &'a AppKey, user: &'a UserId, after: u64) -> Reading<'a, u64>;

    /// Entries of an app's feed, in order.
    fn feed<'a>(&'a self, asked: &'a FeedQuery) -> Reading<'a, Vec<FeedEntry>>;

    /// Takes a user out of everything whose `done` has begun: see [`Erasure`]. A storage that
    /// outlives no process may do without.
    fn erase(&self, asked: Erasure) -> Reading<'_, Erased> {
        let text = format!("this storage cannot erase a user of {}", asked.app);
        Box::pin(async move { Err(StorageError(text)) })
    }

    /// Whether it can write.
    fn state(&self) -> JournalState;

    /// Whether the append that is about to be queued comes too late: somebody else's is first, and
    /// it has to be decided anew. Asked before each append; a storage of this process alone never
    /// says so, one that is shared, or a simulation, may.
    fn is_contended(&self) -> bool {
        false
    }
}

impl dyn Storage {
    /// Queues rows; `done` runs once they are durable.
    pub(crate) fn submit(&self, rows: Vec<Row>, done: impl FnOnce() + Send + 'static) {
        self.queue(rows, true, Box::new(done));
    }

    /// Likewise, but nothing else is told while `done` runs, even if there are no rows.
    pub(crate) fn submit_in_turn(&self, rows: Vec<Row>, done: impl FnOnce() + Send + 'static) {
        self.queue(rows, false, Box::new(done));
    }

    /// Waits until everything submitted before is durable and its submitters are told.
    pub(crate) async fn flush(&self) -> Result<(), StorageError> {
        let (told, reached) = oneshot::channel();
        // Who flushes may have stopped waiting.
        self.submit(Vec::new(), move || {
            let _ = told.send(());
        });
        reached.await.map_err(|_| StorageError("the storage has stopped".to_owned()))
    }
}

impl Storage for Journal {
    fn queue(&self, rows: Vec<Row>, inline: bool, done: Done) {
        if inline { self.submit(rows, done) } else { self.submit_in_turn(rows, done) }
    }

    fn log(&self, call: CallId) -> Reading<'_, Vec<Entry>> {
        Box::pin(async move { Self::log(self, call).await.map_err(said) })
    }

    fn answer<'a>(&'a self, session: &'a SessionId, request: u64) -> Reading<'a, Option<String>> {
        Box::pin(async move { Self::answer(self, session, request).await.map_err(said) })
    }

    fn records<'a>(&'a self, asked: &'a RecordQuery) -> Reading<'a, Vec<String>> {
        Box::pin(async move { Self::records(self, asked).await.map_err(said) })
    }

    fn missed<'a>(&'a self, app: &'a AppKey, user: &'a UserId, after: u64) -> Reading<'a, u64> {
        Box::pin(async move { Self::missed(self, app, user, after).await.map_err(said) })
    }

    fn feed<'a>(&'a self, asked: &'a FeedQuery) -> Reading<'a, Vec<FeedEntry>> {
        Box::pin(async move { Self::feed(self, asked).await.map_err(said) })
    }

    fn erase(&self, asked: Erasure) -> Reading<'_, Erased> {
        Box::pin(async move { Self::erase(self, asked).await.map_err(said) })
    }

    fn state(&self) -> JournalState {
        Self::state(self)
    }
}

#[allow(clippy::needless_pass_by_value)] // As `map_err` hands it over.
fn said(error: crate::journal::JournalError) -> StorageError {
    StorageError(error.to_string())
}
