//! The durable side of the embedded backend: one `SQLite` file, written by one task.
//!
//! The state of calls and sessions lives in memory; the journal makes it durable and gives it
//! back after a restart. The path of a row:
//!
//! ```text
//!   submit ──▶ queue ──▶ group commit ──────▶ told ──▶ generation ──▶ chunks ──▶ tables
//!                        one row of `batch`,           in memory,     sorted,    the batches
//!                        durable from here on          for readers    merged     are deleted
//! ```
//!
//! [`Journal::submit`] queues rows and returns at once. The writer takes all that is queued,
//! appends it to the file as one row, and then tells the submitters in the order in which they
//! came. So the more there is to write, the less each row costs, and an idle server answers
//! after one commit. Thousands of rows later, or after two seconds, what was committed is
//! folded into the tables between commits. Readers look into what is not folded yet, then into
//! the tables. A second connection moves the write-ahead log into the file meanwhile.
//!
//! Beside `bellwire.db` stand `lock`, held by the server that serves the directory, and
//! `reserve`, room that is given up when the disk is full.

mod batch;
mod checkpoint;
mod erase;
mod error;
mod feed;
mod fold;
mod folding;
mod generation;
mod open;
mod queue;
mod read;
mod recover;
mod reserve;
mod row;
mod settings;
mod sweep;
mod tables;
mod write;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bellwire_core::Timestamp;
use sqlx::{SqliteConnection, SqlitePool, sqlite::SqlitePoolOptions};
use tokio::sync::{mpsc, oneshot, watch};

use self::{
    checkpoint::Checkpoints,
    erase::Erasing,
    error::{Fault, fault},
    folding::Folding,
    generation::Unfolded,
    queue::Queue,
    reserve::Reserve,
    sweep::Sweep,
    writer::{Chore, Control, Writer},
};
pub use self::{
    erase::{Erased, Erasure},
    feed::{FeedEntry, FeedQuery},
    read::RecordQuery,
    recover::{Recovered, StoredCall, StoredSession},
    row::{AnswerRow, Bucket, KeyValueRow, LegRow, LogRow, RecordRow, Row, SessionRow, UserRow},
    settings::JournalState,
};
pub(crate) use self::{
    error::JournalError,
    settings::{Commit, JournalSettings, Synchronous},
    sweep::Swept,
};

/// Reads at a time. They are rare: histories, and answers repeated long after.
const READERS: u32 = 2;
/// How long a read waits for a connection.
const READ_WAIT: Duration = Duration::from_secs(5);

/// The journal of a server. Clones are the same journal.
///
/// When the last clone is dropped, what was submitted is still written; only
/// [`close`](Self::close) leaves the file as cleanly closed.
#[derive(Clone)]
pub(crate) struct Journal(Arc<Inner>);

struct Inner {
    queue: Arc<Queue>,
    control: mpsc::UnboundedSender<Control>,
    reads: SqlitePool,
    unfolded: Arc<Unfolded>,
}

impl Journal {
    /// Opens `<data>/bellwire.db`, made if there is none, and reads what a server starts from.
    /// `data` must exist. A file that is damaged, newer, foreign or in use is refused unchanged.
    pub(crate) async fn open(
        data: &Path,
        settings: JournalSettings,
    ) -> Result<(Self, Recovered), JournalError> {
        let database = data.join("bellwire.db");
        let mut guard = open::Guard::take(data)?;
        let mut connection = open::open(&database, &mut guard, &settings).await?;
        let reserve = Reserve::new(data.join("reserve"), settings.reserve_bytes);
        let mut folding = Folding::new(settings.max_pages);
        catch_up(&mut folding, &mut connection, &reserve).await?;
        let recovered = Recovered::read(&mut connection, settings.recent_since).await?;
        folding.doubt_answers(recovered.sessions.iter().map(|s| s.row.id.clone()));
        let unfolded = Arc::clone(&folding.unfolded);
        let second = open::second(&database, &settings).await?;
        let reads = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(READ_WAIT)
            .connect_lazy_with(open::reading(&database));

        let made = {
            let reserve = reserve.clone();
            tokio::task::spawn_blocking(move || reserve.make()).await
        };
        let state = match made {
            Ok(Ok(())) => JournalState::Ready,
            _ => JournalState::Full { since: writer::now() },
        };
        let queue = Arc::new(Queue::new(state));
        let (control, asked) = mpsc::unbounded_channel();
        let writer = Writer {
            queue: Arc::clone(&queue),
            control: asked,
            connection,
            folding,
            checkpoints: Checkpoints::spawn(second),
            reserve,
            guard,
            database,
            observe: settings.observe,
            chores: VecDeque::new(),
            closing: None,
            orphaned: false,
            refill_at: Instant::now(),
        };
        tokio::spawn(writer.run());
        Ok((Self(Arc::new(Inner { queue, control, reads, unfolded })), recovered))
    }

