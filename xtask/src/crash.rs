//! `kill -9` under load, as often as wanted. The test does it; here it gets its numbers.

use anyhow::Result;
use clap::Args;

use crate::repository::{Repository, finish};

/// How often to kill, and with which chances.
#[derive(Debug, Args)]
pub(crate) struct Crash {
    /// How often the server is killed.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    times: u64,
    /// What the devices do; by chance where none is given. Each ten kills have the next seed, and
    /// print it: give that one to see their load again.
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the crash test with these numbers; its progress is shown.
pub(crate) fn run(repository: &Repository, crash: &Crash) -> Result<()> {
    let mut test = repository.cargo();
    test.args([
        "test",
        "--locked",
        "--package",
        "bellwire",
        "--test",
        "crash",
        "--",
        "--nocapture",
    ])
    .env("BELLWIRE_CRASH_TIMES", crash.times.to_string());
    match crash.seed {
        Some(seed) => test.env("BELLWIRE_CRASH_SEED", seed.to_string()),
        None => test.env_remove("BELLWIRE_CRASH_SEED"),
    };
    finish(&mut test)
}
