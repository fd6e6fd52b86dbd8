//! Runs inputs through a target, for a look at what one of them does: `bellwire-fuzz TARGET FILE…`.
//!
//! A panic ends it, as it does under libFuzzer; which input it was is printed before.

use std::{env, fs, process::ExitCode, time::Instant};

use bellwire_fuzz::TARGETS;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let wanted = arguments.next().unwrap_or_default();
    let Some((_, target)) = TARGETS.iter().find(|(name, _)| *name == wanted) else {
        let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: bellwire-fuzz TARGET FILE…\ntargets: {}", names.join(", "));
        return ExitCode::FAILURE;
    };
    for path in arguments {
        let input = match fs::read(&path) {
            Ok(input) => input,
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::FAILURE;
            }
        };
        print!("{path}: {} bytes", input.len());
        let begun = Instant::now();
        target(&input);
        println!(", {} µs", begun.elapsed().as_micros());
    }
    ExitCode::SUCCESS
}
