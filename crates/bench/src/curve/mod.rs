//! `bellwire-bench curve`: latency against rate and memory against devices, as plots and CSV.

mod plot;

use std::{fs, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use self::plot::{Line, Plot, Scale};
use crate::{
    files,
    idle::{self, Point},
    load::{
        faults::Faults,
        generator::{Generator, Pace},
        latencies::LatencyMs,
        lines::{Lines, Peer},
    },
    measure::{count, measure, median},
    outcome::Outcome,
    server::{OwnServerArgs, Server},
    table::{Table, number},
};

/// Devices that are logged in when the memory is read, and the most that is asked for besides.
const DEVICES: [u32; 6] = [1_000, 2_000, 4_000, 7_000, 10_000, 12_500];
/// Stretches whose middle is the peak.
const PEAK_ROUNDS: u32 = 3;

/// Draws latency against rate, and memory against devices.
#[derive(Debug, Clone, Args)]
pub(crate) struct CurveArgs {
    #[command(flatten)]
    server: OwnServerArgs,
    /// Pairs of devices that call each other.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Lives in flight while the peak is measured.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    in_flight: u32,
    /// Seconds at each rate.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// The most devices.
    #[arg(long, default_value_t = 15_000, value_parser = clap::value_parser!(u32).range(2..))]
    devices: u32,
    /// Where `latency.svg`, `memory.svg` and the CSV of the same names are written.
    #[arg(long, value_name = "DIR", default_value = "docs/plots")]
    out: PathBuf,
    /// Prints one JSON document instead of the table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    peak_calls_per_s: f64,
    latency: Vec<RatePoint>,
    memory: Vec<Point>,
    server_bytes_per_device: f64,
    errors: u64,
}

#[derive(Debug, Serialize)]
struct RatePoint {
    /// Of the peak, in percent.
    percent: u32,
    rate: f64,
    /// Lives that were due and could not begin in time.
    missed: u64,
    latency_ms: LatencyMs,
}

/// Runs it.
pub(crate) fn run(args: &CurveArgs) -> anyhow::Result<Outcome> {
    files::check(2 * args.pairs as usize)?;
    let mut faults = Faults::default();
    let (peak_calls_per_s, latency) = latency(args, &mut faults)?;
    let memory = memory(args, &mut faults)?;
    let report = Report {
        peak_calls_per_s,
        latency,
        server_bytes_per_device: idle::slope(&memory),
        memory,
        errors: faults.count(),
    };
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    for (name, text) in [
        ("latency.csv", report.latency_csv()),
        ("latency.svg", report.latency_plot().svg()),
        ("memory.csv", report.memory_csv()),
        ("memory.svg", report.memory_plot().svg()),
    ] {
        let path = args.out.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("{}", path.display());
    }
    Outcome::of(&report, args.json, &report.text(), &faults)
}

/// The peak, and the latencies at 10 to 90 percent of it.
fn latency(args: &CurveArgs, faults: &mut Faults) -> anyhow::Result<(f64, Vec<RatePoint>)> {
    let server = Server::start(&args.server)?;
    let mut generator = Generator::new(Lines::new(server.address, Peer::Bellwire)?);
    generator.add_pairs(args.pairs as usize, &crate::run_name())?;
    let length = Duration::from_secs_f64(args.seconds);
    let flat_out = Pace::InFlight(args.in_flight as usize);
    faults.add(&generator.drive(flat_out, length.min(Duration::from_secs(2)))?.faults);
    let mut peaks = Vec::new();
    for _ in 0..PEAK_ROUNDS {
        let part = length / PEAK_ROUNDS;
        let seen = measure(&mut generator, server.process, flat_out, part)?;
        faults.add(&seen.round.faults);
        peaks.push(seen.calls_per_s());
    }
    let peak = median(peaks);
    let mut points = Vec::new();
    for percent in (10..=90).step_by(10) {
        let rate = (peak * f64::from(percent) / 100.0).max(1.0);
        eprintln!("{percent} % of the peak: {rate:.0} calls a second");
        let round = generator.drive(Pace::Rate(rate), length)?;
        faults.add(&round.faults);
        let latency_ms = round.latencies.in_ms();
        points.push(RatePoint { percent, rate, missed: round.missed, latency_ms });
    }
    Ok((peak, points))
}

/// The server's memory with more and more devices.
fn memory(args: &CurveArgs, faults: &mut Faults) -> anyhow::Result<Vec<Point>> {
    let server = Server::start(&args.server)?;
    let mut lines = Lines::new(server.address, Peer::Bellwire)?;
    let most = (args.devices as usize).min(files::most_devices());
    let below = DEVICES.into_iter().map(|n| n as usize).filter(|&n| n < most);
    let mut points = Vec::new();
    for devices in below.chain([most]) {
        eprintln!("{devices} devices");
        idle::log_in(&mut lines, devices, &crate::run_name())?;
        points.push(idle::settled(&server, &mut lines)?);
    }
    while let Some((_, why)) = lines.closed() {
        faults.note(why);
    }
    Ok(points)
}

impl Report {
    fn latency_plot(&self) -> Plot {
        let line = |name: &str, pick: fn(&LatencyMs) -> f64| Line {
            name: name.to_owned(),
            points: self
                .latency
                .iter()
                .map(|point| (point.rate, pick(&point.latency_ms)))
                .collect(),
        };
        Plot {
            title: format!(
                "Latency against rate (peak: {} calls a second)",
                number(self.peak_calls_per_s, 0)
            ),
            x: "calls a second".to_owned(),
            y: "milliseconds".to_owned(),
            scale: Scale::Logarithmic,
            lines: vec![
                line("start → invited, p50", |ms| ms.invited.p50),
                line("start → invited, p99", |ms| ms.invited.p99),
                line("accept → started, p50", |ms| ms.started.p50),
                line("accept → started, p99", |ms| ms.started.p99),
            ],
        }
    }

    fn memory_plot(&self) -> Plot {
        let each = number(self.server_bytes_per_device / 1024.0, 1);
        let point = |point: &Point| (count(point.devices as u64), mib(point));
        Plot {
            title: format!("Server memory against idle devices ({each} KiB for each)"),
            x: "devices logged in".to_owned(),
            y: "resident memory, MiB".to_owned(),
            scale: Scale::Linear,
            lines: vec![Line {
                name: "resident memory".to_owned(),
                points: self.memory.iter().map(point).collect(),
            }],
        }
    }

    fn latency_csv(&self) -> String {
        let names = ["invited", "ringing", "started", "ended"]
            .map(|stage| ["p50", "p90", "p99", "max"].map(|part| format!(",{stage}_{part}_ms")));
        let rows = self.latency.iter().map(|point| {
            let RatePoint { percent, rate, missed, latency_ms } = point;
            let stages = latency_ms
                .named()
                .map(|(_, ms)| format!(",{:.3},{:.3},{:.3},{:.3}", ms.p50, ms.p90, ms.p99, ms.max));
            format!("{percent},{rate:.1},{missed}{}\n", stages.concat())
        });
        let names = names.concat().concat();
        format!("percent_of_peak,calls_per_s,missed{names}\n{}", rows.collect::<String>())
    }

    fn memory_csv(&self) -> String {
        let rows = self.memory.iter().map(|p| format!("{},{}\n", p.devices, p.rss_bytes));
        "devices,rss_bytes\n".to_owned() + &rows.collect::<String>()
    }

    fn text(&self) -> String {
        let mut rates = Table::new([
            "of the peak",
            "calls/s",
            "invited p50 ms",
            "p99",
            "started p50 ms",
            "p99",
            "missed",
        ]);
        for RatePoint { percent, rate, missed, latency_ms: ms } in &self.latency {
            let times = [ms.invited.p50, ms.invited.p99, ms.started.p50, ms.started.p99];
            let first = [format!("{percent} %"), number(*rate, 0)];
            let times = times.map(|ms| number(ms, 2));
            rates.row(first.into_iter().chain(times).chain([missed.to_string()]));
        }
        let mut memory = Table::new(["devices", "server memory, MiB"]);
        for point in &self.memory {
            memory.row([point.devices.to_string(), number(mib(point), 1)]);
        }
        let each = number(self.server_bytes_per_device, 0);
        format!(
            "{}\n{}  {each} bytes for each device\n  {} errors\n",
            rates.text(),
            memory.text(),
            self.errors
        )
    }
}

fn mib(point: &Point) -> f64 {
    count(point.rss_bytes) / 1_048_576.0
}
