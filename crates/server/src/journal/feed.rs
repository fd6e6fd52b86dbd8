//! The feed of an app: the entries of all its calls in the order in which they were appended.
//!
//! Entries are stored by call. What their order was is stored beside them, as where each part of a
//! log stands in the feed: some twenty bytes for each append, in a row for each generation.

use std::collections::BTreeMap;

use bellwire_core::{AppKey, CallId, Entry};
use bellwire_protocol::{FeedCursor, business::FeedEvent};
use sqlx::Row as _;
use uuid::Uuid;

use super::{Journal, error::JournalError, generation::Batches, int, recover, tables::LogText};

/// The most parts in a row: some twenty kilobytes.
const PARTS_MAX: usize = 1_000;

/// Which part of an app's feed is asked for.
#[derive(Debug, Clone)]
pub struct FeedQuery {
    /// The app.
    pub app: AppKey,
    /// Only what comes after this position; 0 for all that is kept.
    pub after: u64,
    /// The most entries to give.
    pub limit: usize,
}

/// An entry of an app's feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    /// Its place in the feed, rising, without gaps but for what is not kept any more.
    pub position: u64,
    /// The call.
    pub call: CallId,
    /// What was appended to its log.
    pub entry: Entry,
}

impl FeedEntry {
    /// As the business server reads it.
    pub(crate) fn to_wire(&self) -> FeedEvent {
        FeedEvent::of(FeedCursor(self.position), self.call, &self.entry)
    }
}

/// A part of a log, and where it stands in the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    position: u64,
    call: [u8; 16],
    first_seq: u64,
    count: u64,
}

/// A stored row.
#[derive(Debug, Clone)]
pub(super) struct FeedText {
    pub(super) app: AppKey,
    pub(super) position: u64,
    pub(super) at: u64,
    pub(super) body: Vec<u8>,
}

/// What a generation adds to the feeds.
pub(super) fn rows(batches: &Batches) -> Vec<FeedText> {
    let mut apps: BTreeMap<&AppKey, Vec<&LogText>> = BTreeMap::new();
    for log in batches.iter().flat_map(|batch| &batch.logs).filter(|log| log.position > 0) {
        apps.entry(&log.app).or_default().push(log);
    }
    let mut rows = Vec::new();
    for (app, mut logs) in apps {
        logs.sort_by_key(|log| log.position);
        rows.extend(logs.chunks(PARTS_MAX).map(|logs| FeedText {
            app: app.clone(),
            position: logs[0].position,
            at: logs.iter().map(|log| log.at).max().unwrap_or_default(),
            body: logs.iter().flat_map(|log| part(log).encode()).collect(),
        }));
    }
    rows
}

fn part(log: &LogText) -> Part {
    let LogText { position, call, first_seq, count, .. } = *log;
    Part { position, call, first_seq, count }
}

impl Part {
    /// Call, position, first `seq` and count: 16 bytes, and three numbers of eight, eight and four.
    const BYTES: usize = 36;

    fn encode(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(&self.call);
        bytes[16..24].copy_from_slice(&self.position.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_seq.to_le_bytes());
        let count = u32::try_from(self.count).unwrap_or(u32::MAX);
        bytes[32..].copy_from_slice(&count.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; Self::BYTES]) -> Self {
        let number = |from: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&bytes[from..from + 8]);
            u64::from_le_bytes(number)
        };
        let mut call = [0; 16];
        call.copy_from_slice(&bytes[..16]);
        let count = number(28) >> 32;
        Self { call, position: number(16), first_seq: number(24), count }
    }

    /// The position after its last entry.
    fn end(&self) -> u64 {
        self.position.saturating_add(self.count)
    }
}

fn parts(body: &[u8]) -> Result<Vec<Part>, JournalError> {
    let (parts, rest) = body.as_chunks::<{ Part::BYTES }>();
    if !rest.is_empty() {
        let detail = "a row is cut off".to_owned();
        return Err(JournalError::Row { table: "feed", detail });
    }
    Ok(parts.iter().map(Part::decode).collect())
}

/// The last position in a row.
pub(super) fn last_in(body: &[u8]) -> Result<u64, JournalError> {
    Ok(parts(body)?.last().map_or(0, |part| part.end().saturating_sub(1)))
}

impl Journal {
    /// The entries of a feed that are asked for, in order. An entry whose log is not kept any more
    /// is left out.
    pub(crate) async fn feed(&self, asked: &FeedQuery) -> Result<Vec<FeedEntry>, JournalError> {
        // In this order: what is folded meanwhile is then seen twice rather than not at all.
        let held = self.0.unfolded.feed(&asked.app, asked.after);
        let mut wanted = self.stored_parts(asked).await?;
        for log in &held {
            wanted.insert(log.position, part(log));
        }
        let mut found = Vec::new();
        let mut logs: BTreeMap<[u8; 16], Vec<Entry>> = BTreeMap::new();
        for part in wanted.into_values() {
            if found.len() >= asked.limit {
                break;
            }
            let call = CallId(Uuid::from_bytes(part.call));
            let log = match held.iter().find(|log| log.position == part.position) {
                Some(log) => &recover::entries(&log.body)?,
                None => match logs.entry(part.call) {
                    std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                    std::collections::btree_map::Entry::Vacant(place) => {
                        place.insert(self.log(call).await?)
                    }
                },
            };
            let seqs = part.first_seq..part.first_seq.saturating_add(part.count);
            for entry in log.iter().filter(|entry| seqs.contains(&entry.seq)) {
                let position = part.position + (entry.seq - part.first_seq);
                if position > asked.after && found.len() < asked.limit {
                    found.push(FeedEntry { position, call, entry: entry.clone() });
                }
            }
        }
        Ok(found)
    }

    /// The parts in the tables that are asked for, by position; more than enough of them.
    async fn stored_parts(&self, asked: &FeedQuery) -> Result<BTreeMap<u64, Part>, JournalError> {
        let mut found = BTreeMap::new();
        let mut entries = 0_u64;
        let mut from = sqlx::query_scalar(
            "SELECT coalesce(max(position), 0) FROM feed WHERE app = ? AND position <= ?",
        )
        .bind(asked.app.as_str())
        .bind(int(asked.after.saturating_add(1)))
        .fetch_one(&self.0.reads)
        .await?;
        while entries < asked.limit as u64 {
            let row = sqlx::query(
                "SELECT position, body FROM feed WHERE app = ? AND position >= ?
                 ORDER BY position LIMIT 1",
            )
            .bind(asked.app.as_str())
            .bind::<i64>(from)
            .fetch_optional(&self.0.reads)
            .await?;
            let Some(row) = row else { break };
            let position: i64 = row.try_get("position")?;
            from = position.saturating_add(1);
            for part in parts(row.try_get("body")?)? {
                if part.end() > asked.after.saturating_add(1) {
                    entries += part.count;
                    found.insert(part.position, part);
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_read_as_it_was_written() {
        let part = Part { position: 1 << 40, call: [7; 16], first_seq: 4_096, count: 300 };
        assert_eq!(Part::decode(&part.encode()), part);
        let body = [part.encode(), part.encode()].concat();
        assert_eq!(parts(&body).unwrap(), [part, part]);
        assert_eq!(last_in(&body).unwrap(), (1 << 40) + 299);
        assert!(parts(&body[1..]).is_err());
    }
}
