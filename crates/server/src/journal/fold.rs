//! Lays a generation out for the tables: merged, sorted, and cut into chunks.
//!
//! A group commit takes what came, in the order in which it came, and each of its rows belongs
//! to another page. A generation of thousands, sorted, comes to each page once. What is merged
//! or left out on the way is not written at all: parts of one log become one row, a call that
//! begins and ends here was never live, and a session that ends takes its answers along.
//!
//! Chunks are transactions of their own, and an end may come between any two. Until one of them
//! says that the batches are folded, the next start makes the same chunks of the same generation
//! again: each statement does nothing the second time, or the same. Then the batches are deleted,
//! a few at a time.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use bellwire_core::{AppKey, SessionId};

use super::{
    feed::{self, FeedText},
    generation::Batches,
    int,
    open::PAGE_BYTES,
    row::{AnswerRow, KeyValueRow, SessionRow, UserRow},
    tables::{LegText, LogText, RecordText},
};

/// Answers kept for each session (WIRE).
pub(super) const ANSWERS_KEPT: usize = 256;
/// Older answers are removed once so many new ones came, which makes the removal a sixty-fourth
/// of its cost. As answers that were folded together go together, a session holds at most twice
/// [`ANSWERS_KEPT`] and this many.
pub(super) const ANSWERS_SLACK: usize = 64;
/// The most rows of a kind in a chunk. Commits of calls wait for it: about a millisecond.
pub(super) const CHUNK_ROWS: usize = 64;
/// The most bytes of bodies in a chunk, for when they are large. Again about a millisecond.
const CHUNK_BYTES: usize = 96 * 1024;

/// What one transaction does to the tables, in the order of the fields.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) logs: Vec<LogText>,
    /// Calls that are live.
    pub(super) begun: Vec<[u8; 16]>,
    /// Calls that may have been live.
    pub(super) over: Vec<[u8; 16]>,
    /// Sessions that ended.
    pub(super) gone: Vec<SessionId>,
    pub(super) sessions: Vec<SessionRow>,
    pub(super) answers: Vec<AnswersText>,
    /// Sessions of which only the last answers are kept.
    pub(super) trim: Vec<SessionId>,
    pub(super) users: Vec<UserRow>,
    pub(super) records: Vec<RecordText>,
    pub(super) legs: Vec<LegText>,
    pub(super) feed: Vec<FeedText>,
    /// Values that are there; those that are gone come alone.
    pub(super) key_values: Vec<KeyValueRow>,
    pub(super) removed: Vec<KeyValueRow>,
    /// The highest serial of each app.
    pub(super) serials: BTreeMap<AppKey, u64>,
    /// The batches up to this one are folded.
    pub(super) folded: Option<i64>,
    /// The batches up to this one are deleted.
    pub(super) deleted: Option<i64>,
    /// Bytes of those batches: they are written over with zeros.
    pub(super) freed: usize,
    /// How many submitted rows it stands for.
    pub(super) stands_for: usize,
}

/// Answers of one session, as they are stored.
#[derive(Debug)]
pub(super) struct AnswersText {
    pub(super) session: SessionId,
    /// The highest request.
    pub(super) request: u64,
    pub(super) answers: usize,
    /// A line for each: the request, a tab, the answer.
    pub(super) body: Arc<str>,
}

/// How many answers each session got since its older ones were removed.
#[derive(Default)]
pub(super) struct Untrimmed(HashMap<SessionId, usize>);

impl Chunk {
    /// How many pages it changes, about: bodies fill theirs, every other row of the tables that
    /// are in another order than time has one of its own.
    pub(super) fn pages(&self) -> usize {
        let bodies = self.logs.iter().map(|row| row.body.len()).sum::<usize>()
            + self.answers.iter().map(|row| row.body.len()).sum::<usize>()
            + self.records.iter().map(|row| row.body.len()).sum::<usize>()
            + self.feed.iter().map(|row| row.body.len()).sum::<usize>();
        let scattered =
            self.sessions.len() + self.answers.len() + self.users.len() + self.legs.len();
        (bodies + self.freed) / PAGE_BYTES as usize + scattered / 2
    }

