//! `bellwire-bench idle`: what a device that only waits takes of the server's memory.

use std::{ops::Range, time::Instant};

use clap::Args;
use serde::Serialize;

use crate::{
    files,
    load::{
        faults::Faults,
        lines::{Lines, Peer},
    },
    measure::{Limit, count},
    outcome::Outcome,
    server::{Server, ServerArgs},
    table::{Table, number},
};

/// Where the slope begins: what a server sets up once is paid for by then.
const FIRST: usize = 1_000;

/// Memory of the server for each device that is logged in and does nothing.
#[derive(Debug, Clone, Args)]
pub(crate) struct IdleArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Devices to log in, one user each.
    #[arg(long, default_value_t = 15_000, value_parser = clap::value_parser!(u32).range(2..))]
    devices: u32,
    /// Prints one JSON document instead of the table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    /// The slope between the first and the last measurement.
    server_bytes_per_device: f64,
    devices: usize,
    /// The limit that kept it from the devices asked for.
    limit: Option<Limit>,
    measurements: Vec<Point>,
    logins_per_s: f64,
    errors: u64,
}

/// Memory with so many devices.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Point {
    pub(crate) devices: usize,
    /// Resident memory of the server.
    pub(crate) rss_bytes: u64,
}

/// Runs it.
pub(crate) fn run(args: &IdleArgs) -> anyhow::Result<Outcome> {
    let server = Server::open(&args.server)?;
    let wanted = args.devices as usize;
    let devices = wanted.min(files::most_devices());
    if devices < wanted {
        let limit = files::limit();
        eprintln!("{devices} devices instead of {wanted}: the limit of open files is {limit}");
    }
    let mut faults = Faults::default();
    let mut measurements = vec![Point { devices: 0, rss_bytes: server.process.resident_bytes()? }];
    let mut lines = Lines::new(server.address, Peer::Bellwire)?;
    let name = crate::run_name();
    let mut seconds = 0.0;
    for upto in [FIRST.min(devices / 2), devices] {
        let begun = Instant::now();
        eprintln!("logging in {upto} devices");
        log_in(&mut lines, upto, &name)?;
        seconds += begun.elapsed().as_secs_f64();
        measurements.push(settled(&server, &mut lines)?);
    }
    while let Some((_, why)) = lines.closed() {
        faults.note(why);
    }
    let report = Report {
        server_bytes_per_device: slope(&measurements[1..]),
        devices,
        limit: (devices < wanted).then_some(Limit::OpenFiles),
        logins_per_s: count(devices as u64) / seconds,
        errors: faults.count(),
        measurements,
    };
    Outcome::of(&report, args.json, &report.text(), &faults)
}

/// Logs in devices until there are `upto` of them.
pub(crate) fn log_in(lines: &mut Lines, upto: usize, name: &str) -> anyhow::Result<()> {
    let new: Range<usize> = lines.len()..upto;
    lines.log_in(new.map(|i| format!("{name}i{i}")).collect())?;
    Ok(())
}

/// The server's memory, once it has settled.
pub(crate) fn settled(server: &Server, lines: &mut Lines) -> anyhow::Result<Point> {
    let rss_bytes = server.process.settled_bytes(|until| lines.rest(until))?;
    Ok(Point { devices: lines.len(), rss_bytes })
}

/// Bytes for each device from the first point to the last.
pub(crate) fn slope(points: &[Point]) -> f64 {
    let [first, .., last] = points else { return 0.0 };
    let devices = count(last.devices.saturating_sub(first.devices) as u64).max(1.0);
    (count(last.rss_bytes) - count(first.rss_bytes)) / devices
}

impl Report {
    fn text(&self) -> String {
        let mut table = Table::new(["devices", "server memory, MiB"]);
        for point in &self.measurements {
            let mib = count(point.rss_bytes) / 1_048_576.0;
            table.row([point.devices.to_string(), number(mib, 1)]);
        }
        let each = number(self.server_bytes_per_device, 0);
        let from = self.measurements.get(1).map_or(0, |point| point.devices);
        let logins = number(self.logins_per_s, 0);
        format!(
            "{}\n  {each} bytes for each device, from {from} devices on; {logins} logins a second\n",
            table.text()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_leaves_out_what_is_paid_once() {
        let point = |devices, rss_bytes| Point { devices, rss_bytes };
        let points =
            [point(1_000, 30_000_000), point(5_000, 50_000_000), point(11_000, 90_000_000)];
        assert!((slope(&points) - 6_000.0).abs() < 1e-6);
        assert!(slope(&points[..1]).abs() < 1e-6);
    }
}
