//! A real node on virtual time, with a storage that is a few maps.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bellwire::{
    Chance, Clock, Done, FeedEntry, FeedQuery, Ground, JournalState, Node, Reading, RecordQuery,
    RecordRow, Recovered, Row, Storage, Tenants,
};
use bellwire_core::{AppKey, CallId, Entry, SessionId, Timestamp, UserId};
use parking_lot::Mutex;
use tokio::{runtime::Builder, sync::mpsc, time::Instant};

/// Any moment well after the epoch, in milliseconds.
const BEGINNING_MS: u64 = 1_795_118_400_000;

/// Runs `work` on a runtime of its own whose time passes only while all of it waits.
pub(crate) fn on_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O needs nothing of the system").block_on(work)
}

/// Opens a node that serves `tenants` and starts from what was `recovered`.
pub(crate) async fn open(tenants: Tenants, recovered: Recovered) -> Node {
    let ground = Ground {
        storage: Arc::new(Memory::new()),
        recovered,
        clock: Arc::new(Virtual(Instant::now())),
        chance: Chance::from_seed(1),
        media: None,
    };
    Node::open(tenants, ground).await
}

/// The time of day, which follows the runtime's.
struct Virtual(Instant);

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        let ms = u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX);
        Timestamp(BEGINNING_MS).after_ms(ms)
    }
}

/// Keeps everything until it is dropped. Durable is what its task has taken.
struct Memory {
    kept: Arc<Mutex<Kept>>,
    queue: mpsc::UnboundedSender<(Vec<Row>, Done)>,
    /// Submissions that are queued or being told.
    waiting: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Kept {
    logs: BTreeMap<CallId, Vec<Entry>>,
    answers: BTreeMap<(SessionId, u64), Arc<str>>,
    records: Vec<RecordRow>,
}

impl Memory {
    fn new() -> Self {
        let (queue, mut queued) = mpsc::unbounded_channel::<(Vec<Row>, Done)>();
        let kept = Arc::new(Mutex::new(Kept::default()));
        let waiting = Arc::new(AtomicUsize::new(0));
        let memory = Self { kept: kept.clone(), queue, waiting: waiting.clone() };
        tokio::spawn(async move {
            while let Some((rows, done)) = queued.recv().await {
                for row in rows {
                    kept.lock().take(row);
                }
                done();
                waiting.fetch_sub(1, Ordering::Relaxed);
            }
        });
        memory
    }
}

impl Kept {
    fn take(&mut self, row: Row) {
        match row {
            Row::Log(log) => self.logs.entry(log.call).or_default().extend(log.entries),
            Row::Answer(answer) => {
                self.answers.insert((answer.session, answer.request), answer.body);
            }
            Row::SessionGone(gone) => self.answers.retain(|(session, _), _| *session != gone),
            Row::Record(record) => self.records.push(*record),
            // Only a restart would want them.
            Row::Session(_) | Row::User(_) | Row::KeyValue(_) => {}
        }
    }

    fn records(&self, asked: &RecordQuery) -> Vec<String> {
        let leg = |record: &RecordRow, user: &bellwire_core::UserId, missed: bool| {
            record.legs.iter().any(|leg| leg.user == *user && (leg.missed || !missed))
        };
        let mut found: Vec<_> = self
            .records
            .iter()
            .filter(|r| r.app == asked.app)
            .filter(|r| asked.user.as_ref().is_none_or(|user| leg(r, user, false)))
            .filter(|r| asked.missed_for.as_ref().is_none_or(|user| leg(r, user, true)))
            .filter(|r| asked.before_serial.is_none_or(|before| r.serial < before))
            .filter(|r| asked.after_serial.is_none_or(|after| r.serial > after))
            .collect();
        found.sort_by_key(|r| r.serial);
        if asked.after_serial.is_none() {
            found.reverse();
        }
        let most = usize::try_from(asked.limit).unwrap_or(usize::MAX);
        found.into_iter().take(most).map(|r| r.body.to_string()).collect()
    }
}

impl Storage for Memory {
    fn queue(&self, rows: Vec<Row>, inline: bool, done: Done) {
        if rows.is_empty() && inline && self.waiting.load(Ordering::Relaxed) == 0 {
            return done();
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // Without its task the runtime is gone, and nobody waits.
        drop(self.queue.send((rows, done)));
    }

    fn log(&self, call: CallId) -> Reading<'_, Vec<Entry>> {
        let log = self.kept.lock().logs.get(&call).cloned().unwrap_or_default();
        Box::pin(async move { Ok(log) })
    }

    fn answer<'a>(&'a self, session: &'a SessionId, request: u64) -> Reading<'a, Option<String>> {
        let answer =
            self.kept.lock().answers.get(&(session.clone(), request)).map(ToString::to_string);
        Box::pin(async move { Ok(answer) })
    }

    fn records<'a>(&'a self, asked: &'a RecordQuery) -> Reading<'a, Vec<String>> {
        let records = self.kept.lock().records(asked);
        Box::pin(async move { Ok(records) })
    }

    fn missed<'a>(&'a self, app: &'a AppKey, user: &'a UserId, after: u64) -> Reading<'a, u64> {
        let kept = self.kept.lock();
        let later = kept.records.iter().filter(|row| row.app == *app && row.serial > after);
        let missed = |row: &&RecordRow| row.legs.iter().any(|leg| leg.user == *user && leg.missed);
        let missed = later.filter(missed).count() as u64;
        Box::pin(async move { Ok(missed) })
    }

    fn feed<'a>(&'a self, _: &'a FeedQuery) -> Reading<'a, Vec<FeedEntry>> {
        // Only a business server would ask.
        Box::pin(async { Ok(Vec::new()) })
    }

    fn state(&self) -> JournalState {
        JournalState::Ready
    }
}
