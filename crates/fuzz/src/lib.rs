//! What is fuzzed, and what must hold of it.
//!
//! Each target is a plain function of bytes that panics when something does not hold. It runs
//! under libFuzzer (`fuzz/`, by `cargo xtask fuzz`), and in seconds over the corpus and seeded
//! mutations of it as an ordinary test (`tests/corpus.rs`).

mod checks;
mod commands;
mod configuration;
mod connection;
mod frames;
mod framing;
mod house;
mod journal;
mod offers;
mod replies;
mod rewriting;
mod tokens;

pub use checks::checks;
pub use commands::commands;
pub use configuration::configuration;
pub use connection::connection;
pub use frames::frames;
pub use framing::framing;
pub use journal::journal;
pub use offers::offers;
pub use replies::replies;
pub use rewriting::rewriting;
pub use tokens::tokens;

/// A target: takes any bytes, and panics only where something is wrong.
pub type Target = fn(&[u8]);

/// All targets by name, which is also that of their corpus and of their program in `fuzz/`.
pub const TARGETS: [(&str, Target); 11] = [
    ("checks", checks),
    ("commands", commands),
    ("configuration", configuration),
    ("connection", connection),
    ("frames", frames),
    ("framing", framing),
    ("journal", journal),
    ("offers", offers),
    ("replies", replies),
    ("rewriting", rewriting),
    ("tokens", tokens),
];
