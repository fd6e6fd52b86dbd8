//! The Bellwire call server.
//!
//! The program is in `main.rs`; this library holds everything else. Its public part is what a
//! simulation, a fuzzer or a test needs to run the same house on other ground: [`Node`], and the
//! ports [`Storage`], [`Clock`], [`Chance`] and [`Forwarder`] it stands on.

mod auth;
mod availability;
mod business;
mod calls;
mod chance;
pub mod cli;
mod clock;
mod config;
mod directory;
mod feed;
#[doc(hidden)]
pub mod fuzzing;
mod gateway;
mod http;
mod idempotency;
mod journal;
mod listen;
mod media;
mod metrics;
mod node;
mod phone;
mod post;
mod push;
mod serve;
mod sessions;
mod storage;
mod switchboard;
mod webhooks;

pub use chance::Chance;
pub use clock::Clock;
pub use journal::{
    AnswerRow, Bucket, Erased, Erasure, FeedEntry, FeedQuery, JournalState, KeyValueRow, LegRow,
    LogRow, RecordQuery, RecordRow, Recovered, Row, SessionRow, StoredCall, StoredSession, UserRow,
};
pub use media::{Answering, Forwarder, Forwarding, MediaGround};
pub use node::{BadConfiguration, Ground, KEEP_MS, Node, Tenants};
pub use storage::{Done, Reading, Storage, StorageError};
