//! The one task that writes.
//!
//! ```text
//!   take all that is queued ──▶ one transaction ──▶ tell its submitters, in order ──┐
//!          ▲                        │ disk full: give up the reserve, try again     │
//!          └────────────────────────┴──────────────────────────────────────────────┘
//! ```
//!
//! Sweeps take their turn between batches, and between tries: they may make the room that is
//! missing.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bellwire_core::Timestamp;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::{
    batch::Tables,
    error::{Fault, JournalError, fault},
    open::Guard,
    queue::{Batch, Queue},
    reserve::Reserve,
    settings::{Commit, JournalState, Observer},
    sweep::Sweep,
    write::Statements,
};

/// The first pause before a refused batch is tried again; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause, and how often making the reserve again is tried.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What is asked of the writer besides rows.
pub(super) enum Control {
    Sweep(Sweep),
    Close(oneshot::Sender<()>),
}

pub(super) struct Writer {
    pub(super) queue: Arc<Queue>,
    pub(super) control: mpsc::UnboundedReceiver<Control>,
    pub(super) connection: SqliteConnection,
    pub(super) statements: Statements,
    pub(super) reserve: Reserve,
    pub(super) guard: Guard,
    pub(super) database: PathBuf,
    pub(super) observe: Option<Observer>,
    pub(super) sweeps: VecDeque<Sweep>,
    pub(super) closing: Option<oneshot::Sender<()>>,
    /// Nobody is left who could submit or ask.
    pub(super) orphaned: bool,
    /// When to look next whether a full disk has room; however busy the journal is, or running
    /// calls alone would keep new ones out.
    pub(super) refill_at: Instant,
}

impl Writer {
    pub(super) async fn run(mut self) {
        loop {
            let batch = self.queue.take();
            let idle = batch.is_none();
            if let Some(batch) = batch {
                if let Err(error) = self.commit(&batch.tables, batch.dones.len()).await {
                    self.fail(&error);
                    return;
                }
                tell(batch);
                self.queue.finished();
            }
            if self.is_full() && Instant::now() >= self.refill_at {
                self.leave_full().await;
            }
            self.take_control();
            self.sweep().await;
            if !idle || !self.sweeps.is_empty() {
                continue;
            }
            if self.orphaned || self.closing.is_some() {
                break;
            }
            self.wait().await;
        }
        self.close().await;
    }

    /// Makes a batch durable, however long it takes. Fails only where trying again is no use.
    async fn commit(&mut self, tables: &Tables, submissions: usize) -> Result<(), sqlx::Error> {
        if tables.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let trim = self.statements.due_for_trim(tables);
        let mut pause = PAUSE_MIN;
        while let Err(error) = self.statements.commit(&mut self.connection, tables, &trim).await {
            match fault(&error) {
                Fault::Held | Fault::NoRoom => self.enter_full(&error),
                Fault::Damaged | Fault::Lasting => return Err(error),
            }
            self.pause(pause).await;
            self.sweep().await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        if let Some(observe) = &self.observe {
            observe(&Commit { submissions, rows: tables.len(), took: begun.elapsed() });
        }
        Ok(())
    }

    fn enter_full(&mut self, error: &sqlx::Error) {
        if self.is_full() {
            return;
        }
        tracing::error!(
            file = %self.database.display(), %error,
            "the journal cannot write; new calls are refused until there is room on the disk"
        );
        self.queue.state.send_replace(JournalState::Full { since: now() });
        self.refill_at = Instant::now() + PAUSE_MAX;
        if let Err(error) = self.reserve.give_up() {
            tracing::error!(%error, "the journal's reserve cannot be given up");
        }
    }

    fn is_full(&self) -> bool {
        match *self.queue.state.borrow() {
            JournalState::Full { .. } => true,
            JournalState::Ready | JournalState::Failed => false,
        }
    }

    /// Waits, and takes sweeps in meanwhile.
    async fn pause(&mut self, time: Duration) {
        let until = tokio::time::sleep(time);
        tokio::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => return,
                asked = self.control.recv(), if !self.orphaned => {
                    let sweep = matches!(asked, Some(Control::Sweep(_)));
                    self.asked(asked);
                    if sweep {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for something to do, or while the disk was full for the next look at it.
    async fn wait(&mut self) {
        let full = self.is_full();
        tokio::select! {
            () = self.queue.wake.notified() => {}
            asked = self.control.recv() => self.asked(asked),
            () = tokio::time::sleep_until(self.refill_at.into()), if full => {}
        }
    }

    /// Tries to make the reserve again, which shows that there is room.
    async fn leave_full(&mut self) {
        self.refill_at = Instant::now() + PAUSE_MAX;
        let reserve = self.reserve.clone();
        if let Ok(Ok(())) = tokio::task::spawn_blocking(move || reserve.make()).await {
            tracing::info!("the journal can write again");
            self.queue.state.send_replace(JournalState::Ready);
        }
    }

    fn take_control(&mut self) {
        while let Ok(asked) = self.control.try_recv() {
            self.asked(Some(asked));
        }
    }

    fn asked(&mut self, asked: Option<Control>) {
        match asked {
            Some(Control::Sweep(sweep)) => self.sweeps.push_back(sweep),
            Some(Control::Close(reply)) => self.closing = Some(reply),
            None => self.orphaned = true,
        }
    }

    /// One chunk of the first sweep. Never fails the journal: what is not deleted now is later.
    async fn sweep(&mut self) {
        let Some(mut sweep) = self.sweeps.pop_front() else { return };
        match sweep.step(&mut self.connection).await {
            Ok(true) => self.sweeps.push_front(sweep),
            // Who asked may be gone.
            Ok(false) => drop(sweep.reply.send(Ok(sweep.swept))),
            Err(error) => drop(sweep.reply.send(Err(JournalError::Database(error)))),
        }
    }

    fn fail(&self, error: &sqlx::Error) {
        tracing::error!(
            file = %self.database.display(), %error,
            "the journal failed; nothing more becomes durable, the server must stop"
        );
        self.queue.state.send_replace(JournalState::Failed);
        self.queue.stop();
    }

    async fn close(self) {
        self.queue.stop();
        let closed = self.connection.close().await;
        // Only `Journal::close` ends a journal cleanly; its readers are closed by then, so that
        // the file alone holds everything.
        if let Some(reply) = self.closing {
            match closed {
                Ok(()) => self.guard.mark_clean(),
                Err(error) => tracing::warn!(%error, "the journal was not closed cleanly"),
            }
            // Who asked may be gone.
            let _ = reply.send(());
        }
    }
}

/// Runs what the submitters want done. One that panics must not take the others with it.
fn tell(batch: Batch) {
    for done in batch.dones {
        if catch_unwind(AssertUnwindSafe(done)).is_err() {
            tracing::error!("a submitter to the journal panicked when told");
        }
    }
}

/// The moment by the wall clock.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
