//! Call lives between pairs of devices, flat out or at a rate.
//!
//! At a rate the times when lives are due are laid down before, and latencies count from there: a
//! server that stalls delays the lives behind, and that is its own doing.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use anyhow::bail;

use super::{
    faults::Faults,
    latencies::Latencies,
    life::{Heard, Life, Next, Side, Step},
    lines::{Lines, Peer},
};
use crate::wire::said::{self, Said};

/// A life that takes longer has lost a frame.
const LIFE_PATIENCE: Duration = Duration::from_secs(10);
/// How often lives that take too long are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// From one life of a pair to its next. A device may send 100 requests a second and sends two a
/// life.
const PAIR_REST: Duration = Duration::from_millis(22);

/// How fast lives begin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// So many at any time, a new one when one is over.
    InFlight(usize),
    /// So many a second.
    Rate(f64),
}

/// What a stretch of driving did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Round {
    /// Lives that were lived to their end.
    pub(crate) lives: u64,
    /// Those of them that ended before the time was up.
    pub(crate) lives_in_time: u64,
    /// For how long lives were begun, in seconds.
    pub(crate) seconds: f64,
    /// Lives that were due and found no pair, or failed.
    pub(crate) missed: u64,
    /// Whether lives had to wait because every pair was calling or resting.
    pub(crate) short_of_pairs: bool,
    pub(crate) latencies: Latencies,
    pub(crate) faults: Faults,
}

/// Two devices that call, and their connections.
#[derive(Debug)]
struct Pair {
    life: Life,
    caller: usize,
    callee: usize,
    /// The user at the callee's device.
    to: String,
    /// The request of each side that is to be answered.
    asked: [u64; 2],
    /// Whether it stays in its call until it is released.
    holds: bool,
    /// Whether a life of it failed; it calls no more.
    broken: bool,
}

/// Pairs of devices on one server.
pub(crate) struct Generator {
    pub(crate) lines: Lines,
    pairs: Vec<Pair>,
    /// The pair and side of each connection; none of an idle one.
    roles: Vec<Option<(usize, Side)>>,
    /// Pairs in no call, with the time from which they may call again, the earliest first.
    free: VecDeque<(Instant, usize)>,
    held: Vec<usize>,
    in_flight: usize,
    round: Round,
    /// Frames of the life that is being taken down, with the side that received them.
    record: Option<Vec<(Side, String)>>,
}

impl Generator {
    /// Without any pair.
    pub(crate) fn new(lines: Lines) -> Self {
        Self {
            lines,
            pairs: Vec::new(),
            roles: Vec::new(),
            free: VecDeque::new(),
            held: Vec::new(),
            in_flight: 0,
            round: Round::default(),
            record: None,
        }
    }

    /// Logs in `count` more pairs; `name` tells their users from those of other runs.
    pub(crate) fn add_pairs(&mut self, count: usize, name: &str) -> anyhow::Result<()> {
        let first = self.pairs.len();
        let users =
            (first..first + count).flat_map(|i| [format!("{name}a{i}"), format!("{name}b{i}")]);
        let lines = self.lines.log_in(users.collect())?;
        let now = Instant::now();
        self.roles.resize(lines.end, None);
        for (at, caller) in lines.step_by(2).enumerate() {
            let (pair, callee) = (first + at, caller + 1);
            self.pairs.push(Pair {
                life: Life::idle(now),
                caller,
                callee,
                to: self.lines.user(callee).to_owned(),
                asked: [0; 2],
                holds: false,
                broken: false,
            });
            self.roles[caller] = Some((pair, Side::Caller));
            self.roles[callee] = Some((pair, Side::Callee));
            self.free.push_back((now, pair));
        }
        Ok(())
    }

    /// Logs in `count` more devices that do nothing.
    pub(crate) fn add_idle(&mut self, count: usize, name: &str) -> anyhow::Result<()> {
        let first = self.lines.len();
        self.lines.log_in((first..first + count).map(|i| format!("{name}i{i}")).collect())?;
        self.roles.resize(self.lines.len(), None);
        Ok(())
    }

    /// Lives call lives for `length`, then lets those that have begun come to their end.
    pub(crate) fn drive(&mut self, pace: Pace, length: Duration) -> anyhow::Result<Round> {
        let begun = Instant::now();
        let stop = begun + length;
        let mut due = begun;
        let mut look = begun + LOOK_EVERY;
        loop {
            let now = Instant::now();
            if now >= stop {
                break;
            }
            let wake = match pace {
                Pace::InFlight(most) => self.fill(most, now),
                Pace::Rate(per_s) => self.begin_due(&mut due, per_s, now),
            };
            look = self.look(look, now);
            self.turn(wake.unwrap_or(stop).min(stop).min(look))?;
            self.check_pairs()?;
        }
        self.round.seconds = begun.elapsed().as_secs_f64();
        self.round.lives_in_time = self.round.lives;
        if let Pace::Rate(per_s) = pace {
            // If this program itself came late, the lives begin late, and that counts.
            self.begin_due(&mut due, per_s, stop);
            let late = stop.saturating_duration_since(due).as_secs_f64() * per_s;
            self.round.missed += whole(late);
        }
        self.finish()?;
        Ok(std::mem::take(&mut self.round))
    }

