//! What waits to be committed, and in what order its submitters are told.

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::{row::Row, settings::JournalState, tables::Tables};

/// What a submitter wants done once its rows are durable.
pub(super) type Done = Box<dyn FnOnce() + Send>;

/// Submissions of one group commit.
#[derive(Default)]
pub(super) struct Submitted {
    pub(super) tables: Tables,
    pub(super) dones: Vec<Done>,
}

struct Waiting {
    batch: Submitted,
    /// A batch is taken and its submitters are not all told yet.
    busy: bool,
    stopped: bool,
}

/// Shared by the submitters and the writer.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    pub(super) wake: Notify,
    pub(super) state: watch::Sender<JournalState>,
}

impl Queue {
    pub(super) fn new(state: JournalState) -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                batch: Submitted::default(),
                busy: false,
                stopped: false,
            }),
            wake: Notify::new(),
            state: watch::Sender::new(state),
        }
    }

    /// Queues rows. A barrier with nothing before it is done at once, where `inline` allows it; the
    /// caller's thread runs it outside the lock, so that it may submit again.
    pub(super) fn push(&self, rows: Vec<Row>, done: Done, inline: bool) {
        // Turned into text here, so that the one writer is spared it.
        let tables = Tables::from_rows(rows);
        let mut waiting = self.waiting.lock();
        if waiting.stopped {
            return;
        }
        let first = waiting.batch.dones.is_empty();
        if inline && first && !waiting.busy && tables.is_empty() {
            drop(waiting);
            done();
            return;
        }
        waiting.batch.tables.append(tables);
        waiting.batch.dones.push(done);
        drop(waiting);
        if first {
            self.wake.notify_one();
        }
    }

    /// Takes everything queued; none if nothing is. Until [`Self::finished`] every barrier queues.
    pub(super) fn take(&self) -> Option<Submitted> {
        let mut waiting = self.waiting.lock();
        waiting.busy = !waiting.batch.dones.is_empty();
        waiting.busy.then(|| std::mem::take(&mut waiting.batch))
    }

    /// Says that all submitters of the taken batch were told.
    pub(super) fn finished(&self) {
        self.waiting.lock().busy = false;
    }

    /// Refuses everything from now on, and drops what waits without telling it is done.
    pub(super) fn stop(&self) {
        let mut waiting = self.waiting.lock();
        waiting.stopped = true;
        let dropped = std::mem::take(&mut waiting.batch);
        drop(waiting);
        drop(dropped);
    }
}
