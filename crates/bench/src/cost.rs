//! `bellwire-bench cost`: whether a call life costs the same however many devices are logged in
//! and however many calls are live.
//!
//! A second server with the callers alone runs beside the one that is filled up, in turns of a
//! second: the ratio of the two is the finding, since the machine's own pace cancels out of it.

use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use crate::{
    files,
    load::{
        faults::Faults,
        generator::{Generator, Pace},
        lines::{Lines, Peer},
    },
    measure::{count, measure, median},
    outcome::Outcome,
    server::{OwnServerArgs, Server},
    table::{Table, number},
};

/// The pairs that call while the cost is measured: a thousand devices.
const PAIRS: usize = 500;
/// Devices logged in, the callers included.
const DEVICES: [usize; 5] = [1_000, 2_000, 5_000, 10_000, 15_000];
/// Calls held while others come and go.
const LIVE: [usize; 4] = [10, 100, 1_000, 5_000];
/// Lives in flight.
const IN_FLIGHT: usize = 64;
/// For how long upkeep (pings above all) is measured alone: the time between two pings of a device
/// in a call.
const UPKEEP: Duration = Duration::from_secs(5);
/// Files for the server that is filled up, those of the other left aside.
const REFERENCE_FILES: usize = 2 * PAIRS;

/// What a call life costs at more and more devices and live calls.
#[derive(Debug, Clone, Args)]
pub(crate) struct CostArgs {
    #[command(flatten)]
    server: OwnServerArgs,
    /// Turns of a second at each step, for each of the two servers.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
    rounds: u32,
    /// The most devices; the steps beyond are left out.
    #[arg(long, default_value_t = 15_000)]
    devices: usize,
    /// The most live calls; the steps beyond are left out.
    #[arg(long, default_value_t = 5_000)]
    live: usize,
    /// Prints one JSON document instead of the table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    by_devices: Vec<Step>,
    by_live_calls: Vec<Step>,
    /// The greatest over the least of the ratios of a list: 1.2 is the same within a fifth.
    spread_by_devices: f64,
    spread_by_live_calls: f64,
    errors: u64,
}

#[derive(Debug, Clone, Serialize)]
struct Step {
    devices: usize,
    live_calls: usize,
    /// Processor time of the server for a life, in microseconds, its upkeep left out.
    us_per_life: f64,
    /// The same on the server with the callers alone, in the same seconds.
    reference_us_per_life: f64,
    ratio: f64,
    /// Cores that the server takes on average while nobody calls.
    upkeep_cores: f64,
}

/// A server and the devices on it.
struct Side {
    server: Server,
    generator: Generator,
}

/// Runs it.
pub(crate) fn run(args: &CostArgs) -> anyhow::Result<Outcome> {
    let name = crate::run_name();
    let mut faults = Faults::default();
    let mut reference = Side::open(args, &name)?;
    let most = files::most_devices().saturating_sub(REFERENCE_FILES);

    let by_devices = by_devices(args, &mut reference, most, &mut faults)?;
    let by_live_calls = by_live_calls(args, &mut reference, most, &mut faults)?;
    let report = Report {
        spread_by_devices: spread(&by_devices),
        spread_by_live_calls: spread(&by_live_calls),
        by_devices,
        by_live_calls,
        errors: faults.count(),
    };
    Outcome::of(&report, args.json, &report.text(), &faults)
}

/// More and more devices on a server of their own, which ends with this.
fn by_devices(
    args: &CostArgs,
    reference: &mut Side,
    most: usize,
    faults: &mut Faults,
) -> anyhow::Result<Vec<Step>> {
    let name = crate::run_name();
    let mut full = Side::open(args, &name)?;
    let mut steps = Vec::new();
    for devices in DEVICES.into_iter().filter(|&n| n <= args.devices.min(most)) {
        eprintln!("{devices} devices");
        let more = devices.saturating_sub(full.generator.lines.len());
        full.generator.add_idle(more, &name)?;
        steps.push(step(&mut full, reference, args.rounds, 0, faults)?);
    }
    Ok(steps)
}

/// More and more live calls on a server of their own, which ends with this.
fn by_live_calls(
    args: &CostArgs,
    reference: &mut Side,
    most: usize,
    faults: &mut Faults,
) -> anyhow::Result<Vec<Step>> {
    let name = crate::run_name();
    let mut full = Side::open(args, &name)?;
    let mut steps = Vec::new();
    let mut held = 0;
    for live in LIVE.into_iter().filter(|&n| n <= args.live && 2 * (n + PAIRS) <= most) {
        eprintln!("{live} live calls");
        full.generator.add_pairs(live - held, &name)?;
        full.generator.hold(live - held, IN_FLIGHT)?;
        held = live;
        steps.push(step(&mut full, reference, args.rounds, live, faults)?);
    }
    Ok(steps)
}

