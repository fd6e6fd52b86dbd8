//! How the journal is kept, and how it is doing.

use std::{sync::Arc, time::Duration};

use bellwire_core::Timestamp;

/// What a commit must survive before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Synchronous {
    /// Survives the end of the process, `kill -9` included. The last moments before a power loss
    /// may be gone; the file stays whole.
    #[default]
    Normal,
    /// Survives a power loss too, for one `fsync` per commit.
    Full,
}

/// How the journal is kept.
#[derive(Clone)]
pub(crate) struct JournalSettings {
    /// What a commit must survive.
    pub synchronous: Synchronous,
    /// Size of the reserve file in bytes: given up when the disk is full, so that running calls
    /// can go on. 0 keeps no reserve.
    pub reserve_bytes: u64,
    /// The largest database, in pages (of 8 192 bytes in a new file); none for no bound. Reaching
    /// it is treated like a full disk, until a sweep makes room.
    pub max_pages: Option<u32>,
    /// Calls that ended at or after this moment are recovered beside the live ones.
    pub recent_since: Timestamp,
    /// Called after each commit, on the writer; must be quick.
    pub observe: Option<Observer>,
}

/// Told of each commit.
pub(crate) type Observer = Arc<dyn Fn(&Commit) + Send + Sync>;

/// 64 MiB: some ten thousand call lives, several minutes to make room on a busy server.
pub(crate) const RESERVE_BYTES: u64 = 64 * 1024 * 1024;

impl Default for JournalSettings {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::default(),
            reserve_bytes: RESERVE_BYTES,
            max_pages: None,
            recent_since: Timestamp(u64::MAX),
            observe: None,
        }
    }
}

/// One group commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Commit {
    /// How many submissions it made durable.
    pub submissions: usize,
    /// How many rows.
    pub rows: usize,
    /// From taking the batch to its being durable, retries included.
    pub took: Duration,
}

/// Whether the journal can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalState {
    /// Yes, and the reserve is whole.
    Ready,
    /// The disk is full, or refuses: what is submitted waits, nothing is lost. New calls should
    /// be refused until this is over.
    Full {
        /// Since when.
        since: Timestamp,
    },
    /// No, and trying again would not help; nothing submitted from now on becomes durable. The
    /// server must stop.
    Failed,
}
