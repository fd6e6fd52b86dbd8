//! When a generation is folded into the tables, and how fast.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bellwire_core::SessionId;
use sqlx::{Row as _, SqliteConnection};
use tokio::task::JoinHandle;

use super::{
    batch,
    error::{Fault, JournalError, fault},
    fold::{Fold, Generation, Untrimmed},
    generation::Unfolded,
    open::PAGE_BYTES,
    tables::Tables,
    write::{self, Statements},
};

/// A generation so large is folded: enough for a few rows of each of some thousand sessions, which
/// is what makes sorting them worth it. The price is memory (two generations, held as rows and as
/// long as this together) and a start after a crash that takes a tenth of a second longer.
const GENERATION_BYTES: usize = 8 * 1024 * 1024;
/// Likewise, for many small rows: they cost more memory than their bytes.
const GENERATION_ROWS: usize = 50_000;
/// A generation so old is folded, so that a server with little to do has everything in its tables
/// soon, where other programs look.
const GENERATION_AGE: Duration = Duration::from_secs(2);
/// A fold takes so long where there is no hurry.
const FOLD_TIME: Duration = Duration::from_secs(1);
/// A bounded file has room for so many generations at least: folding takes the room of one more.
const GENERATIONS_IN_FILE: usize = 16;
/// Pages that any transaction changes beside its rows: roots, inner pages, free pages.
const TRANSACTION_PAGES: usize = 3;
/// How long a fold that found no room is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// What is committed and not yet in the tables, from the writer's side.
pub(super) struct Folding {
    pub(super) unfolded: Arc<Unfolded>,
    statements: Statements,
    untrimmed: Untrimmed,
    stage: Stage,
    /// Generations that were found in the file.
    found: VecDeque<Generation>,
    /// The last batch committed.
    last: i64,
    /// The last batch folded.
    folded: i64,
    /// The last batch deleted.
    deleted: i64,
    /// Bytes, rows and beginning of what was committed since the fold began.
    bytes: usize,
    rows: usize,
    since: Instant,
    /// When writing the fold began.
    began: Instant,
    bytes_max: usize,
    /// Pages changed since they were last asked for, about.
    pages: usize,
    retry_at: Option<Instant>,
}

/// Where the generation is that is being folded.
enum Stage {
    None,
    /// Commits do not wait for this.
    LayingOut(JoinHandle<(Fold, Untrimmed)>),
    Writing(Fold),
}

impl Folding {
    /// `max_pages`: the bound of the file, if there is one.
    pub(super) fn new(max_pages: Option<u32>) -> Self {
        let bounded = max_pages.and_then(|pages| usize::try_from(pages).ok());
        let bytes_max = bounded.map_or(GENERATION_BYTES, |pages| {
            GENERATION_BYTES.min(pages.saturating_mul(PAGE_BYTES as usize) / GENERATIONS_IN_FILE)
        });
        Self {
            unfolded: Arc::default(),
            statements: Statements::new(),
            untrimmed: Untrimmed::default(),
            stage: Stage::None,
            found: VecDeque::new(),
            last: 0,
            folded: 0,
            deleted: 0,
            bytes: 0,
            rows: 0,
            since: Instant::now(),
            began: Instant::now(),
            bytes_max,
            pages: 0,
            retry_at: None,
        }
    }

    /// Folds what an earlier server left behind.
    pub(super) async fn catch_up(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), JournalError> {
        self.read_back(connection).await?;
        Ok(self.all(connection).await?)
    }

    /// Reads the batches in the file, as the generations that are to be folded: those that may
    /// have been folded in part before, and one of what came after them.
    pub(super) async fn read_back(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), JournalError> {
        let left = sqlx::query("SELECT id, body FROM batch ORDER BY id");
        let left = left.fetch_all(&mut *connection).await?;
        self.found.clear();
        let mut batches = Vec::new();
        for row in left {
            self.last = row.try_get("id")?;
            let body: &[u8] = row.try_get("body")?;
            if body == batch::FOLDED {
                self.found.clear();
                batches.clear();
                write::delete_batches(connection, self.last).await?;
                (self.folded, self.deleted) = (self.last, self.last);
                continue;
            }
            batches.push(Arc::new(batch::decode(body)?));
            if body.is_empty() {
                let batches = std::mem::take(&mut batches);
                self.found.push_back(Generation { batches, last: self.last });
            }
        }
        if !batches.is_empty() {
            self.found.push_back(Generation { batches, last: self.last });
        }
        Ok(())
    }

    /// How many answers these sessions have in the tables is not known.
    pub(super) fn doubt_answers(&mut self, sessions: impl Iterator<Item = SessionId>) {
        self.untrimmed.doubt(sessions);
    }

    /// Makes a batch durable and readable: one row, one statement. May be tried again after a
    /// failure that left open whether it was committed.
    pub(super) async fn commit(
        &mut self,
        connection: &mut SqliteConnection,
        tables: &Arc<Tables>,
    ) -> Result<(), sqlx::Error> {
        let body = batch::encode(tables);
        let bytes = body.len();
        self.append(connection, body).await?;
        if self.rows == 0 {
            self.since = Instant::now();
        }
        self.bytes += bytes;
        self.rows += tables.len();
        self.unfolded.push(Arc::clone(tables));
        Ok(())
    }

    /// How many pages were changed since this was last asked, about.
    pub(super) fn take_pages(&mut self) -> usize {
        std::mem::take(&mut self.pages)
    }

    /// The last batch committed.
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    /// Whether the tables have everything up to this batch.
    pub(super) fn has_folded(&self, batch: i64) -> bool {
        self.folded >= batch
    }

