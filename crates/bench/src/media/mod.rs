//! `bellwire-bench media`: what forwarding costs the server, how late it makes packets; beside
//! Janus, in turns, by the same clients.

mod bellwire;
mod content;
mod crowd;
mod direct;
mod endpoint;
mod janus;
mod report;
mod shape;
mod signal;
mod tally;
mod turn;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;

use self::{
    content::Writer,
    report::Report,
    shape::{Scenario, Shape},
    turn::Turn,
};
use crate::{load::faults::Faults, outcome::Outcome, process, server::ServerArgs};

/// Media through the server, and what it costs.
#[derive(Debug, Clone, Args)]
pub(crate) struct MediaArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Who sends to whom.
    #[arg(long, value_enum, default_value_t = Scenario::Pairs)]
    scenario: Scenario,
    /// Rooms; by default 40 pairs, 8 groups, or 1 broadcast.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=2_000))]
    rooms: Option<u16>,
    /// Participants of a room; by default 2, 4, or 60.
    #[arg(long, value_parser = clap::value_parser!(u16).range(2..=100))]
    members: Option<u16>,
    /// Seconds for which each is measured in a round.
    #[arg(long, default_value_t = 6.0, value_parser = crate::seconds)]
    seconds: f64,
    /// Rounds; in each, all are started anew and measured in turn. Medians are reported.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Sends the packets of a picture over so many milliseconds, as a pacer does, instead of at
    /// once.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=33))]
    spread_ms: u32,
    /// Measures a Janus beside the server; its binary, by default the one that is installed.
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "janus")]
    janus: Option<PathBuf>,
    /// Threads that route media in Janus; 0 is one for each connection, as Janus has it by itself.
    /// By default as many as there are cores.
    #[arg(long)]
    janus_loops: Option<u16>,
    /// Prints one JSON document instead of the table.
    #[arg(long)]
    json: bool,
}

/// What carries the media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Carrier {
    /// Nothing between the clients: pairs of them with as many streams.
    Direct,
    Bellwire,
    Janus,
}

/// What is sent in a run, and to whom.
#[derive(Debug, Clone)]
struct Media {
    shape: Shape,
    /// How the packets of a picture are spread.
    spread: Duration,
    /// What the users of this run are named with.
    name: String,
}

/// Runs it.
pub(crate) fn run(args: &MediaArgs) -> anyhow::Result<Outcome> {
    let shape = args.scenario.shape(args.rooms.map(usize::from), args.members.map(usize::from));
    // Two connections and a WebSocket for each, at most.
    crate::files::check(3 * shape.participants())?;
    let mut carriers = vec![Carrier::Direct, Carrier::Bellwire];
    carriers.extend(args.janus.is_some().then_some(Carrier::Janus));
    let (mut turns, mut faults) = (Vec::new(), Faults::default());
    for round in 1..=args.rounds {
        // Who comes first changes, so that nobody always has the better place.
        let place = round as usize % carriers.len();
        for &carrier in carriers[place..].iter().chain(&carriers[..place]) {
            let name = format!("{}m{round}", crate::run_name());
            let spread = Duration::from_millis(args.spread_ms.into());
            let turn = Turn::take(carrier, args, Media { shape, spread, name })?;
            eprintln!("round {round} of {}: {}", args.rounds, turn.text());
            faults.add(turn.faults());
            turns.push(turn);
        }
    }
    let report = Report::new(args, shape, &turns, &faults);
    Outcome::of(&report, args.json, &report.text(&faults), &faults)
}

impl MediaArgs {
    fn janus_loops(&self) -> usize {
        self.janus_loops.map_or_else(process::cores, usize::from)
    }
}

impl Media {
    /// The members of a room whom a member hears.
    fn senders_heard_by(&self, member: usize) -> impl Iterator<Item = usize> + use<> {
        (0..self.shape.senders).filter(move |sender| *sender != member)
    }

    /// The streams that a member of a room hears.
    fn heard_by(&self, room: usize, member: usize) -> Vec<u32> {
        let senders = self.senders_heard_by(member);
        senders.flat_map(|sender| self.streams(room, sender)).collect()
    }

    /// The sound and the picture of a sender.
    fn writers(&self, room: usize, sender: usize) -> [Writer; 2] {
        let [sound, picture] = self.streams(room, sender);
        let now = Instant::now();
        [Writer::new(sound, false, self.spread, now), Writer::new(picture, true, self.spread, now)]
    }

    fn streams(&self, room: usize, sender: usize) -> [u32; 2] {
        let number = u32::try_from(room * self.shape.senders + sender).unwrap_or(u32::MAX / 2);
        [2 * number, 2 * number + 1]
    }
}
