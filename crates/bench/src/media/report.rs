//! What `media` found, for programs and for people.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Carrier, MediaArgs,
    shape::{Scenario, Shape},
    turn::Turn,
};
use crate::{
    load::{
        faults::Faults,
        latencies::{Stage, StageMs},
    },
    measure::{Limit, median},
    table::{Table, number},
};

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    scenario: Scenario,
    shape: Shape,
    spread_ms: u32,
    seconds: f64,
    carriers: Vec<Carried>,
    /// The server's Mbit by the processor second over Janus's in the same round.
    of_janus: Option<Spread>,
    /// Streams of which nothing came, and connections lost.
    errors: u64,
    errors_by_kind: BTreeMap<String, u64>,
}

/// What a carrier did: medians of the rounds.
#[derive(Debug, Serialize)]
struct Carried {
    carrier: Carrier,
    mbit_per_s: f64,
    packets_per_s: f64,
    server: Option<Price>,
    /// From writing a packet to having it decrypted; of all rounds.
    delay_ms: StageMs,
    /// Packets that did not come in the end, of those that should have.
    lost: u64,
    expected: u64,
    /// Cores in use on average, by the clients, their busiest thread, and all other programs.
    clients_cores: f64,
    clients_busiest_thread: f64,
    other_cores: f64,
    /// What kept more from flowing, in most rounds.
    limit: Limit,
}

/// What a server took for it.
#[derive(Debug, Serialize)]
struct Price {
    cores: f64,
    /// By the second of its processor time.
    mbit_per_cpu_s: Spread,
    packets_per_cpu_s: Spread,
    /// A participant's sound and picture, forwarded for a second to another one.
    streams_per_cpu_s: Spread,
    /// Resident memory.
    bytes_per_participant: Option<f64>,
}

/// A median, and the least and the most of the rounds.
#[derive(Debug, Clone, Copy, Serialize)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Report {
    pub(super) fn new(args: &MediaArgs, shape: Shape, turns: &[Turn], faults: &Faults) -> Self {
        let of = |carrier: Carrier| turns.iter().filter(move |turn| turn.carrier == carrier);
        let all = [Carrier::Direct, Carrier::Bellwire, Carrier::Janus];
        let carriers = all.into_iter().filter_map(|carrier| Carried::of(carrier, of(carrier)));
        let by_cpu = |turn: &Turn| turn.by_cpu_s(turn.mbit());
        let rounds = of(Carrier::Bellwire).zip(of(Carrier::Janus));
        let ratios = rounds.filter_map(|(own, janus)| Some(by_cpu(own)? / by_cpu(janus)?));
        Self {
            scenario: args.scenario,
            shape,
            spread_ms: args.spread_ms,
            seconds: args.seconds,
            of_janus: Spread::of(ratios),
            carriers: carriers.collect(),
            errors: faults.count(),
            errors_by_kind: faults.by_kind().clone(),
        }
    }

    /// What people read.
    pub(super) fn text(&self, faults: &Faults) -> String {
        let Shape { rooms, members, senders } = self.shape;
        let mut text = format!("  {rooms} rooms of {members}, of whom {senders} send\n\n");
        let mut table = Table::new([
            "",
            "Mbit/s",
            "cores",
            "Mbit/CPU s",
            "least",
            "most",
            "packets/CPU s",
            "streams/CPU s",
            "KiB each",
        ]);
        for carried in &self.carriers {
            let mut row = vec![carried.name().to_owned(), number(carried.mbit_per_s, 0)];
            row.extend(carried.server.iter().flat_map(Price::cells));
            table.row(row);
        }
        text += &table.text();
        text.push('\n');
        let mut table = Table::new([
            "",
            "delay p50, ms",
            "p90",
            "p99",
            "max",
            "lost",
            "of",
            "clients' cores",
            "others'",
            "held back by",
        ]);
        for carried in &self.carriers {
            table.row(carried.delay_cells());
        }
        text += &table.text();
        if let Some(Spread { median, least, most }) = self.of_janus {
            let line =
                format!("\n  {median:.2} times Janus ({least:.2} to {most:.2}), Mbit/CPU s\n");
            text += &line;
        }
        text + &faults.text()
    }
}

