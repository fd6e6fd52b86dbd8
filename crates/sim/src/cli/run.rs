//! `bellwire-sim run` and `bellwire-sim seeds`.

use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use bellwire_sim::{Campaign, Outcome, Plan, run, shrink};
use clap::Args;

/// Which history, and how it is shown.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The seed that the history follows from.
    #[arg(long, required_unless_present = "plan", conflicts_with = "plan")]
    seed: Option<u64>,
    /// A file with a plan, as `--save` writes it.
    #[arg(long)]
    plan: Option<PathBuf>,
    /// Only these of its acts, by their place from 0.
    #[arg(long, value_delimiter = ',')]
    keep: Option<Vec<usize>>,
    /// Print everything that happens.
    #[arg(long)]
    trace: bool,
    /// Print the plan.
    #[arg(long)]
    show: bool,
    /// Look for the shortest history that breaks the same rule.
    #[arg(long)]
    shrink: bool,
    /// Write the plan, shrunk if that was asked for, to this file.
    #[arg(long)]
    save: Option<PathBuf>,
}

/// Which seeds.
#[derive(Debug, Args)]
pub(crate) struct Seeds {
    /// How many.
    #[arg(long = "seeds", default_value_t = 1_000)]
    count: u64,
    /// The first.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Threads; as many as there are cores unless given.
    #[arg(long)]
    threads: Option<usize>,
    /// Go on after a failure, and only list what fails.
    #[arg(long)]
    all: bool,
}

impl Run {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let whole = match &self.plan {
            Some(path) => {
                let text = fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                serde_json::from_str(&text)
                    .with_context(|| format!("{} is no plan", path.display()))?
            }
            None => Plan::from_seed(self.seed.unwrap_or(0)),
        };
        let mut plan = self.keep.as_ref().map_or(whole.clone(), |keep| whole.keep(keep));
        let mut outcome = run(&plan, self.trace && !self.shrink);
        if self.shrink && outcome.failure.is_some() {
            plan = shrunk(&plan, &outcome);
            outcome = run(&plan, self.trace);
        }
        if self.show || self.shrink {
            print!("{plan}");
        }
        for line in &outcome.trace {
            println!("{line}");
        }
        if let Some(path) = &self.save {
            let text = serde_json::to_string_pretty(&plan)? + "\n";
            fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        println!(
            "{} acts, {} commands, {} faults, {} frames, {} crashes; fingerprint {:016x}",
            plan.len(),
            outcome.commands,
            outcome.faults,
            outcome.frames,
            outcome.crashes,
            outcome.fingerprint
        );
        match outcome.failure {
            Some(failure) => {
                println!("\nbroken: {failure}");
                Ok(ExitCode::FAILURE)
            }
            None => Ok(ExitCode::SUCCESS),
        }
    }
}

impl Seeds {
    pub(crate) fn run(&self) -> ExitCode {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let campaign = Campaign {
            from: self.from,
            seeds: self.count,
            threads: self.threads.unwrap_or(cores).max(1),
            stop: !self.all,
        };
        let mut ends = String::new();
        let failed = campaign.run(Duration::from_secs(2), &mut |progress| {
            ends = progress.ends();
            println!("{progress}");
        });
        println!("calls ended: {ends}");
        let Some((seed, outcome)) = failed.first() else {
            return ExitCode::SUCCESS;
        };
        if self.all {
            for (seed, outcome) in &failed {
                let failure = outcome.failure.as_ref();
                let rule = failure.map_or("", |failure| failure.rule.as_str());
                println!("seed {seed}: {rule}");
            }
            println!("{} of {} seeds break a rule", failed.len(), self.count);
            return ExitCode::FAILURE;
        }
        let plan = Plan::from_seed(*seed);
        println!("\nseed {seed} breaks a rule; looking for the shortest history that does");
        let short = shrunk(&plan, outcome);
        print!("\n{short}");
        if let Some(failure) = run(&short, false).failure {
            println!("\nbroken: {failure}");
        }
        let keep: Vec<_> = plan.places_of(&short).iter().map(ToString::to_string).collect();
        let keep = keep.join(",");
        println!("\nagain, with all that happens:");
        println!("  bellwire-sim run --seed {seed} --keep {keep} --trace");
        ExitCode::FAILURE
    }
}

fn shrunk(plan: &Plan, outcome: &Outcome) -> Plan {
    match &outcome.failure {
        Some(failure) => shrink(plan, failure),
        None => plan.clone(),
    }
}