    /// Brings `count` calls to the point where they have started, and leaves them there.
    pub(crate) fn hold(&mut self, count: usize, at_once: usize) -> anyhow::Result<()> {
        let (wanted, mut look) = (self.held.len() + count, Instant::now() + LOOK_EVERY);
        while self.held.len() + self.in_flight < wanted || self.in_flight > 0 {
            let now = Instant::now();
            while self.in_flight < at_once && self.held.len() + self.in_flight < wanted {
                let Some(pair) = self.free_pair(now) else { break };
                self.pairs[pair].holds = true;
                self.begin(pair, now, now);
            }
            if self.in_flight == 0 {
                bail!("too few pairs to hold {wanted} calls");
            }
            look = self.look(look, now);
            self.turn(look)?;
        }
        Ok(())
    }

    /// Hangs up all calls that are held.
    pub(crate) fn release(&mut self) -> anyhow::Result<()> {
        for pair in std::mem::take(&mut self.held) {
            self.pairs[pair].holds = false;
            self.in_flight += 1;
            self.hang_up(pair, Instant::now());
        }
        self.finish()
    }

    /// Lives one life and returns all frames of it, the records after it included.
    pub(crate) fn take_down_a_life(&mut self) -> anyhow::Result<Vec<(Side, String)>> {
        self.record = Some(Vec::new());
        let now = Instant::now();
        let Some(pair) = self.free_pair(now) else { bail!("no pair is free") };
        self.begin(pair, now, now);
        self.finish()?;
        // The records come with the end, or soon after it, or not at all.
        let patience = Instant::now() + Duration::from_millis(300);
        while Instant::now() < patience && self.record.as_ref().is_some_and(|all| all.len() < 13) {
            self.turn(patience)?;
        }
        let round = std::mem::take(&mut self.round);
        if round.faults.count() > 0 {
            bail!("the first call failed: {:?}", round.faults.by_kind());
        }
        Ok(self.record.take().unwrap_or_default())
    }

    /// Faults since the last round: of held calls, or of devices that lost their connection.
    pub(crate) fn take_faults(&mut self) -> Faults {
        std::mem::take(&mut self.round).faults
    }

    /// Begins lives until `most` are in flight; when to come again, if for a pair.
    fn fill(&mut self, most: usize, now: Instant) -> Option<Instant> {
        while self.in_flight < most {
            let Some(pair) = self.free_pair(now) else {
                self.round.short_of_pairs = true;
                return self.free.front().map(|&(from, _)| from);
            };
            self.begin(pair, now, now);
        }
        None
    }

    /// Begins the lives that are due; when to come again.
    fn begin_due(&mut self, due: &mut Instant, per_s: f64, now: Instant) -> Option<Instant> {
        let apart = Duration::from_secs_f64(per_s.recip());
        while *due <= now {
            let Some(pair) = self.free_pair(now) else {
                self.round.short_of_pairs = true;
                return self.free.front().map(|&(from, _)| from);
            };
            self.begin(pair, *due, now);
            *due += apart;
        }
        Some(*due)
    }

    fn free_pair(&mut self, now: Instant) -> Option<usize> {
        self.free.pop_front_if(|&mut (from, _)| from <= now).map(|(_, pair)| pair)
    }

