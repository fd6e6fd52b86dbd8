//! `bellwire-bench hostile`: what honest calls notice while others attack the server.

use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use crate::{
    attack::{Attack, Kind},
    files,
    load::{
        faults::Faults,
        generator::{Generator, Pace, Round},
        latencies::{LatencyMs, StageMs},
        lines::{Lines, Peer},
    },
    outcome::Outcome,
    server::{Server, ServerArgs},
    table::{Table, number},
};

/// After an attack, before the next quiet is measured: the server lets go of what it was sent.
const RECOVERY: Duration = Duration::from_secs(1);
/// One attacking device for so many honest ones, where there is a number of them.
const HONEST_PER_ATTACKER: usize = 10;

/// Honest calls beside attackers: failures, and how much slower they get.
#[derive(Debug, Clone, Args)]
pub(crate) struct HostileArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Honest pairs.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Honest lives a second.
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// Seconds of quiet before each attack, and seconds of each attack.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// The attacks to try, by default all; as `--attack starts --attack frames`.
    #[arg(long = "attack", value_enum)]
    attacks: Vec<Kind>,
    /// Attempts a second, instead of each attack's usual pace.
    #[arg(long)]
    pace: Option<f64>,
    /// Prints one JSON document instead of the table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    attacks: Vec<AttackReport>,
    /// Honest lives that failed, in quiet and under attack.
    errors: u64,
    /// The greatest ratio of the attacks.
    worst_p99_ratio: f64,
    pairs: u32,
    rate: f64,
}

#[derive(Debug, Serialize)]
struct AttackReport {
    attack: &'static str,
    attempts: u64,
    attempts_per_s: f64,
    /// Honest lives under attack, those of them that failed, and those that were not begun in
    /// time.
    lives: u64,
    honest_failures: u64,
    missed: u64,
    /// All four stages of the lives as one.
    quiet_ms: StageMs,
    loaded_ms: StageMs,
    p50_ratio: f64,
    p99_ratio: f64,
    /// Stage by stage.
    quiet_latency_ms: LatencyMs,
    loaded_latency_ms: LatencyMs,
}

/// Runs it.
pub(crate) fn run(args: &HostileArgs) -> anyhow::Result<Outcome> {
    files::check(2 * args.pairs as usize)?;
    // Other apps than that of development hold a user to what people do: here to four times what
    // the honest do.
    let starts = (4.0 * 60.0 * args.rate / f64::from(args.pairs)).ceil().max(200.0).to_string();
    let server = Server::open_flagged(&args.server, &["--limits-starts-per-minute", &starts])?;
    let name = crate::run_name();
    let mut honest = Generator::new(Lines::new(server.address, Peer::Bellwire)?);
    honest.add_pairs(args.pairs as usize, &name)?;
    let (pace, length) = (Pace::Rate(args.rate.max(0.1)), Duration::from_secs_f64(args.seconds));
    let mut faults = honest.drive(pace, length.min(Duration::from_secs(2)))?.faults;
    let slow = (2 * args.pairs as usize).div_ceil(HONEST_PER_ATTACKER);

    let mut attacks = Vec::new();
    let kinds = if args.attacks.is_empty() { &Kind::ALL[..] } else { &args.attacks };
    for &kind in kinds {
        eprintln!("quiet, then {}", kind.name());
        let quiet = honest.drive(pace, length)?;
        let tries = args.pace.unwrap_or_else(|| kind.usual_pace());
        let attack_name = format!("{name}{}", kind.name());
        let attack = Attack::begin(kind, server.address, tries, slow, &attack_name)?;
        let loaded = honest.drive(pace, length)?;
        let attempts = attack.end()?;
        honest.lines.rest(Instant::now() + RECOVERY)?;
        faults.add(&quiet.faults);
        faults.add(&loaded.faults);
        attacks.push(AttackReport::new(kind, attempts, &quiet, &loaded));
    }
    faults.add(&honest.take_faults());
    let worst_p99_ratio = attacks.iter().map(|attack| attack.p99_ratio).fold(0.0, f64::max);
    let (pairs, rate) = (args.pairs, args.rate);
    let report = Report { attacks, errors: faults.count(), worst_p99_ratio, pairs, rate };
    Outcome::of(&report, args.json, &report.text(&faults), &faults)
}

impl AttackReport {
    fn new(kind: Kind, attempts: u64, quiet: &Round, loaded: &Round) -> Self {
        let (quiet_ms, loaded_ms) = (quiet.latencies.all().in_ms(), loaded.latencies.all().in_ms());
        let over = |loaded: f64, quiet: f64| loaded / quiet.max(f64::EPSILON);
        Self {
            attack: kind.name(),
            attempts,
            attempts_per_s: crate::measure::count(attempts) / loaded.seconds.max(f64::EPSILON),
            lives: loaded.lives,
            honest_failures: loaded.faults.count(),
            missed: loaded.missed,
            p50_ratio: over(loaded_ms.p50, quiet_ms.p50),
            p99_ratio: over(loaded_ms.p99, quiet_ms.p99),
            quiet_ms,
            loaded_ms,
            quiet_latency_ms: quiet.latencies.in_ms(),
            loaded_latency_ms: loaded.latencies.in_ms(),
        }
    }
}

impl Report {
    fn text(&self, faults: &Faults) -> String {
        let mut table = Table::new([
            "attack",
            "attempts/s",
            "honest lives",
            "failed",
            "p50 ms quiet",
            "attacked",
            "p99 ms quiet",
            "attacked",
            "p99 ratio",
        ]);
        for attack in &self.attacks {
            let AttackReport { quiet_ms: quiet, loaded_ms: loaded, .. } = attack;
            let numbers = [quiet.p50, loaded.p50, quiet.p99, loaded.p99, attack.p99_ratio];
            let counts = [attack.lives.to_string(), attack.honest_failures.to_string()];
            let first = [attack.attack.to_owned(), number(attack.attempts_per_s, 0)];
            let numbers = numbers.map(|value| number(value, 2));
            table.row(first.into_iter().chain(counts).chain(numbers));
        }
        format!(
            "{} honest pairs, {} lives a second\n\n{}{}",
            self.pairs,
            number(self.rate, 0),
            table.text(),
            faults.text()
        )
    }
}
