//! Many histories, one after another on each core.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{Failure, Outcome, Plan, run};

/// Of so many seeds one is played twice.
const TWICE_EVERY: u64 = 128;

/// The histories of seeds that follow on each other.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    /// The first seed.
    pub from: u64,
    /// How many seeds.
    pub seeds: u64,
    /// How many threads play them.
    pub threads: usize,
    /// Whether to stop at the first that breaks a rule.
    pub stop: bool,
}

/// How far a campaign is.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Histories played.
    pub done: u64,
    /// Of so many.
    pub of: u64,
    /// The seeds of those that broke a rule, as they were found.
    pub failed: Vec<u64>,
    /// Requests made in all of them.
    pub commands: u64,
    /// Faults that happened in all of them.
    pub faults: u64,
    /// How often the server died.
    pub crashes: u64,
    /// How many calls ended for which reason.
    pub ends: BTreeMap<String, u64>,
    /// How long it has taken.
    pub took: Duration,
}

#[derive(Default)]
struct Counters {
    done: AtomicU64,
    failed: Mutex<Vec<u64>>,
    commands: AtomicU64,
    faults: AtomicU64,
    crashes: AtomicU64,
    ends: Mutex<BTreeMap<String, u64>>,
}

impl Campaign {
    /// Plays them all; those that broke a rule, the lowest seed first. `report` is told of the
    /// progress every so often, and at the end.
    pub fn run(&self, every: Duration, report: &mut dyn FnMut(&Progress)) -> Vec<(u64, Outcome)> {
        let begun = Instant::now();
        let next = AtomicU64::new(0);
        let stop = AtomicBool::new(false);
        let counters = Counters::default();
        let failed = Mutex::new(Vec::new());
        let play = || {
            while !stop.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= self.seeds {
                    return;
                }
                let seed = self.from + at;
                let outcome = play_seed(seed);
                counters.done.fetch_add(1, Ordering::Relaxed);
                counters.commands.fetch_add(outcome.commands, Ordering::Relaxed);
                counters.faults.fetch_add(outcome.faults, Ordering::Relaxed);
                counters.crashes.fetch_add(outcome.crashes, Ordering::Relaxed);
                let mut ends = locked(&counters.ends);
                for (reason, calls) in &outcome.ends {
                    *ends.entry(reason.clone()).or_default() += calls;
                }
                drop(ends);
                if outcome.failure.is_some() {
                    locked(&counters.failed).push(seed);
                    stop.fetch_or(self.stop, Ordering::Relaxed);
                    locked(&failed).push((seed, outcome));
                }
            }
        };
        std::thread::scope(|scope| {
            let players: Vec<_> = (0..self.threads).map(|_| scope.spawn(play)).collect();
            let mut told = Instant::now();
            while players.iter().any(|player| !player.is_finished()) {
                std::thread::sleep(Duration::from_millis(20));
                if told.elapsed() >= every {
                    told = Instant::now();
                    report(&self.progress(&counters, begun));
                }
            }
        });
        report(&self.progress(&counters, begun));
        let mut failed = std::mem::take(&mut *locked(&failed));
        failed.sort_by_key(|(seed, _)| *seed);
        failed
    }

    fn progress(&self, counters: &Counters, begun: Instant) -> Progress {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Progress {
            done: count(&counters.done),
            of: self.seeds,
            failed: locked(&counters.failed).clone(),
            commands: count(&counters.commands),
            faults: count(&counters.faults),
            crashes: count(&counters.crashes),
            ends: locked(&counters.ends).clone(),
            took: begun.elapsed(),
        }
    }
}

/// Plays a seed; every so often twice, which has to be the same.
fn play_seed(seed: u64) -> Outcome {
    let plan = Plan::from_seed(seed);
    let mut outcome = run(&plan, false);
    if seed.is_multiple_of(TWICE_EVERY) && outcome.failure.is_none() {
        let again = run(&plan, false);
        if again.fingerprint != outcome.fingerprint {
            let text = "the same seed was another history the second time".to_owned();
            outcome.failure = Some(Failure { rule: "same seed, same history".to_owned(), text });
        }
    }
    outcome
}

/// What a thread that panicked left is whole: each only adds to it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Progress {
    /// How the calls ended, for people.
    pub fn ends(&self) -> String {
        let ends = self.ends.iter().map(|(reason, calls)| format!("{calls} {reason}"));
        ends.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { done, of, failed, commands, faults, crashes, took, .. } = self;
        #[allow(clippy::cast_precision_loss)] // Shown with one digit.
        let rate = *done as f64 / took.as_secs_f64().max(0.001);
        write!(f, "{done} of {of} histories, {rate:.1}/s, {commands} commands, {faults} faults, ")?;
        write!(f, "{crashes} crashes")?;
        if let Some(last) = failed.last() {
            write!(f, "; {} FAILED, the last of them seed {last}", failed.len())?;
        }
        Ok(())
    }
}