    /// Whether it is written by a single statement: a deletion, or rows of one kind only, as many
    /// as the statement has a shape for.
    pub(super) fn is_one_statement(&self) -> bool {
        let kinds = [
            self.logs.len(),
            self.begun.len(),
            self.over.len(),
            self.sessions.len(),
            self.answers.len(),
            self.users.len(),
            self.records.len(),
            self.legs.len(),
            self.feed.len(),
            self.key_values.len(),
        ];
        let others = [self.gone.len(), self.trim.len(), self.serials.len(), self.removed.len()];
        let alone = u32::from(self.deleted.is_some());
        kinds.iter().map(|rows| rows.count_ones()).sum::<u32>() + alone == 1
            && others == [0; 4]
            && self.folded.is_none()
    }
}

impl Untrimmed {
    /// How many answers these sessions have is not known, so their next answer removes older ones.
    pub(super) fn doubt(&mut self, sessions: impl Iterator<Item = SessionId>) {
        self.0.extend(sessions.map(|id| (id, ANSWERS_SLACK - 1)));
    }

    /// Counts new answers; whether it is time to remove older ones.
    fn count(&mut self, session: &SessionId, new: usize) -> bool {
        let before = self.0.get(session).copied().unwrap_or_default();
        let due = before + new >= ANSWERS_SLACK;
        self.0.insert(session.clone(), if due { 0 } else { before + new });
        due
    }
}

/// A generation as it came.
pub(super) struct Generation {
    pub(super) batches: Batches,
    /// The last batch of it.
    pub(super) last: i64,
}

/// A generation on its way into the tables.
pub(super) struct Fold {
    chunks: VecDeque<Chunk>,
    rows: usize,
    rows_done: usize,
}

impl Fold {
    /// Whether at least `part` of `whole` is in the tables.
    pub(super) fn has_done(&self, part: usize, whole: usize) -> bool {
        self.rows_done.saturating_mul(whole) >= self.rows.saturating_mul(part)
    }

    /// The part of `time` that is proportional to what is in the tables.
    pub(super) fn part_of(&self, time: Duration) -> Duration {
        let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
        time.saturating_mul(count(self.rows_done)) / count(self.rows).max(1)
    }

    /// The next chunk to write, the same one until it is [`written`](Self::written); none once the
    /// batches are deleted.
    pub(super) fn chunk(&self) -> Option<&Chunk> {
        self.chunks.front()
    }

    /// The chunk is in the tables.
    pub(super) fn written(&mut self) {
        self.rows_done += self.chunks.pop_front().map_or(0, |chunk| chunk.stands_for);
    }
}

impl Generation {
    /// Sorts and merges all of it, which takes a while: tens of milliseconds for thousands of rows.
    pub(super) fn lay_out(self, untrimmed: &mut Untrimmed) -> Fold {
        let rows = self.batches.iter().map(|b| b.len() + b.legs.len()).sum();
        let mut chunks = VecDeque::from(self.logs());
        chunks.extend(self.sessions(untrimmed));
        chunks.extend(self.answers(untrimmed));
        chunks.extend(self.users());
        chunks.extend(self.records());
        chunks.extend(self.legs());
        chunks.extend(self.feed());
        chunks.extend(self.key_values());
        chunks.push_back(self.end());
        chunks.extend(self.deletions());
        Fold { chunks, rows, rows_done: 0 }
    }

    fn logs(&self) -> Vec<Chunk> {
        let mut parts: Vec<_> = self.batches.iter().flat_map(|batch| &batch.logs).collect();
        parts.sort_by_key(|part| (part.call, part.first_seq));
        let calls = parts.chunk_by(|a, b| a.call == b.call).map(|parts| (merged(parts), parts));
        let chunks = cut(calls, |(log, _)| log.body.len());
        let chunks = chunks.into_iter().map(|calls| {
            let mut chunk = Chunk::default();
            for (log, parts) in calls {
                let begins = log.first_seq == 1;
                if begins && !log.ended {
                    chunk.begun.push(log.call);
                }
                if log.ended && !begins {
                    chunk.over.push(log.call);
                }
                chunk.stands_for += parts.len();
                chunk.logs.push(log);
            }
            chunk
        });
        chunks.collect()
    }

