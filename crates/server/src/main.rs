//! The program `bellwire`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    bellwire::cli::main().await
}