    fn begin(&mut self, pair: usize, due: Instant, now: Instant) {
        let Pair { life, caller, to, asked, .. } = &mut self.pairs[pair];
        life.start(due, now);
        let fields: [&[u8]; 3] =
            [br#""do":"call.start","media":"video","to":[""#, to.as_bytes(), br#""]"#];
        asked[0] = self.lines.request(*caller, &fields);
        self.in_flight += 1;
    }

    fn hang_up(&mut self, pair: usize, now: Instant) {
        self.pairs[pair].life.hang_up(now);
        self.ask(pair, Side::Caller, br#""do":"call.hangup","call":""#);
    }

    /// Sends a request about the pair's call; `fields` end where the call's id begins.
    fn ask(&mut self, pair: usize, side: Side, fields: &[u8]) {
        let Pair { life, caller, callee, asked, .. } = &mut self.pairs[pair];
        let call = life.call().unwrap_or([b'-'; 36]);
        let line = if side == Side::Caller { *caller } else { *callee };
        asked[side as usize] = self.lines.request(line, &[fields, &call, b"\""]);
    }

    /// Waits until `until` at most, and handles what comes.
    fn turn(&mut self, until: Instant) -> anyhow::Result<()> {
        let count = self.lines.wait(until)?;
        for at in 0..count {
            let ready = self.lines.ready(at);
            while let Some(mut bytes) = self.lines.take(ready) {
                let now = Instant::now();
                while let Some(text) = self.lines.text(ready.line, &mut bytes) {
                    self.hear(ready.line, text, now);
                }
                if !self.lines.put_back(ready, bytes) {
                    break;
                }
            }
        }
        while let Some((line, why)) = self.lines.closed() {
            match self.roles[line] {
                Some((pair, _)) => self.fail(pair, why),
                None => self.round.faults.note(why),
            }
        }
        Ok(())
    }

    fn hear(&mut self, line: usize, text: &[u8], now: Instant) {
        let Some((number, side)) = self.roles[line] else { return };
        if let Some(record) = &mut self.record {
            record.push((side, String::from_utf8_lossy(text).into_owned()));
        }
        let pair = &mut self.pairs[number];
        let (heard, call) = match said::read(text) {
            Said::Granted { id, call } => {
                if self.lines.peer() == Peer::Bellwire && id != pair.asked[side as usize] {
                    return self.fail(number, "a reply to no request");
                }
                (Heard::Reply, call)
            }
            Said::Event { event, call } => (Heard::Event(event), Some(call)),
            Said::Record | Said::Aside => return,
            Said::Refused { code, .. } => {
                let step = pair.life.step();
                return self.fail(number, format!("refused while {step:?}: {code}"));
            }
            Said::Stray(event) => return self.fail(number, format!("told of {event}")),
            Said::Garbage => return self.fail(number, "a frame that nobody understands"),
        };
        if pair.broken {
            return;
        }
        match pair.life.hear(side, heard, call, now, &mut self.round.latencies) {
            Ok(Next::Wait) => {}
            Ok(Next::Ring) => self.ask(number, Side::Callee, br#""do":"call.ringing","call":""#),
            Ok(Next::Accept) => {
                pair.life.accept(now);
                self.ask(number, Side::Callee, br#""do":"call.accept","call":""#);
            }
            Ok(Next::Talk) if pair.holds => {
                self.held.push(number);
                self.in_flight -= 1;
            }
            Ok(Next::Talk) => self.hang_up(number, now),
            Ok(Next::Over) => {
                self.round.lives += 1;
                self.in_flight -= 1;
                self.free.push_back((pair.life.begun() + PAIR_REST, number));
            }
            Err(surprise) => self.fail(number, surprise.to_string()),
        }
    }

    /// Notes a fault of a pair, which ends its life and its calling: what the server thinks of it
    /// is not known any more.
    fn fail(&mut self, number: usize, why: impl Into<String>) {
        let pair = &mut self.pairs[number];
        if std::mem::replace(&mut pair.broken, true) {
            return;
        }
        self.round.faults.note(why);
        match pair.life.step() {
            Step::Idle => self.free.retain(|&(_, free)| free != number),
            Step::Active if pair.holds => self.held.retain(|&held| held != number),
            Step::Active | Step::Starting | Step::Answering | Step::Ending => {
                self.in_flight -= 1;
                self.round.missed += 1;
            }
        }
        pair.life.give_up();
    }

    /// Lets all lives in flight come to their end.
    fn finish(&mut self) -> anyhow::Result<()> {
        let mut look = Instant::now() + LOOK_EVERY;
        while self.in_flight > 0 {
            look = self.look(look, Instant::now());
            self.turn(look)?;
        }
        Ok(())
    }

    /// Fails the lives that take too long, if it is time to look; when to look again.
    fn look(&mut self, at: Instant, now: Instant) -> Instant {
        if now < at {
            return at;
        }
        for number in 0..self.pairs.len() {
            let life = &self.pairs[number].life;
            let lives = matches!(life.step(), Step::Starting | Step::Answering | Step::Ending);
            if lives && now.saturating_duration_since(life.waits_since()) > LIFE_PATIENCE {
                let step = life.step();
                self.fail(number, format!("a frame is missing for 10 s while {step:?}"));
            }
        }
        now + LOOK_EVERY
    }

    fn check_pairs(&self) -> anyhow::Result<()> {
        if self.in_flight == 0 && self.free.is_empty() {
            bail!("no pair is left that works: {:?}", self.round.faults.by_kind());
        }
        Ok(())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of lives, never negative"
)]
fn whole(count: f64) -> u64 {
    count.floor() as u64
}
