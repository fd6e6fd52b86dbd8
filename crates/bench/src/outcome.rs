//! How a run ends: what is printed, and whether all went well.

use std::{io::Write, process::ExitCode};

use serde::Serialize;

use crate::load::faults::Faults;

/// A finished run.
#[derive(Debug)]
#[must_use]
pub(crate) struct Outcome {
    printed: String,
    faults: u64,
}

impl Outcome {
    /// With a report: its JSON, or what people read.
    pub(crate) fn of(
        report: &impl Serialize,
        json: bool,
        text: &str,
        faults: &Faults,
    ) -> anyhow::Result<Self> {
        let printed =
            if json { serde_json::to_string_pretty(report)? + "\n" } else { text.to_owned() };
        if json {
            eprint!("{}", faults.text());
        }
        Ok(Self { printed, faults: faults.count() })
    }

    /// Prints it; the exit status is that of a failure if a single frame was wrong or missing.
    pub(crate) fn end(self) -> anyhow::Result<ExitCode> {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(self.printed.as_bytes())?;
        stdout.flush()?;
        Ok(if self.faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
