//! The simulated side of the server's port to a disk, with the faults of one.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bellwire::{
    Done, FeedEntry, FeedQuery, JournalState, Reading, RecordQuery, Recovered, Row, Storage,
    StorageError,
};
use bellwire_core::{AppKey, CallId, Entry, SessionId, Timestamp, UserId};
use parking_lot::Mutex;

use super::{
    bell::Bell,
    kept::{BadRow, Kept},
};

/// What is wrong with the disk.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Troubles {
    /// How long a commit takes, in milliseconds.
    pub(crate) commit_ms: u64,
    /// At most so many submissions are committed together; as many as wait where 0.
    pub(crate) group: usize,
    /// How long a read takes, in milliseconds.
    pub(crate) read_ms: u64,
    /// Reads fail.
    pub(crate) unreadable: bool,
    /// Since when there has been no room.
    pub(crate) full_since: Option<Timestamp>,
    /// So many of the next appends come too late.
    pub(crate) contended: u32,
}

/// A disk and the queue before it. It outlives the node; the queue does not.
pub(crate) struct Store {
    bell: Arc<Bell>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    kept: Kept,
    queue: VecDeque<(Vec<Row>, Done)>,
    /// Being committed, or told: no barrier is done at once.
    busy: bool,
    telling: VecDeque<Done>,
    troubles: Troubles,
    bad: Option<BadRow>,
    /// Fingerprints of what was stored, in its order.
    stored: u64,
}

impl Store {
    pub(crate) fn new(bell: Arc<Bell>) -> Self {
        Self { bell, inner: Mutex::default() }
    }

    /// Changes what is wrong.
    pub(crate) fn trouble<T>(&self, change: impl FnOnce(&mut Troubles) -> T) -> T {
        change(&mut self.inner.lock().troubles)
    }

    /// In how many milliseconds a commit that begins now is done; none if there is nothing to
    /// commit, no room, or one under way. The caller sees to it that it ends.
    pub(crate) fn begin_commit(&self) -> Option<u64> {
        let mut inner = self.inner.lock();
        if inner.busy || inner.queue.is_empty() || inner.troubles.full_since.is_some() {
            return None;
        }
        inner.busy = true;
        Some(inner.troubles.commit_ms)
    }

    /// Makes what waits durable; those who submitted it are told by [`tell`](Self::tell).
    pub(crate) fn commit(&self) {
        let mut inner = self.inner.lock();
        let group = if inner.troubles.group == 0 { usize::MAX } else { inner.troubles.group };
        for _ in 0..group.min(inner.queue.len()) {
            let Some((rows, done)) = inner.queue.pop_front() else { break };
            let count = rows.len() as u64;
            inner.stored = inner.stored.wrapping_mul(31).wrapping_add(count + 1);
            if let Err(bad) = inner.kept.store(rows) {
                inner.bad.get_or_insert(bad);
            }
            inner.telling.push_back(done);
        }
    }

    /// Tells those whose rows were made durable, one after another.
    pub(crate) fn tell(&self) {
        loop {
            let Some(done) = self.inner.lock().telling.pop_front() else { break };
            done();
        }
        self.inner.lock().busy = false;
    }

    /// The process is gone, and with it what was not committed.
    pub(crate) fn crash(&self) {
        let mut inner = self.inner.lock();
        inner.busy = false;
        let lost = (std::mem::take(&mut inner.queue), std::mem::take(&mut inner.telling));
        drop(inner);
        drop(lost);
    }

    pub(crate) fn recovered(&self, recent_since: Timestamp) -> Recovered {
        self.inner.lock().kept.recovered(recent_since)
    }

    /// Lets `look` see what is stored.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Kept) -> T) -> T {
        look(&self.inner.lock().kept)
    }

    /// A fingerprint of all that was stored, and in which groups.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.inner.lock().stored
    }

    /// A row that should never have been submitted.
    pub(crate) fn bad_row(&self) -> Option<BadRow> {
        self.inner.lock().bad.clone()
    }

    fn read<'a, T: Send + 'a>(
        &'a self,
        read: impl FnOnce(&Kept) -> T + Send + 'a,
    ) -> Reading<'a, T> {
        let Troubles { read_ms, unreadable, .. } = self.inner.lock().troubles;
        Box::pin(async move {
            if read_ms > 0 {
                tokio::time::sleep(Duration::from_millis(read_ms)).await;
            }
            if unreadable {
                return Err(StorageError("the simulated disk does not read".to_owned()));
            }
            Ok(read(&self.inner.lock().kept))
        })
    }
}

impl Storage for Store {
    fn queue(&self, rows: Vec<Row>, inline: bool, done: Done) {
        let mut inner = self.inner.lock();
        if inline && rows.is_empty() && inner.queue.is_empty() && !inner.busy {
            drop(inner);
            done();
            return;
        }
        inner.queue.push_back((rows, done));
        drop(inner);
        self.bell.nudge();
    }

    fn log(&self, call: CallId) -> Reading<'_, Vec<Entry>> {
        self.read(move |kept| kept.log(call))
    }

    fn answer<'a>(&'a self, session: &'a SessionId, request: u64) -> Reading<'a, Option<String>> {
        self.read(move |kept| kept.answer(session, request))
    }

    fn records<'a>(&'a self, asked: &'a RecordQuery) -> Reading<'a, Vec<String>> {
        self.read(move |kept| kept.records(asked))
    }

    fn missed<'a>(&'a self, app: &'a AppKey, user: &'a UserId, after: u64) -> Reading<'a, u64> {
        self.read(move |kept| kept.missed(app, user, after))
    }

    fn feed<'a>(&'a self, asked: &'a FeedQuery) -> Reading<'a, Vec<FeedEntry>> {
        self.read(move |kept| kept.feed(asked))
    }

    fn state(&self) -> JournalState {
        match self.inner.lock().troubles.full_since {
            None => JournalState::Ready,
            Some(since) => JournalState::Full { since },
        }
    }

    fn is_contended(&self) -> bool {
        let mut inner = self.inner.lock();
        let contended = inner.troubles.contended > 0;
        inner.troubles.contended = inner.troubles.contended.saturating_sub(1);
        contended
    }
}