impl Carried {
    fn of<'a>(carrier: Carrier, turns: impl Iterator<Item = &'a Turn>) -> Option<Self> {
        let turns: Vec<&Turn> = turns.collect();
        if turns.is_empty() {
            return None;
        }
        let middle = |of: &dyn Fn(&Turn) -> f64| median(turns.iter().map(|turn| of(turn)));
        let spread = |of: &dyn Fn(&Turn) -> f64| {
            Spread::of(turns.iter().filter_map(|turn| turn.by_cpu_s(of(turn))))
        };
        let price = || {
            let memory: Vec<f64> =
                turns.iter().filter_map(|turn| turn.bytes_per_participant()).collect();
            Some(Price {
                cores: median(turns.iter().filter_map(|turn| turn.server_cores())),
                mbit_per_cpu_s: spread(&Turn::mbit)?,
                packets_per_cpu_s: spread(&Turn::packets)?,
                streams_per_cpu_s: spread(&Turn::streams)?,
                bytes_per_participant: (!memory.is_empty()).then(|| median(memory)),
            })
        };
        let mut delays = Stage::default();
        for turn in &turns {
            delays.add(turn.delays());
        }
        let mut limits: Vec<Limit> = turns.iter().map(|turn| turn.limit()).collect();
        limits.sort_unstable();
        let times = |limit: &Limit| limits.iter().filter(|&other| other == limit).count();
        Some(Self {
            carrier,
            mbit_per_s: middle(&|turn| turn.mbit() / turn.seconds()),
            packets_per_s: middle(&|turn| turn.packets() / turn.seconds()),
            server: price(),
            delay_ms: delays.in_ms(),
            lost: turns.iter().map(|turn| turn.lost()).sum(),
            expected: turns.iter().map(|turn| turn.expected()).sum(),
            clients_cores: middle(&|turn| turn.generator.cores),
            clients_busiest_thread: middle(&|turn| turn.generator.busiest_thread),
            other_cores: middle(&Turn::other_cores),
            limit: limits.iter().copied().max_by_key(times).unwrap_or(Limit::Rate),
        })
    }

    fn name(&self) -> &'static str {
        match self.carrier {
            Carrier::Direct => "direct",
            Carrier::Bellwire => "bellwire",
            Carrier::Janus => "janus",
        }
    }

    fn delay_cells(&self) -> [String; 10] {
        let StageMs { p50, p90, p99, max } = self.delay_ms;
        [
            self.name().to_owned(),
            number(p50, 2),
            number(p90, 2),
            number(p99, 2),
            number(max, 1),
            self.lost.to_string(),
            self.expected.to_string(),
            number(self.clients_cores, 2),
            number(self.other_cores, 2),
            self.limit.text().to_owned(),
        ]
    }
}

impl Price {
    fn cells(&self) -> [String; 7] {
        let kib = self.bytes_per_participant.map(|bytes| number(bytes / 1_024.0, 0));
        [
            number(self.cores, 2),
            number(self.mbit_per_cpu_s.median, 0),
            number(self.mbit_per_cpu_s.least, 0),
            number(self.mbit_per_cpu_s.most, 0),
            number(self.packets_per_cpu_s.median, 0),
            number(self.streams_per_cpu_s.median, 0),
            kib.unwrap_or_default(),
        ]
    }
}

impl Spread {
    /// Of what there was in the rounds.
    fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        let least = values.iter().copied().reduce(f64::min)?;
        let most = values.iter().copied().reduce(f64::max)?;
        Some(Self { median: median(values), least, most })
    }
}
