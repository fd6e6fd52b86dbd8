//! From a seed to a plan: call lives that overlap, and what goes wrong meanwhile.

use bellwire_core::RingMode;

use super::{Act, ApiAsk, Ask, Back, Callee, DeviceNo, Fault, Plan, What, Which};
use crate::lot::Lot;

/// Devices of the shop: four users with two each.
const SHOP: u64 = 8;
/// Devices of the bank: two users with two each.
const BANK: u64 = 4;
/// Call lives that are begun in a history.
const LIVES: u64 = 26;
/// How long calls are begun for, in milliseconds.
const SPAN_MS: u64 = 240_000;

/// The plan of a seed.
pub(crate) fn generate(seed: u64) -> Plan {
    let media = Lot::of(seed, &[1]).happens(65);
    let mut maker = Maker { lot: Lot::new(seed), media, acts: Vec::with_capacity(400) };
    for device in 0..SHOP + BANK {
        let at = maker.lot.below(1_500);
        maker.push(at, What::On { device: number(device), back: Back::Resume });
    }
    // Some histories are slow and wide, some are dense: races want the same moment.
    let span = maker.lot.pick(&[SPAN_MS, SPAN_MS, SPAN_MS / 4, SPAN_MS / 12]);
    for _ in 0..LIVES {
        let at = 1_000 + maker.lot.below(span);
        maker.life(at);
    }
    for _ in 0..24 {
        let at = 500 + maker.lot.below(span + 20_000);
        maker.noise(at);
    }
    // A quiet third of the histories shows what is wrong without any help from chaos.
    let faults = maker.lot.pick(&[10, 14, 22]);
    for _ in 0..faults {
        let at = 1_000 + maker.lot.below(span + 20_000);
        maker.fault(at);
    }
    let mut acts = maker.acts;
    acts.sort_by_key(|act| act.at);
    Plan { seed, media, acts }
}

fn number(device: u64) -> DeviceNo {
    DeviceNo::try_from(device).unwrap_or(0)
}

struct Maker {
    lot: Lot,
    /// The server routes media. Where it does not, nothing is drawn for it, so that a seed keeps
    /// its history.
    media: bool,
    acts: Vec<Act>,
}

impl Maker {
    fn push(&mut self, at: u64, what: What) {
        self.acts.push(Act { at, what });
    }

    fn ask(&mut self, at: u64, device: DeviceNo, ask: Ask) {
        self.push(at, What::Ask { device, ask });
    }

    /// One of the devices of the user at `user` in the shop or the bank.
    fn device_of(&mut self, bank: bool, user: u64) -> DeviceNo {
        let first = if bank { SHOP + (user % 2) * 2 } else { (user % 4) * 2 };
        number(first + self.lot.below(2))
    }

    fn any_device(&mut self) -> DeviceNo {
        number(self.lot.below(SHOP + BANK))
    }

    fn which(&mut self) -> Which {
        match self.lot.below(40) {
            0 => Which::Any,
            1 | 2 => Which::Latest,
            _ => Which::Fitting,
        }
    }

    /// A pause between what people do: now and then none at all.
    fn pause(&mut self, up_to_ms: u64) -> u64 {
        match self.lot.below(4) {
            0 => self.lot.below(3),
            1 => self.lot.below(60),
            _ => self.lot.below(up_to_ms),
        }
    }

    /// A call's life: somebody calls, somebody answers or not, and so on.
    fn life(&mut self, mut at: u64) {
        let bank = self.lot.happens(20);
        let users = if bank { 2 } else { 4 };
        let caller = self.lot.below(users);
        let callee = (caller + self.lot.within(1, users - 1)) % users;
        let group = !bank && self.lot.happens(35);
        let mut to = vec![self.callee(callee)];
        if group {
            let third = (callee + 1) % users;
            if third != caller {
                to.push(self.callee(third));
            }
        }
        let start = Ask::Start {
            to,
            invite: !group && self.lot.happens(15),
            group,
            audio: self.lot.happens(40),
            ring_s: self.lot.happens(40).then(|| self.lot.within(5, 20)),
            reach_s: self.lot.happens(20).then(|| self.lot.below(15)),
            max_s: self.lot.happens(15).then(|| self.lot.within(1, 20)),
        };
        if self.lot.happens(12) {
            let both = self.lot.happens(40);
            let (from, to) = (number(caller), number(callee));
            self.push(at, What::Api { bank, ask: ApiAsk::Start { from, to, both } });
        } else {
            let device = self.device_of(bank, caller);
            self.ask(at, device, start.clone());
            if self.lot.happens(12) {
                // Glare: the callee calls at the same time.
                let device = self.device_of(bank, callee);
                let back = Ask::Start {
                    to: vec![self.callee(caller)],
                    invite: false,
                    group: false,
                    audio: true,
                    ring_s: None,
                    reach_s: None,
                    max_s: None,
                };
                let soon = at + self.pause(300);
                self.ask(soon, device, back);
            }
        }
        at += self.pause(2_500);
        at = self.answer(at, bank, caller, callee);
        at += self.pause(4_000);
        for _ in 0..self.lot.below(5) {
            let user = if self.lot.happens(50) { caller } else { callee };
            let device = self.device_of(bank, user);
            let ask = self.inside(users);
            self.ask(at, device, ask);
            at += self.pause(3_000);
        }
        self.finish(at, bank, caller, callee);
    }

