//! What is fuzzed, and what must hold of it.
//!
//! Each target is a plain function of bytes that panics when something does not hold. It runs
//! under libFuzzer (`fuzz/`, by `cargo xtask fuzz`), and in seconds over the corpus and seeded
//! mutations of it as an ordinary test (`tests/corpus.rs`).

mod commands;
mod configuration;
mod connection;
mod frames;
mod house;
mod journal;
mod replies;
mod tokens;

pub use commands::commands;
pub use configuration::configuration;
pub use connection::connection;
pub use frames::frames;
pub use journal::journal;
pub use replies::replies;
pub use tokens::tokens;

/// A target: takes any bytes, and panics only where something is wrong.
pub type Target = fn(&[u8]);

/// All targets by name, which is also that of their corpus and of their program in `fuzz/`.
pub const TARGETS: [(&str, Target); 7] = [
    ("commands", commands),
    ("configuration", configuration),
    ("connection", connection),
    ("frames", frames),
    ("journal", journal),
    ("replies", replies),
    ("tokens", tokens),
];
