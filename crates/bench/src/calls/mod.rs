//! `bellwire-bench calls`: whole call lives, beside the same lives through a relay without logic.

mod report;

use std::time::Duration;

use clap::Args;

use self::report::{Memory, Report};
use crate::{
    business::{Business, By},
    files,
    load::{
        faults::Faults,
        generator::{Generator, Pace},
        lines::{Lines, Peer},
    },
    measure::{Measured, measure},
    outcome::Outcome,
    relay::{Relay, Script},
    server::{Server, ServerArgs},
};

/// The relay is measured for this part of the server's time: it is the steadier of the two.
const RELAY_PART: f64 = 0.35;
/// How long both are driven before anything is measured, at most.
const WARM_UP: Duration = Duration::from_secs(2);

/// Whole call lives over real sockets, and what they cost the server.
#[derive(Debug, Clone, Args)]
pub(crate) struct CallsArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Pairs of devices that call each other.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Lives at any time, when no rate is given.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    in_flight: u32,
    /// Lives to begin a second, whatever the server does; latencies count from when each was due.
    #[arg(long, value_name = "LIVES_PER_S", value_parser = rate)]
    rate: Option<f64>,
    /// Seconds for which the server is measured; the relay takes a third more, besides logging in
    /// and warming up.
    #[arg(long, default_value_t = 20.0, value_parser = crate::seconds)]
    seconds: f64,
    /// Rounds into which that is parted, in turns with the relay; medians are reported.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Calls to hold at the same time for the memory that one takes; at most the pairs.
    #[arg(long, default_value_t = 1_000)]
    live: u32,
    /// Puts a business server beside the server, which is asked about every call and told every
    /// event.
    #[arg(long, value_name = "HOW")]
    business: Option<By>,
    /// Prints one JSON document instead of the table.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(crate) fn run(args: &CallsArgs) -> anyhow::Result<Outcome> {
    // Two devices a pair, on the server and on the relay.
    files::check(4 * args.pairs as usize)?;
    let mut business = args.business.map(Business::start).transpose()?;
    let server = Server::open_with(&args.server, business.as_mut())?;
    let name = crate::run_name();
    let empty_bytes = server.process.resident_bytes()?;
    eprintln!("logging in {} pairs", args.pairs);
    let mut subject = Generator::new(Lines::new(server.address, Peer::Bellwire)?);
    subject.add_pairs(args.pairs as usize, &name)?;
    let script = Script::from_life(&subject.take_down_a_life()?)?;
    let memory = hold(&server, &mut subject, args.live.min(args.pairs) as usize, empty_bytes)?;
    let relay = Relay::start(&script)?;
    let mut ceiling = Generator::new(Lines::new(relay.address, Peer::Relay)?);
    ceiling.add_pairs(args.pairs as usize, &name)?;
    let mut faults = subject.take_faults();

    let pace = args.rate.map_or(Pace::InFlight(args.in_flight as usize), Pace::Rate);
    let length = Duration::from_secs_f64(args.seconds / f64::from(args.rounds));
    let warm_up = WARM_UP.min(Duration::from_secs_f64(args.seconds / 4.0));
    eprintln!("warming up for {:.1} s", 1.5 * warm_up.as_secs_f64());
    for (generator, warm_up) in [(&mut subject, warm_up), (&mut ceiling, warm_up / 2)] {
        faults.add(&generator.drive(pace, warm_up)?.faults);
    }
    let (mut rounds, mut relay_rounds) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        let part = length.mul_f64(RELAY_PART);
        relay_rounds.push(counted(measure(&mut ceiling, relay.process, pace, part)?, &mut faults));
        // The pings of the other side's wait are answered first, not while it is measured.
        subject.lines.rest(std::time::Instant::now() + Duration::from_millis(20))?;
        let seen = counted(measure(&mut subject, server.process, pace, length)?, &mut faults);
        eprintln!("round {round} of {}: {:.0} calls/s", args.rounds, seen.calls_per_s());
        rounds.push(seen);
    }
    let after_bytes = server.process.settled_bytes(|until| subject.lines.rest(until))?;
    let memory = Memory { rss_after: after_bytes, ..memory };
    let heard = business.as_ref().map(Business::heard);
    if business.as_ref().is_some_and(Business::is_idle) {
        faults.note("a business server that heard nothing");
    }
    let report = Report::new(args, &rounds, &relay_rounds, memory, &script, &faults, heard);
    Outcome::of(&report, args.json, &report.text(&faults), &faults)
}

/// Notes the faults of a round. One without a single life is a fault too: a median may hide it.
fn counted(seen: Measured, faults: &mut Faults) -> Measured {
    faults.add(&seen.round.faults);
    if seen.round.lives == 0 {
        faults.note("a round without a single call");
    }
    seen
}

/// What the pairs and their live calls take in memory. The first tenth of the calls pays for what
/// the server sets up only once.
fn hold(
    server: &Server,
    generator: &mut Generator,
    live: usize,
    empty_bytes: u64,
) -> anyhow::Result<Memory> {
    let settled = |generator: &mut Generator| {
        server.process.settled_bytes(|until| generator.lines.rest(until))
    };
    let rss_before = settled(generator)?;
    let mut memory =
        Memory { rss_empty: empty_bytes, rss_before, rss_after: 0, bytes_per_live_call: None };
    let first = live / 10;
    if first == 0 {
        return Ok(memory);
    }
    eprintln!("holding {live} calls");
    generator.hold(first, 64)?;
    let some = settled(generator)?;
    generator.hold(live - first, 64)?;
    let all = settled(generator)?;
    generator.release()?;
    memory.bytes_per_live_call = Some(all.saturating_sub(some) / (live - first) as u64);
    Ok(memory)
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "a number of lives a second".to_owned())?;
    let fits = (0.1..=1_000_000.0).contains(&rate);
    fits.then_some(rate).ok_or_else(|| "0.1 to 1000000 lives a second".to_owned())
}
