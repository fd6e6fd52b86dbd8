//! Moves the write-ahead log into the file, beside the writer.
//!
//! `SQLite`'s own way is to do so at the end of a commit that finds the log long, and everybody
//! waits while the disk takes sixteen MiB: fifty milliseconds and more. Here another connection
//! does nearly all of it while commits go on. Only for the log to begin anew must a commit find
//! it all moved; the writer then moves the little that was left, and that rarely.

use sqlx::{Connection as _, SqliteConnection};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        watch,
    },
    task::JoinHandle,
};

/// Pages written to the log before they are moved: 16 MiB. Fewer would move a page that changes
/// often more often, and wait for the disk each time; more are more to read after a crash.
const MOVED_PAGES: usize = 2000;
/// A log of so many pages begins anew, at 96 MiB. Commits wait for the disk then, twice, so it is
/// to be rare; reading a log so long takes a start after a crash a fifth of a second.
const LOG_PAGES: i64 = 12_000;
/// Where commits outrun the disk, they wait at this length, 128 MiB, until all of it is moved.
const LOG_PAGES_MAX: usize = 16_000;
/// With less than this left behind (2 MiB), going over the log again gains nothing.
const LEFT_PAGES: i64 = 256;
/// How often the log is gone over again for what came meanwhile, where commits outrun the disk.
const PASSES: usize = 4;

/// The writer's hold on the checkpoints.
pub(super) struct Checkpoints {
    /// Pages written since the last was asked for, about.
    written: usize,
    /// Pages in the log, about.
    length: usize,
    ask: mpsc::Sender<()>,
    /// Changes with each that has ended: the length of the log in pages if it has nearly all been
    /// moved, 0 if not.
    moved: watch::Receiver<i64>,
    task: JoinHandle<()>,
}

impl Checkpoints {
    /// Begins, on a connection of its own.
    pub(super) fn spawn(connection: SqliteConnection) -> Self {
        let (ask, asked) = mpsc::channel(1);
        let (say, moved) = watch::channel(0);
        let task = tokio::spawn(run(connection, asked, say));
        Self { written: 0, length: 0, ask, moved, task }
    }

    /// Counts pages written to the log.
    pub(super) fn wrote(&mut self, pages: usize) {
        self.written += pages;
        self.length += pages;
        if self.written < MOVED_PAGES {
            return;
        }
        match self.ask.try_send(()) {
            // Asked before, and not begun.
            Ok(()) | Err(TrySendError::Full(())) => self.written = 0,
            Err(TrySendError::Closed(())) => {}
        }
    }

    /// Lets the log begin anew with the next commit, if it is long and nearly all of it is moved.
    pub(super) async fn begin_anew(&mut self, writer: &mut SqliteConnection) {
        let is_outrun = self.length >= LOG_PAGES_MAX;
        if is_outrun {
            // One may be under way that began before commits stopped.
            for _ in 0..2 {
                let asked = self.ask.send(()).await.is_ok();
                if !asked || self.moved.changed().await.is_err() {
                    break;
                }
            }
        }
        let has_ended = self.moved.has_changed().unwrap_or(false);
        let is_long = has_ended && *self.moved.borrow_and_update() >= LOG_PAGES;
        if is_outrun || is_long {
            self.length = 0;
            move_log(writer).await;
        }
    }

    /// Ends, and gives the file back.
    pub(super) async fn close(self) {
        drop(self.ask);
        if self.task.await.is_err() {
            tracing::warn!("the journal's checkpoints ended before they were to");
        }
    }
}

async fn run(
    mut connection: SqliteConnection,
    mut asked: mpsc::Receiver<()>,
    say: watch::Sender<i64>,
) {
    while asked.recv().await.is_some() {
        let mut moved = 0;
        for _ in 0..PASSES {
            let Some((length, left)) = move_log(&mut connection).await else { break };
            if left < LEFT_PAGES {
                moved = length;
                break;
            }
        }
        say.send_replace(moved);
    }
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "the journal's second connection was not closed");
    }
}

/// Moves what is in the log as it begins; returns the pages in the log, and those of them left.
/// A failure is no more than a delay: what is not moved is as durable, and is moved next time.
async fn move_log(connection: &mut SqliteConnection) -> Option<(i64, i64)> {
    let moved = sqlx::query_as::<_, (i64, i64, i64)>("PRAGMA wal_checkpoint(PASSIVE)");
    match moved.fetch_one(connection).await {
        Ok((_busy, length, moved)) => Some((length, length - moved)),
        Err(error) => {
            tracing::warn!(%error, "the journal's write-ahead log grows until there is room");
            None
        }
    }
}