    /// Whether the file has no batch up to this one any more.
    pub(super) fn has_deleted(&self, batch: i64) -> bool {
        self.deleted >= batch
    }

    /// When there will be something to write if nothing more is committed; none if all is folded,
    /// or is being [laid out](Self::laid_out).
    pub(super) fn due_at(&self) -> Option<Instant> {
        let due = match &self.stage {
            Stage::None => (self.rows > 0).then(|| self.since + GENERATION_AGE),
            Stage::LayingOut(_) => None,
            Stage::Writing(fold) => Some(self.began + fold.part_of(FOLD_TIME)),
        };
        due.map(|due| self.retry_at.map_or(due, |retry| retry.max(due)))
    }

    /// What the fold is due to do between two commits. Its chunks are spread over the time it has,
    /// as commits wait for each of them.
    pub(super) async fn turn(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        let now = Instant::now();
        if self.retry_at.is_some_and(|retry| now < retry) {
            return Ok(());
        }
        let is_due = self.due_at().is_some_and(|due| due <= now);
        let done = match &self.stage {
            Stage::None if self.is_full() || is_due => self.begin(connection).await,
            Stage::LayingOut(job) if job.is_finished() => {
                self.laid_out().await;
                Ok(())
            }
            Stage::Writing(_) if is_due || self.is_behind() => {
                self.chunk(connection).await.map(drop)
            }
            Stage::None | Stage::LayingOut(_) | Stage::Writing(_) => Ok(()),
        };
        done.or_else(|error| self.put_off(error))
    }

    /// Whether what is committed is a whole generation.
    fn is_full(&self) -> bool {
        self.bytes >= self.bytes_max || self.rows >= GENERATION_ROWS
    }

    /// Folds everything that is committed.
    pub(super) async fn all(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        while self.chunk(connection).await? {}
        Ok(())
    }

    /// Writes one chunk, of a new generation if there is no other; whether there was one to write.
    pub(super) async fn chunk(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<bool, sqlx::Error> {
        if matches!(self.stage, Stage::None) {
            self.begin(connection).await?;
        }
        if matches!(self.stage, Stage::LayingOut(_)) {
            self.laid_out().await;
        }
        let Stage::Writing(fold) = &mut self.stage else { return Ok(false) };
        if let Some(chunk) = fold.chunk() {
            self.statements.fold(connection, chunk).await?;
            self.pages += TRANSACTION_PAGES + chunk.pages();
            self.retry_at = None;
            if let Some(last) = chunk.folded {
                self.folded = last;
                let folded = self.unfolded.folded();
                // Thousands of rows take milliseconds to free.
                tokio::task::spawn_blocking(move || drop(folded));
            }
            self.deleted = chunk.deleted.unwrap_or(self.deleted);
            fold.written();
            if fold.chunk().is_none() {
                self.stage = Stage::None;
            }
        }
        Ok(true)
    }

    /// Begins with the next generation, unless all that is committed is folded.
    async fn begin(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let generation = match self.found.pop_front() {
            Some(found) => found,
            None if self.rows == 0 => return Ok(()),
            None => {
                // An empty batch is the end of a generation: should this fold not come to its
                // end, the next start folds the same rows together, no less and no more.
                self.append(connection, Vec::new()).await?;
                (self.bytes, self.rows) = (0, 0);
                Generation { batches: self.unfolded.freeze(), last: self.last }
            }
        };
        let mut untrimmed = std::mem::take(&mut self.untrimmed);
        self.stage = Stage::LayingOut(tokio::task::spawn_blocking(move || {
            let fold = generation.lay_out(&mut untrimmed);
            (fold, untrimmed)
        }));
        Ok(())
    }

    /// Waits until the generation that is being laid out can be written; for ever if none is.
    pub(super) async fn laid_out(&mut self) {
        let Stage::LayingOut(job) = &mut self.stage else { return std::future::pending().await };
        match job.await {
            Ok((fold, untrimmed)) => {
                self.stage = Stage::Writing(fold);
                self.began = Instant::now();
                self.untrimmed = untrimmed;
            }
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is ending, and everything with it.
                Err(_) => std::future::pending().await,
            },
        }
    }

    async fn append(
        &mut self,
        connection: &mut SqliteConnection,
        body: Vec<u8>,
    ) -> Result<(), sqlx::Error> {
        let id = self.last + 1;
        let pages = TRANSACTION_PAGES + body.len() / PAGE_BYTES as usize;
        sqlx::query("INSERT OR IGNORE INTO batch (id, body) VALUES (?, ?)")
            .bind(id)
            .bind(body)
            .execute(connection)
            .await?;
        self.last = id;
        self.pages += pages;
        Ok(())
    }

    /// Whether the fold may be left behind by what is committed meanwhile: it is to be done when
    /// the next generation is nearly full.
    fn is_behind(&self) -> bool {
        match &self.stage {
            Stage::Writing(fold) => !fold.has_done(self.bytes, self.bytes_max / 4 * 3),
            Stage::None | Stage::LayingOut(_) => false,
        }
    }

    /// A full disk is left alone for a while: the batches are as durable as the tables.
    fn put_off(&mut self, error: sqlx::Error) -> Result<(), sqlx::Error> {
        match fault(&error) {
            Fault::Held | Fault::NoRoom => {
                if self.retry_at.is_none() {
                    tracing::warn!(%error, "the journal's tables are not brought up to date");
                }
                self.retry_at = Some(Instant::now() + PAUSE);
                Ok(())
            }
            Fault::Damaged | Fault::Lasting => Err(error),
        }
    }
}