    fn callee(&mut self, user: u64) -> Callee {
        let ring = match self.lot.below(12) {
            0 => Some(RingMode::Notify),
            1 => Some(RingMode::Silent),
            2 => Some(RingMode::Ring),
            _ => None,
        };
        Callee { user: number(user), ring }
    }

    /// What becomes of the ringing.
    fn answer(&mut self, mut at: u64, bank: bool, caller: u64, callee: u64) -> u64 {
        for _ in 0..self.lot.within(1, 3) {
            let device = self.device_of(bank, callee);
            let call = self.which();
            let ask = match self.lot.below(20) {
                0..10 => Ask::Accept { call, audio: self.lot.happens(20) },
                10..13 => {
                    let (busy, only_me) = (self.lot.happens(25), self.lot.happens(30));
                    Ask::Reject { call, busy, only_me }
                }
                13 => Ask::Hangup { call },
                14 | 15 => Ask::Ringing { call },
                16 => Ask::Join { call },
                _ => {
                    let device = self.device_of(bank, caller);
                    let to = self.lot.happens(20).then(|| number(callee));
                    self.ask(at, device, Ask::Cancel { call, to });
                    at += self.pause(500);
                    continue;
                }
            };
            self.ask(at, device, ask);
            at += self.pause(1_500);
        }
        at
    }

    /// Something done by one who is in a call.
    fn inside(&mut self, users: u64) -> Ask {
        let call = self.which();
        match self.lot.below(if self.media { 19 } else { 16 }) {
            0 | 1 => Ask::State { call, video: self.lot.happens(50) },
            2 | 3 => Ask::Media { call, video: self.lot.happens(60) },
            4 | 5 => Ask::MediaAnswer { call, accept: self.lot.happens(60) },
            6 | 7 => {
                let user = self.lot.below(users + 1);
                let to = vec![self.callee(user)];
                Ask::Invite { call, to, ring_s: self.lot.happens(50).then_some(6) }
            }
            8 | 9 => Ask::Join { call },
            10 | 11 => Ask::Move { call },
            12 => Ask::Send { call, bytes: 200 },
            13 => Ask::Get { call },
            14 => Ask::Cancel { call, to: Some(number(self.lot.below(users))) },
            16 => Ask::MediaOffer { call },
            17 => Ask::MediaReceive { call },
            18 => Ask::MediaClose { call },
            _ => Ask::Accept { call, audio: true },
        }
    }

    fn finish(&mut self, at: u64, bank: bool, caller: u64, callee: u64) {
        let user = if self.lot.happens(50) { caller } else { callee };
        let device = self.device_of(bank, user);
        let call = self.which();
        let ask = match self.lot.below(12) {
            0 => Ask::End { call },
            // Nobody hangs up: the grace, the longest time or the next call ends it.
            1 => return,
            2 => Ask::Reject { call, busy: false, only_me: false },
            _ => Ask::Hangup { call },
        };
        self.ask(at, device, ask);
        if self.lot.happens(40) {
            let other = if user == caller { callee } else { caller };
            let device = self.device_of(bank, other);
            let soon = at + self.pause(200);
            self.ask(soon, device, Ask::Hangup { call: Which::Fitting });
        }
    }