    fn sessions(&self, untrimmed: &mut Untrimmed) -> Vec<Chunk> {
        let mut rows: BTreeMap<&SessionId, &SessionRow> = BTreeMap::new();
        let mut gone = Vec::new();
        for batch in &self.batches {
            rows.extend(batch.sessions.iter().map(|row| (&row.id, row)));
            for id in &batch.gone {
                rows.remove(id);
                untrimmed.0.remove(id);
                gone.push(id);
            }
        }
        gone.sort();
        gone.dedup();
        // All ends before the beginnings: who is in both began again.
        let gone = cut(gone.into_iter().cloned(), |_| 0);
        let gone =
            gone.into_iter().map(|gone| Chunk { stands_for: gone.len(), gone, ..Chunk::default() });
        let rows = cut(rows.into_values().cloned(), |_| 0);
        let rows = rows.into_iter().map(|sessions| Chunk {
            stands_for: sessions.len(),
            sessions,
            ..Chunk::default()
        });
        gone.chain(rows).collect()
    }

    fn answers(&self, untrimmed: &mut Untrimmed) -> Vec<Chunk> {
        let mut answers = self.kept_answers();
        // Stable: of two answers to one request the first stays the first.
        answers.sort_by_key(|a| (&a.session, a.request));
        answers.dedup_by_key(|a| (&a.session, a.request));
        let rows: Vec<_> = answers
            .chunk_by(|a, b| a.session == b.session)
            .map(|of_one| {
                let trim = untrimmed.count(&of_one[0].session, of_one.len());
                (one_row(of_one), trim)
            })
            .collect();
        let chunks = cut(rows, |(row, _)| row.body.len());
        let chunks = chunks.into_iter().map(|rows| {
            let mut chunk = Chunk::default();
            for (row, trim) in rows {
                if trim {
                    chunk.trim.push(row.session.clone());
                }
                chunk.stands_for += row.answers;
                chunk.answers.push(row);
            }
            chunk
        });
        chunks.collect()
    }

    /// Answers of sessions that are not over, and did not end and begin again after them.
    fn kept_answers(&self) -> Vec<&AnswerRow> {
        let mut gone = HashSet::new();
        for batch in &self.batches {
            for row in &batch.sessions {
                gone.remove(&row.id);
            }
            gone.extend(&batch.gone);
        }
        let mut kept = Vec::new();
        for batch in self.batches.iter().rev() {
            gone.extend(&batch.gone);
            kept.extend(batch.answers.iter().rev().filter(|a| !gone.contains(&a.session)));
        }
        kept.reverse();
        kept
    }

    fn users(&self) -> Vec<Chunk> {
        let users = self.batches.iter().flat_map(|batch| &batch.users);
        // The last of each user is kept.
        let users: BTreeMap<_, _> = users.map(|row| ((&row.app, &row.user), row)).collect();
        let chunks = cut(users.into_values().cloned(), |_| 0).into_iter();
        chunks.map(|users| Chunk { stands_for: users.len(), users, ..Chunk::default() }).collect()
    }

    fn records(&self) -> Vec<Chunk> {
        let mut rows: Vec<_> = self.batches.iter().flat_map(|batch| &batch.records).collect();
        rows.sort_by_key(|row| (&row.app, row.serial));
        let chunks = cut(rows.into_iter().cloned(), |row| row.body.len()).into_iter();
        chunks
            .map(|records| Chunk { stands_for: records.len(), records, ..Chunk::default() })
            .collect()
    }

    fn legs(&self) -> Vec<Chunk> {
        let mut rows: Vec<_> = self.batches.iter().flat_map(|batch| &batch.legs).collect();
        rows.sort_by_key(|row| (&row.app, &row.user, row.serial));
        let chunks = cut(rows.into_iter().cloned(), |_| 0).into_iter();
        chunks.map(|legs| Chunk { stands_for: legs.len(), legs, ..Chunk::default() }).collect()
    }

    fn feed(&self) -> Vec<Chunk> {
        let chunks = cut(feed::rows(&self.batches), |row| row.body.len()).into_iter();
        chunks.map(|feed| Chunk { feed, ..Chunk::default() }).collect()
    }

