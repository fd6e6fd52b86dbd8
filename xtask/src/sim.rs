//! Simulated histories, as many as wanted.

use anyhow::Result;
use clap::Args;

use crate::repository::{Repository, finish};

/// Which histories.
#[derive(Debug, Args)]
pub(crate) struct Sim {
    /// How many seeds.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
}

/// Plays them on all cores, up to the first that breaks a rule, which is then made as short as can
/// be; progress is shown.
pub(crate) fn run(repository: &Repository, sim: &Sim) -> Result<()> {
    let mut play = repository.cargo();
    play.args([
        "run",
        "--locked",
        "--release",
        "--quiet",
        "--package",
        "bellwire-sim",
        "--",
        "seeds",
    ])
    .args(["--seeds", &sim.seeds.to_string(), "--from", &sim.from.to_string()]);
    finish(&mut play)
}