    /// Anything at any time.
    fn noise(&mut self, at: u64) {
        let device = self.any_device();
        let call = self.which();
        let ask = match self.lot.below(26) {
            0 => Ask::Ack,
            1 => Ask::Get { call },
            2 => Ask::Message { to: number(self.lot.below(4)), bytes: 40 },
            3 => Ask::Message { to: number(self.lot.below(4)), bytes: 6_000 },
            4 => Ask::Presence { watch: None },
            5 => Ask::Presence { watch: Some(true) },
            6 => Ask::Presence { watch: Some(false) },
            7 => Ask::Records { missed: self.lot.happens(40) },
            8 => Ask::Ping,
            9 => Ask::Renew { ttl_s: self.lot.within(5, 120) },
            10 => Ask::Logout,
            11 => Ask::Hangup { call },
            12 => Ask::End { call },
            13 => Ask::Join { call },
            14 => Ask::Move { call },
            15 => {
                let off = What::Off { device };
                self.push(at, off);
                let later = at + self.lot.pick(&[300, 3_000, 12_000, 70_000]);
                let back = self.back();
                return self.push(later, What::On { device, back });
            }
            16 => {
                let back = self.back();
                return self.push(at, What::Again { device, back });
            }
            17 | 18 => return self.push(at, What::Repeat { device }),
            _ => {
                let ask = self.api();
                let bank = self.lot.happens(20);
                return self.push(at, What::Api { bank, ask });
            }
        };
        self.ask(at, device, ask);
    }

    fn back(&mut self) -> Back {
        self.lot.pick(&[
            Back::Resume,
            Back::Resume,
            Back::Behind,
            Back::NoCursors,
            Back::OddCursors,
            Back::Stranger,
            Back::Fresh,
            Back::Fresh,
        ])
    }

    fn api(&mut self) -> ApiAsk {
        let (user, device) = (number(self.lot.below(4)), number(self.lot.below(2)));
        match self.lot.below(14) {
            0 => ApiAsk::Accept { user, device },
            1 => ApiAsk::Reject { user },
            2 => ApiAsk::Cancel,
            3 => ApiAsk::Invite { to: user },
            4 => ApiAsk::Remove { user },
            5 => ApiAsk::End { code: 7 },
            6 => ApiAsk::EndUser { user },
            7 => ApiAsk::LogOut { user, device: Some(device) },
            8 => ApiAsk::LogOut { user, device: None },
            9 => ApiAsk::List,
            10 | 11 => ApiAsk::Show,
            _ => ApiAsk::Records,
        }
    }

    fn fault(&mut self, at: u64) {
        let device = self.any_device();
        let ms = self.lot.pick(&[200, 1_500, 6_000, 20_000]);
        let fault = match self.lot.below(if self.media { 35 } else { 32 }) {
            0..6 => Fault::Reset { device },
            6..9 => {
                let (up, down) = self.lot.pick(&[(true, true), (true, false), (false, true)]);
                Fault::HalfOpen { device, up, down }
            }
            9 => Fault::Slow { device, ms },
            10 | 11 => {
                let (up_ms, down_ms) = (self.lot.below(3_000), self.lot.below(3_000));
                Fault::Lag { device, up_ms, down_ms, ms }
            }
            12 => Fault::Outage { ms },
            13..16 => {
                let after_polls = u32::try_from(self.lot.below(60)).unwrap_or(0);
                Fault::Crash { after_polls, down_ms: ms }
            }
            16..19 => Fault::CrashAtCommit { done: self.lot.happens(50), down_ms: ms },
            19 => Fault::DiskFull { ms },
            20 | 21 => Fault::SlowCommits { delay_ms: self.lot.within(1, 400), ms },
            22 => Fault::SmallGroups { most: 1, ms },
            23 => Fault::SlowReads { delay_ms: self.lot.within(1, 2_000), ms },
            24 => Fault::FailingReads { ms },
            25..28 => Fault::Conflicts { times: 1 + u32::try_from(self.lot.below(3)).unwrap_or(0) },
            28 => {
                let jump = self.lot.pick(&[-180_000, -20_000, -1_000, 1_000, 20_000, 180_000]);
                Fault::ClockJump { ms: jump }
            }
            29 => {
                let back = self.back();
                return self.push(at, What::Again { device, back });
            }
            30 | 31 => return self.push(at, What::Repeat { device }),
            32 | 33 => {
                // Longer than a connection is kept that nothing is heard of.
                let ms = self.lot.pick(&[ms, 70_000]);
                Fault::Silence { device, ms }
            }
            _ => Fault::MediaFails { device },
        };
        self.push(at, What::Fault(fault));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_long_enough_and_follows_from_its_seed() {
        for seed in 0..50 {
            let plan = generate(seed);
            let asks = plan.acts.iter().filter(|act| matches!(act.what, What::Ask { .. })).count();
            assert!(asks >= 120, "seed {seed}: {asks} asks");
            assert!(plan.faults() >= 10, "seed {seed}");
            assert_eq!(plan, generate(seed));
        }
    }
}
