//! What `calls` found, for programs and for people.

use std::collections::BTreeMap;

use serde::Serialize;

use super::CallsArgs;
use crate::{
    business::By,
    load::{
        faults::Faults,
        latencies::{Latencies, LatencyMs},
    },
    measure::{Limit, Measured, median},
    relay::Script,
    table::{Table, number},
};

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whole call lives a second; the median of the rounds, as are the next three.
    calls_per_s: f64,
    /// By the second of the server's processor time.
    calls_per_server_cpu_s: f64,
    /// The same through the relay.
    relay_calls_per_s: f64,
    relay_calls_per_server_cpu_s: f64,
    /// The server's calls per second of its processor time over the relay's.
    of_relay: f64,
    /// Over all rounds of the server.
    latency_ms: LatencyMs,
    relay_latency_ms: LatencyMs,
    /// Lives that failed, and connections lost.
    errors: u64,
    errors_by_kind: BTreeMap<String, u64>,
    /// Lives that were due and could not begin in time, or failed.
    missed: u64,
    /// What kept it from going faster, in most rounds.
    limit: Limit,
    relay_limit: Limit,
    memory: Memory,
    rounds: Vec<RoundReport>,
    relay_rounds: Vec<RoundReport>,
    pairs: u32,
    in_flight: Option<u32>,
    rate: Option<f64>,
    /// How a business server was asked and told, and what came to it.
    business: Option<BusinessReport>,
    /// What one life makes the server send.
    frames_out_per_life: usize,
    bytes_out_per_life: usize,
}

/// The server's resident memory, in bytes.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Memory {
    /// Before anybody logged in.
    pub(crate) rss_empty: u64,
    /// With all pairs logged in, before they call.
    pub(crate) rss_before: u64,
    /// After all calls.
    pub(crate) rss_after: u64,
    /// What a live call adds; none when too few were held.
    pub(crate) bytes_per_live_call: Option<u64>,
}

/// A business server beside the load.
#[derive(Debug, Serialize)]
struct BusinessReport {
    by: By,
    questions: u64,
    events: u64,
}

/// One round.
#[derive(Debug, Serialize)]
struct RoundReport {
    calls: u64,
    seconds: f64,
    calls_per_s: f64,
    calls_per_server_cpu_s: f64,
    /// Cores in use on average: by the process under load, the generator, and all others.
    server_cores: f64,
    generator_cores: f64,
    other_cores: f64,
    limit: Limit,
}

impl Report {
    pub(super) fn new(
        args: &CallsArgs,
        rounds: &[Measured],
        relay_rounds: &[Measured],
        memory: Memory,
        script: &Script,
        faults: &Faults,
        heard: Option<(u64, u64)>,
    ) -> Self {
        let cost = |rounds: &[Measured]| median(rounds.iter().map(Measured::calls_per_cpu_s));
        let pace = |rounds: &[Measured]| median(rounds.iter().map(Measured::calls_per_s));
        let (frames_out_per_life, bytes_out_per_life) = script.size();
        Self {
            calls_per_s: pace(rounds),
            calls_per_server_cpu_s: cost(rounds),
            relay_calls_per_s: pace(relay_rounds),
            relay_calls_per_server_cpu_s: cost(relay_rounds),
            of_relay: cost(rounds) / cost(relay_rounds).max(f64::EPSILON),
            latency_ms: latencies(rounds),
            relay_latency_ms: latencies(relay_rounds),
            errors: faults.count(),
            errors_by_kind: faults.by_kind().clone(),
            missed: rounds.iter().map(|seen| seen.round.missed).sum(),
            limit: usual_limit(rounds),
            relay_limit: usual_limit(relay_rounds),
            memory,
            rounds: rounds.iter().map(RoundReport::new).collect(),
            relay_rounds: relay_rounds.iter().map(RoundReport::new).collect(),
            pairs: args.pairs,
            in_flight: args.rate.is_none().then_some(args.in_flight),
            rate: args.rate,
            business: args.business.zip(heard).map(|(by, (questions, events))| BusinessReport {
                by,
                questions,
                events,
            }),
            frames_out_per_life,
            bytes_out_per_life,
        }
    }

