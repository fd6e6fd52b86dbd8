//! The chores of the repository; `cargo xtask --help` lists them.

mod announce;
mod crash;
mod debian;
mod fuzz;
mod instructions;
mod model;
mod prerequisites;
mod python;
mod repository;
mod run;
mod sim;
mod stage;
mod tidy;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    announce::Announcement, crash::Crash, fuzz::Fuzz, instructions::Instructions, model::Model,
    repository::Repository, run::Run, sim::Sim, stage::Stage,
};

/// The chores of the repository.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Builds the pages and the server, starts it for development and says how to call.
    Run(Run),
    /// Runs all that a change must pass, or only the stages named.
    Test {
        /// The stages to run, in the order given; all of them when none is named.
        #[arg(value_enum)]
        stages: Vec<Stage>,
    },
    /// Kills the server under load, again and again, and judges what devices and books say.
    Crash(Crash),
    /// Plays simulated histories, one for each seed, up to the first that breaks a rule.
    Sim(Sim),
    /// Fuzzes a target, or all of them one after the other.
    Fuzz(Fuzz),
    /// Counts the instructions of a call life, and compares with what is expected.
    Instructions(Instructions),
    /// Checks the rules of style that no other tool checks.
    Tidy,
    /// Walks through every history of small worlds by the rules of the core (docs/testing.md).
    Model(Model),
    /// Waits for the server that `run` has become, and prints how to reach it.
    #[command(hide = true)]
    Announce(Announcement),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = Repository::locate().and_then(|repository| match cli.chore {
        Chore::Run(run) => run::become_server(&repository, &run),
        Chore::Test { stages } => stage::run(&repository, &stages),
        Chore::Crash(crash) => crash::run(&repository, &crash),
        Chore::Sim(sim) => sim::run(&repository, &sim),
        Chore::Fuzz(fuzz) => fuzz::run(&repository, &fuzz),
        Chore::Instructions(instructions) => instructions::run(&repository, &instructions),
        Chore::Tidy => tidy::run(&repository),
        Chore::Model(model) => model::run(&repository, &model),
        Chore::Announce(announcement) => announce::run(&announcement),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
