//! The command line.

mod model;
mod run;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Tries the server and the rules of a call.
#[derive(Debug, Parser)]
#[command(name = "bellwire-sim", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Plays one history, from its seed or from a file.
    Run(run::Run),
    /// Plays many histories, one for each seed, up to the first that breaks a rule.
    Seeds(run::Seeds),
    /// Walks through every history of a small world, to the end or to a depth.
    Model(model::Model),
}

impl Cli {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.what {
            What::Run(args) => args.run(),
            What::Seeds(args) => Ok(args.run()),
            What::Model(args) => args.run(),
        }
    }
}
