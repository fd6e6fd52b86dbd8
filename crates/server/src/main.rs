//! The Bellwire call server and its command line.

mod auth;
mod calls;
mod cli;
mod clock;
mod config;
mod directory;
mod gateway;
mod http;
mod journal;
mod metrics;
mod phone;
mod serve;
mod sessions;
mod switchboard;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match cli::Cli::parse().command {
        cli::Command::Serve(args) => serve::run(args.sources()).await,
        cli::Command::Tool(tool) => tool.run().await,
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("bellwire: {error:#}");
        ExitCode::FAILURE
    })
}
