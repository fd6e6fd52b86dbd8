//! The end of a history: everything heals, everybody comes back and hangs up, time runs past all
//! deadlines, and the judge goes through the books.

use std::collections::BTreeMap;

use bellwire_checker::{Ledger, Step, check_end};
use bellwire_core::{Note, Phase};
use bellwire_protocol::{
    Command, Record,
    command::{Hangup, Reject},
};

use super::{
    Event, World,
    device::{Device, Stand},
};
use crate::plan::{Back, DeviceNo};

/// How long everybody has to come back, in milliseconds.
const RETURN_MS: u64 = 12_000;
/// How long a round of hanging up takes.
const ROUND_MS: u64 = 4_000;
/// How many rounds, at most, until every deadline there can be has passed.
const ROUNDS: usize = 250;

impl World {
    /// Brings the history to its end and judges it.
    pub(crate) fn finish(&mut self) {
        // What slow devices have not read yet is on its way until then.
        let calm = self.calm_at();
        self.run_until(calm);
        self.heal();
        for device in 0..self.devices.len() {
            self.switch_on(DeviceNo::try_from(device).unwrap_or(0), Back::Resume);
        }
        let until = self.now + RETURN_MS;
        self.run(until, &mut World::is_all_here);
        for round in 0..ROUNDS {
            if self.broken.is_some() {
                return;
            }
            self.hang_up_all(round % 2 == 0);
            let until = self.now + ROUND_MS;
            self.run_until(until);
            if self.is_all_here() && self.is_quiet() {
                break;
            }
        }
        // What was told last is still on its way, and what devices say to it by themselves.
        let until = self.now + ROUND_MS;
        self.run_until(until);
        let until = self.now + RETURN_MS;
        self.run(until, &mut World::is_answered);
        if self.broken.is_none() {
            self.judge();
        }
    }

    fn is_all_here(&self) -> bool {
        self.devices.iter().all(|device| device.greeted)
    }

    fn is_answered(&self) -> bool {
        let says = |event: &Event| matches!(event, Event::Say(..));
        self.devices.iter().all(Device::is_answered) && !self.events.values().any(says)
    }

    fn is_quiet(&self) -> bool {
        self.node
            .as_ref()
            .is_some_and(|node| node.live_calls().iter().all(|call| call.phase == Phase::Ended))
    }

    /// Every device leaves one call. One that went back on what it had read may believe that it
    /// rings where it is in, so every other time it does not believe that.
    fn hang_up_all(&mut self, believes: bool) {
        for device in 0..self.devices.len() {
            let own = &self.devices[device];
            let latest = |stand| own.calls.iter().rev().find(|seen| seen.stand == stand);
            let (call, rings) = match (latest(Stand::In), latest(Stand::Ringing)) {
                (Some(seen), _) => (seen.call, false),
                (None, Some(seen)) => (seen.call, believes),
                (None, None) => continue,
            };
            let note = Note::default();
            let leave = if rings {
                Command::Reject(Reject { call, note, reason: None, only_me: None })
            } else {
                Command::Hangup(Hangup { call, note })
            };
            if own.greeted {
                self.say(device, leave);
            }
        }
    }

    fn judge(&mut self) {
        if !self.is_all_here() {
            let away = self.devices.iter().filter(|device| !device.greeted);
            let away: Vec<_> = away.map(|d| format!("{}/{}", d.user, d.id)).collect();
            self.fail("come back", format!("devices that cannot come back: {}", away.join(", ")));
            return;
        }
        self.judge_rooms();
        for device in 0..self.devices.len() {
            self.record(device, Step::Settled);
        }
        let mut ledger = Ledger::default();
        let mut ends = BTreeMap::<String, u64>::new();
        let read = self.store.look(|kept| {
            for (app, call, log) in kept.logs() {
                ledger.log(app, call, log.to_vec());
            }
            for (app, record) in kept.all_records() {
                let record: Record = serde_json::from_str(record).map_err(|e| e.to_string())?;
                if let Some(reason) = record.reason.known() {
                    *ends.entry(format!("{reason:?}").to_lowercase()).or_default() += 1;
                }
                ledger.record(app, record);
            }
            Ok::<_, String>(())
        });
        self.ends = ends;
        if let Err(why) = read {
            self.fail("I6 one true record", format!("a record cannot be read: {why}"));
            return;
        }
        let judged = check_end(&self.histories, &ledger, &self.shape.limits);
        if let Err(violations) = judged {
            let rule = violations.0.first().map_or("", |violation| violation.rule.name());
            self.fail(rule, violations.to_string());
        }
    }
}
