//! The load generator of Bellwire.
//!
//! `bellwire-bench calls` says what a call life costs the server, beside a relay without logic in
//! the same run; `idle` what a device takes that only waits; `media` what forwarding media costs,
//! beside Janus. `docs/performance.md` says how to read the figures.

mod attack;
mod business;
mod calls;
mod cost;
mod curve;
mod files;
mod hostile;
mod idle;
mod load;
mod measure;
mod media;
mod outcome;
mod process;
mod relay;
mod server;
mod table;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What Bellwire costs under load, measured from outside.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Whole call lives: how many, how fast, at what price
    Calls(calls::CallsArgs),
    /// Memory of the server for each device that only waits
    Idle(idle::IdleArgs),
    /// Draws latency against rate, and memory against devices
    Curve(curve::CurveArgs),
    /// What a call life costs at more and more devices and live calls
    Cost(cost::CostArgs),
    /// Honest calls beside attackers: failures, and how much slower they get
    Hostile(hostile::HostileArgs),
    /// Media forwarded: how much by the processor second, how late; beside Janus if it is there
    Media(media::MediaArgs),
    /// Plays the attackers; started by `hostile`
    #[command(hide = true)]
    Attack(attack::AttackArgs),
    /// Serves as the relay; started by `calls`
    #[command(hide = true)]
    Relay,
}

fn main() -> ExitCode {
    files::raise_limit();
    let done = match Cli::parse().bench {
        Bench::Calls(args) => calls::run(&args).and_then(outcome::Outcome::end),
        Bench::Idle(args) => idle::run(&args).and_then(outcome::Outcome::end),
        Bench::Curve(args) => curve::run(&args).and_then(outcome::Outcome::end),
        Bench::Cost(args) => cost::run(&args).and_then(outcome::Outcome::end),
        Bench::Hostile(args) => hostile::run(&args).and_then(outcome::Outcome::end),
        Bench::Media(args) => media::run(&args).and_then(outcome::Outcome::end),
        Bench::Attack(args) => attack::run(&args).map(|()| ExitCode::SUCCESS),
        Bench::Relay => relay::run().map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// What the users of this run are named with, so that they are nobody whom an earlier run on the
/// same server has left in a call.
fn run_name() -> String {
    format!("r{:x}", std::process::id())
}

/// A length of time among the arguments.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds".to_owned())?;
    let fits = (0.1..=86_400.0).contains(&seconds);
    fits.then_some(seconds).ok_or_else(|| "0.1 to 86400 seconds".to_owned())
}