impl Side {
    /// A server with the callers, warmed up.
    fn open(args: &CostArgs, name: &str) -> anyhow::Result<Self> {
        let server = Server::start(&args.server)?;
        let mut generator = Generator::new(Lines::new(server.address, Peer::Bellwire)?);
        generator.add_pairs(PAIRS, name)?;
        generator.drive(Pace::InFlight(IN_FLIGHT), Duration::from_secs(1))?;
        Ok(Self { server, generator })
    }

    /// Lives calls for a second; the processor time of a life in microseconds, and that which goes
    /// into upkeep taken off.
    fn us_per_life(&mut self, upkeep_cores: f64, faults: &mut Faults) -> anyhow::Result<f64> {
        let (pace, length) = (Pace::InFlight(IN_FLIGHT), Duration::from_secs(1));
        let seen = measure(&mut self.generator, self.server.process, pace, length)?;
        faults.add(&seen.round.faults);
        let cpu_s = seen.subject.seconds - upkeep_cores * seen.round.seconds;
        Ok(cpu_s.max(0.0) * 1e6 / count(seen.round.lives).max(1.0))
    }

    /// Cores in use while nobody calls.
    fn upkeep_cores(&mut self) -> anyhow::Result<f64> {
        let begin = self.server.process.cpu()?;
        self.generator.lines.rest(Instant::now() + UPKEEP)?;
        Ok(self.server.process.cpu_since(&begin)?.cores)
    }
}

fn step(
    full: &mut Side,
    reference: &mut Side,
    rounds: u32,
    live_calls: usize,
    faults: &mut Faults,
) -> anyhow::Result<Step> {
    // What logging in and ringing left to do is over before upkeep is measured.
    full.server.process.settled_bytes(|until| full.generator.lines.rest(until))?;
    let upkeep_cores = full.upkeep_cores()?;
    let (mut costs, mut reference_costs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        reference.generator.lines.rest(Instant::now() + Duration::from_millis(10))?;
        reference_costs.push(reference.us_per_life(0.0, faults)?);
        full.generator.lines.rest(Instant::now() + Duration::from_millis(10))?;
        costs.push(full.us_per_life(upkeep_cores, faults)?);
    }
    // Each turn is compared with its neighbour: the machine's pace changes between turns.
    let ratios = costs.iter().zip(&reference_costs).map(|(us, other)| us / other.max(f64::EPSILON));
    Ok(Step {
        devices: full.generator.lines.len(),
        live_calls,
        ratio: median(ratios),
        us_per_life: median(costs.iter().copied()),
        reference_us_per_life: median(reference_costs.iter().copied()),
        upkeep_cores,
    })
}

fn spread(steps: &[Step]) -> f64 {
    let ratios = || steps.iter().map(|step| step.ratio);
    ratios().fold(0.0, f64::max) / ratios().fold(f64::MAX, f64::min)
}

impl Report {
    fn text(&self) -> String {
        let headings =
            ["devices", "live calls", "µs a life", "with callers alone", "ratio", "upkeep, cores"];
        let list = |what: &str, steps: &[Step], spread: f64| {
            let mut table = Table::new(headings);
            for step in steps {
                table.row([
                    step.devices.to_string(),
                    step.live_calls.to_string(),
                    number(step.us_per_life, 0),
                    number(step.reference_us_per_life, 0),
                    number(step.ratio, 2),
                    number(step.upkeep_cores, 3),
                ]);
            }
            let (table, spread) = (table.text(), number(spread, 2));
            format!("{table}  greatest over least, by {what}: {spread}\n\n")
        };
        list("devices", &self.by_devices, self.spread_by_devices)
            + &list("live calls", &self.by_live_calls, self.spread_by_live_calls)
            + &format!("  {} errors\n", self.errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_the_ratios() {
        let step = |ratio| Step {
            devices: 0,
            live_calls: 0,
            us_per_life: 0.0,
            reference_us_per_life: 0.0,
            ratio,
            upkeep_cores: 0.0,
        };
        assert!((spread(&[step(1.0), step(0.8), step(1.2)]) - 1.5).abs() < 1e-9);
    }
}