    /// For people.
    pub(super) fn text(&self, faults: &Faults) -> String {
        let spread = |rounds: &[RoundReport]| {
            let costs = || rounds.iter().map(|round| round.calls_per_server_cpu_s);
            let (low, high) =
                costs().fold((f64::MAX, 0.0), |(low, high), cost| (cost.min(low), cost.max(high)));
            format!("{} to {}", number(low, 0), number(high, 0))
        };
        let mut pace = Table::new(["", "calls/s", "per CPU second", "spread", "limit"]);
        for (name, calls, cost, rounds, limit) in [
            ("bellwire", self.calls_per_s, self.calls_per_server_cpu_s, &self.rounds, self.limit),
            (
                "relay without logic",
                self.relay_calls_per_s,
                self.relay_calls_per_server_cpu_s,
                &self.relay_rounds,
                self.relay_limit,
            ),
        ] {
            let limit = limit.text().to_owned();
            pace.row([name.to_owned(), number(calls, 0), number(cost, 0), spread(rounds), limit]);
        }
        let mut times =
            Table::new(["milliseconds", "p50", "p90", "p99", "max", "relay p50", "p99"]);
        let both = self.latency_ms.named().into_iter().zip(self.relay_latency_ms.named());
        for ((name, ms), (_, relay)) in both {
            let numbers = [ms.p50, ms.p90, ms.p99, ms.max, relay.p50, relay.p99];
            times.row([name.to_owned()].into_iter().chain(numbers.map(|ms| number(ms, 2))));
        }
        let load = match (self.rate, self.in_flight) {
            (Some(rate), _) => format!("{} a second", number(rate, 1)),
            (None, in_flight) => format!("{} in flight", in_flight.unwrap_or_default()),
        };
        format!(
            "{} pairs, {load}; {} frames and {} bytes of JSON out a life\n\n{}\n{}\n  {:.2} of the \
             relay, by processor time\n{}  {} errors, {} lives missed\n{}",
            self.pairs,
            self.frames_out_per_life,
            self.bytes_out_per_life,
            pace.text(),
            times.text(),
            self.of_relay,
            self.memory.text(),
            self.errors,
            self.missed,
            faults.text(),
        )
    }
}

impl Memory {
    #[expect(clippy::cast_precision_loss, reason = "bytes of memory are below 2^53")]
    fn text(self) -> String {
        let [empty, before, after] = [self.rss_empty, self.rss_before, self.rss_after]
            .map(|bytes| number(bytes as f64 / 1_048_576.0, 1));
        let live = self.bytes_per_live_call.map_or_else(String::new, |bytes| {
            format!("; a live call takes {} bytes", number(bytes as f64, 0))
        });
        format!(
            "  server memory {empty} MiB at its start, {before} before the calls, {after} after \
             them{live}\n"
        )
    }
}

impl RoundReport {
    fn new(seen: &Measured) -> Self {
        Self {
            calls: seen.round.lives,
            seconds: seen.round.seconds,
            calls_per_s: seen.calls_per_s(),
            calls_per_server_cpu_s: seen.calls_per_cpu_s(),
            server_cores: seen.subject.cores,
            generator_cores: seen.generator.cores,
            other_cores: seen.others_cores(),
            limit: seen.limit(),
        }
    }
}

fn latencies(rounds: &[Measured]) -> LatencyMs {
    let mut all = Latencies::default();
    for seen in rounds {
        all.add(&seen.round.latencies);
    }
    all.in_ms()
}

/// The limit of most rounds.
fn usual_limit(rounds: &[Measured]) -> Limit {
    let mut limits: Vec<Limit> = rounds.iter().map(Measured::limit).collect();
    limits.sort_unstable();
    let of = |limit: &Limit| limits.iter().filter(|&other| other == limit).count();
    limits.iter().copied().max_by_key(of).unwrap_or(Limit::InFlight)
}
