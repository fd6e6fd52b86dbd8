//! The end of a history: everything heals, everybody comes back and hangs up, time runs past all
//! deadlines, and the judge goes through the books.

use std::collections::BTreeMap;

use bellwire_checker::{Ledger, Step, check_end};
use bellwire_core::Phase;
use bellwire_protocol::Record;

use super::{World, device::Stand};
use crate::plan::{Ask, Back, DeviceNo, Which};

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
        for _ in 0..ROUNDS {
            if self.broken.is_some() {
                return;
            }
            self.hang_up_all();
            let until = self.now + ROUND_MS;
            self.run_until(until);
            if self.is_all_here() && self.is_quiet() {
                break;
            }
        }
        // What was told last is still on its way.
        let until = self.now + ROUND_MS;
        self.run_until(until);
        if self.broken.is_none() {
            self.judge();
        }
    }

    fn is_all_here(&self) -> bool {
        self.devices.iter().all(|device| device.greeted)
    }

    fn is_quiet(&self) -> bool {
        self.node
            .as_ref()
            .is_some_and(|node| node.live_calls().iter().all(|call| call.phase == Phase::Ended))
    }

    fn hang_up_all(&mut self) {
        for device in 0..self.devices.len() {
            let stands: Vec<Stand> = self.devices[device].calls.iter().map(|c| c.stand).collect();
            if stands.contains(&Stand::In) {
                self.ask(device, &Ask::Hangup { call: Which::Fitting }, 1);
            } else if stands.contains(&Stand::Ringing) {
                let reject = Ask::Reject { call: Which::Fitting, busy: false, only_me: false };
                self.ask(device, &reject, 1);
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