    /// Queues rows and returns at once; all of them become durable, or none.
    ///
    /// `done` runs once they are durable, after the `done` of every earlier submission, on the
    /// writer's task: it must be quick and must not block. No rows make a barrier, whose `done`
    /// runs here and now if nothing is queued, being committed or being told. After a failure or
    /// a close `done` is dropped without being run.
    pub(crate) fn submit(&self, rows: Vec<Row>, done: impl FnOnce() + Send + 'static) {
        self.0.queue.push(rows, Box::new(done), true);
    }

    /// Likewise, but `done` always runs on the writer's task: nothing else is told meanwhile.
    pub(crate) fn submit_in_turn(&self, rows: Vec<Row>, done: impl FnOnce() + Send + 'static) {
        self.0.queue.push(rows, Box::new(done), false);
    }

    /// Waits until everything submitted before is durable and its submitters are told.
    #[cfg(test)]
    pub(crate) async fn flush(&self) -> Result<(), JournalError> {
        let (told, reached) = oneshot::channel();
        // Who flushes may have stopped waiting.
        self.submit(Vec::new(), move || {
            let _ = told.send(());
        });
        reached.await.map_err(|_| JournalError::Stopped)
    }

    /// Deletes the records and logs of calls that ended before `before`, a few at a time between
    /// commits; done when all are gone. Live calls are never touched.
    pub(crate) async fn sweep(&self, before: Timestamp) -> Result<Swept, JournalError> {
        let (reply, swept) = oneshot::channel();
        self.ask(Chore::Sweep(Sweep::new(before, reply)))?;
        swept.await.map_err(|_| JournalError::Stopped)?
    }

    /// Erases a user as asked, a little at a time between commits; done when nothing that was
    /// durable before names them any more, in the file and its write-ahead log.
    pub(crate) async fn erase(&self, asked: Erasure) -> Result<Erased, JournalError> {
        let (reply, erased) = oneshot::channel();
        self.ask(Chore::Erase(Box::new(Erasing::new(asked, reply))))?;
        erased.await.map_err(|_| JournalError::Stopped)?
    }

    fn ask(&self, chore: Chore) -> Result<(), JournalError> {
        self.0.control.send(Control::Chore(chore)).map_err(|_| JournalError::Stopped)
    }

    /// Whether the journal can write.
    pub(crate) fn state(&self) -> JournalState {
        *self.0.queue.state.borrow()
    }

    /// Follows [`state`](Self::state).
    pub(crate) fn watch(&self) -> watch::Receiver<JournalState> {
        self.0.queue.state.subscribe()
    }

    /// Writes what is queued and closes the file cleanly. Waits for room if the disk is full, so
    /// bound the wait. Other clones submit in vain from then on.
    pub(crate) async fn close(self) -> Result<(), JournalError> {
        // The readers first: the last connection to close empties the write-ahead log.
        self.0.reads.close().await;
        let (reply, closed) = oneshot::channel();
        self.0.control.send(Control::Close(reply)).map_err(|_| JournalError::Stopped)?;
        closed.await.map_err(|_| JournalError::Stopped)
    }
}

/// Folds what an earlier server left behind, into the room of the reserve if there is no other.
async fn catch_up(
    folding: &mut Folding,
    connection: &mut SqliteConnection,
    reserve: &Reserve,
) -> Result<(), JournalError> {
    match folding.catch_up(connection).await {
        Err(JournalError::Database(error)) if fault(&error) == Fault::NoRoom => {
            tracing::warn!(%error, "the reserve is given up to bring the journal's tables up to date");
            let given_up = reserve.give_up();
            if let Err(error) = given_up {
                tracing::error!(%error, "the journal's reserve cannot be given up");
            }
            folding.catch_up(connection).await
        }
        done => done,
    }
}

/// A number as `SQLite` stores it. Larger ones cannot come up: request ids end at 2^53, and
/// 2^63 ms is far away.
fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
