//! The one task that writes.
//!
//! ```text
//!   take all that is queued ──▶ one statement ──▶ tell its submitters, in order ────┐
//!          ▲                        │ disk full: give up the reserve, try again     │
//!          └────────────────────────┴──────────────────────────────────────────────┘
//! ```
//!
//! Folding and sweeps take their turn between batches; sweeps between tries too: they may make
//! the room that is missing.

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
    checkpoint::Checkpoints,
    erase::{Erasing, Needs},
    error::{Fault, JournalError, fault},
    folding::Folding,
    open::Guard,
    queue::{Done, Queue, Submitted},
    reserve::Reserve,
    settings::{Commit, JournalState, Observer},
    sweep::Sweep,
    tables::Tables,
};

/// The first pause before a refused batch is tried again; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause, and how often making the reserve again is tried.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What is asked of the writer besides rows.
pub(super) enum Control {
    Chore(Chore),
    Close(oneshot::Sender<()>),
}

/// What is done a little at a time, between commits.
pub(super) enum Chore {
    Sweep(Sweep),
    Erase(Box<Erasing>),
}

/// What became of a part of a chore.
enum Part {
    /// There is more to do.
    More(Chore),
    /// The chore is over, and who asked is told.
    Over,
}

pub(super) struct Writer {
    pub(super) queue: Arc<Queue>,
    pub(super) control: mpsc::UnboundedReceiver<Control>,
    pub(super) connection: SqliteConnection,
    pub(super) folding: Folding,
    pub(super) checkpoints: Checkpoints,
    pub(super) reserve: Reserve,
    pub(super) guard: Guard,
    pub(super) database: PathBuf,
    pub(super) observe: Option<Observer>,
    pub(super) chores: VecDeque<Chore>,
    pub(super) closing: Option<oneshot::Sender<()>>,
    /// Nobody is left who could submit or ask.
    pub(super) orphaned: bool,
    /// When to look next whether a full disk has room; however busy the journal is, or running
    /// calls alone would keep new ones out.
    pub(super) refill_at: Instant,
}

impl Writer {
    pub(super) async fn run(mut self) {
        if let Err(error) = self.serve().await {
            self.fail(&error);
        } else {
            self.close().await;
        }
    }

    /// Until nobody is left, or somebody closes the journal. Fails only where trying again is no
    /// use.
    async fn serve(&mut self) -> Result<(), sqlx::Error> {
        loop {
            let submitted = self.queue.take();
            let idle = submitted.is_none();
            if let Some(Submitted { tables, dones }) = submitted {
                self.commit(Arc::new(tables), dones.len()).await?;
                tell(dones);
                self.queue.finished();
            }
            if self.is_full() && Instant::now() >= self.refill_at {
                self.leave_full().await;
            }
            self.take_control();
            self.chore().await?;
            if !self.is_full() {
                self.folding.turn(&mut self.connection).await?;
            }
            self.checkpoints.wrote(self.folding.take_pages());
            self.checkpoints.begin_anew(&mut self.connection).await;
            if !idle || !self.chores.is_empty() {
                continue;
            }
            if self.orphaned || self.closing.is_some() {
                return Ok(());
            }
            self.wait().await;
        }
    }

    /// Makes a batch durable, however long it takes.
    async fn commit(&mut self, tables: Arc<Tables>, submissions: usize) -> Result<(), sqlx::Error> {
        if tables.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let mut pause = PAUSE_MIN;
        while let Err(error) = self.folding.commit(&mut self.connection, &tables).await {
            match fault(&error) {
                Fault::Held | Fault::NoRoom => self.enter_full(&error),
                Fault::Damaged | Fault::Lasting => return Err(error),
            }
            self.pause(pause).await;
            self.chore().await?;
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

    /// Waits, and takes chores in meanwhile: a sweep may make room.
    async fn pause(&mut self, time: Duration) {
        let until = tokio::time::sleep(time);
        tokio::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => return,
                asked = self.control.recv(), if !self.orphaned => {
                    let is_chore = matches!(asked, Some(Control::Chore(_)));
                    self.asked(asked);
                    if is_chore {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for something to do, or while the disk was full for the next look at it.
    async fn wait(&mut self) {
        let full = self.is_full();
        let fold_at = self.folding.due_at().filter(|_| !full);
        let fold_due = async {
            match fold_at {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.queue.wake.notified() => {}
            asked = self.control.recv() => self.asked(asked),
            () = tokio::time::sleep_until(self.refill_at.into()), if full => {}
            () = fold_due => {}
            () = self.folding.laid_out() => {}
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
            Some(Control::Chore(chore)) => self.chores.push_back(chore),
            Some(Control::Close(reply)) => self.closing = Some(reply),
            None => self.orphaned = true,
        }
    }

    /// A part of the first chore. What cannot be done now is later: only a fold fails the journal,
    /// where trying again is no use.
    async fn chore(&mut self) -> Result<(), sqlx::Error> {
        let part = match self.chores.pop_front() {
            Some(Chore::Sweep(sweep)) => self.sweep(sweep).await?,
            Some(Chore::Erase(erasing)) => self.erase(erasing).await?,
            None => Part::Over,
        };
        if let Part::More(chore) = part {
            self.chores.push_front(chore);
        }
        Ok(())
    }

    async fn sweep(&mut self, mut sweep: Sweep) -> Result<Part, sqlx::Error> {
        if sweep.waits_for.is_some_and(|batch| !self.folding.has_folded(batch)) {
            return Ok(match self.fold_a_chunk().await? {
                Ok(()) => Part::More(Chore::Sweep(sweep)),
                Err(error) => {
                    sweep.end(Err(error));
                    Part::Over
                }
            });
        }
        match sweep.step(&mut self.connection).await {
            Ok(true) => {}
            Ok(false) if sweep.waits_for.is_none() => {
                sweep.waits_for = Some(self.folding.last());
            }
            ended => {
                sweep.end(ended.map(drop));
                return Ok(Part::Over);
            }
        }
        Ok(Part::More(Chore::Sweep(sweep)))
    }

    async fn erase(&mut self, mut erasing: Box<Erasing>) -> Result<Part, sqlx::Error> {
        let last = *erasing.last.get_or_insert_with(|| self.folding.last());
        let is_ready = match erasing.needs() {
            Needs::Folded => self.folding.has_folded(last),
            Needs::Deleted => self.folding.has_deleted(last),
            Needs::Nothing => true,
        };
        let more = if is_ready {
            erasing.step(&mut self.connection).await
        } else {
            self.fold_a_chunk().await?.map(|()| true).map_err(JournalError::Database)
        };
        match more {
            Ok(true) => return Ok(Part::More(Chore::Erase(erasing))),
            ended => erasing.end(ended.map(drop)),
        }
        Ok(Part::Over)
    }

    /// Writes a chunk of the fold; what cannot be written now is in the inner result.
    async fn fold_a_chunk(&mut self) -> Result<Result<(), sqlx::Error>, sqlx::Error> {
        match self.folding.chunk(&mut self.connection).await {
            Ok(_) => Ok(Ok(())),
            Err(error) => match fault(&error) {
                Fault::Held | Fault::NoRoom => Ok(Err(error)),
                Fault::Damaged | Fault::Lasting => Err(error),
            },
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

    async fn close(mut self) {
        self.queue.stop();
        // The next start folds what does not fit now.
        if let Err(error) = self.folding.all(&mut self.connection).await {
            tracing::warn!(%error, "the journal's tables are not brought up to date");
        }
        self.checkpoints.close().await;
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
fn tell(dones: Vec<Done>) {
    for done in dones {
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