    fn key_values(&self) -> Vec<Chunk> {
        let rows = self.batches.iter().flat_map(|batch| &batch.key_values);
        // The last of each is kept.
        let rows = rows.map(|row| ((&row.app, row.bucket, &row.key), row));
        let rows: BTreeMap<_, _> = rows.collect();
        let (there, gone): (Vec<_>, Vec<_>) =
            rows.into_values().cloned().partition(|row| row.value.is_some());
        let bytes = |row: &KeyValueRow| row.value.as_ref().map_or(0, |value| value.len());
        let chunks = cut(there, bytes).into_iter();
        let mut chunks: Vec<_> =
            chunks.map(|key_values| Chunk { key_values, ..Chunk::default() }).collect();
        let gone = cut(gone, |_| 0).into_iter();
        chunks.extend(gone.map(|removed| Chunk { removed, ..Chunk::default() }));
        chunks
    }

    fn end(&self) -> Chunk {
        let mut serials = BTreeMap::new();
        for record in self.batches.iter().flat_map(|batch| &batch.records) {
            let last = serials.entry(record.app.clone()).or_default();
            *last = record.serial.max(*last);
        }
        Chunk { serials, folded: Some(self.last), ..Chunk::default() }
    }

    /// A few batches at a time; the last one, which says that all are folded, is the last to go.
    fn deletions(&self) -> Vec<Chunk> {
        let steps = cut(&self.batches, |batch| batch.body_bytes());
        let before = self.last - int(self.batches.len() as u64);
        let deletions = steps.iter().scan(before, |last, step| {
            *last += int(step.len() as u64);
            let freed = step.iter().map(|batch| batch.body_bytes()).sum();
            Some(Chunk { deleted: Some(*last), freed, ..Chunk::default() })
        });
        let mut deletions: Vec<_> = deletions.collect();
        match deletions.last_mut() {
            Some(last) => last.deleted = Some(self.last),
            None => deletions.push(Chunk { deleted: Some(self.last), ..Chunk::default() }),
        }
        deletions
    }
}

/// The parts of one call's log as one; not empty.
fn merged(parts: &[&LogText]) -> LogText {
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    if parts.len() == 1 {
        return first.clone();
    }
    let mut body = String::with_capacity(parts.iter().map(|part| part.body.len()).sum());
    for part in parts {
        // The arrays become one: `[a,b]` and `[c]` are `[a,b` and `,c`, and the end follows.
        body.push(if body.is_empty() { '[' } else { ',' });
        body.push_str(part.body.trim_start_matches('[').trim_end_matches(']'));
    }
    body.push(']');
    LogText {
        at: last.at,
        ended: parts.iter().any(|part| part.ended),
        body: body.into(),
        ..first.clone()
    }
}

/// The last answers of one session, by request; not empty.
fn one_row(answers: &[&AnswerRow]) -> AnswersText {
    let kept = &answers[answers.len().saturating_sub(ANSWERS_KEPT)..];
    let last = kept[kept.len() - 1];
    let mut body = String::new();
    for answer in kept {
        if !body.is_empty() {
            body.push('\n');
        }
        body.push_str(&answer.request.to_string());
        body.push('\t');
        body.push_str(&answer.body);
    }
    AnswersText {
        session: last.session.clone(),
        request: last.request,
        answers: kept.len(),
        body: body.into(),
    }
}

/// Finds an answer in a row that [`one_row`] made.
pub(super) fn answer_in(row: &str, request: u64) -> Option<&str> {
    let mut lines = row.split('\n').filter_map(|line| line.split_once('\t'));
    lines.find(|(of, _)| of.parse() == Ok(request)).map(|(_, answer)| answer)
}

/// Cuts rows into chunks of bounded size.
fn cut<T>(rows: impl IntoIterator<Item = T>, bytes: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut chunks: Vec<Vec<T>> = Vec::new();
    let mut left = 0;
    for row in rows {
        let size = bytes(&row);
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_ROWS && size <= left => {
                chunk.push(row);
                left -= size;
            }
            _ => {
                chunks.push(vec![row]);
                left = CHUNK_BYTES.saturating_sub(size);
            }
        }
    }
    chunks
}
