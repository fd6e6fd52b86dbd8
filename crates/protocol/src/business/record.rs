//! Records as the business server reads them: with what the log says beyond them.

use bellwire_core::{DeviceId, Entry, Event, Hook, HookOutcome, Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Open, Record};

/// A finished call: its record, what the hook said of it, and what devices confirmed. The last two
/// are read from the call's log, and missing where that is not kept any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FullRecord {
    /// The record. Unlike that of a device it says where a callee did not want to be rung.
    #[serde(flatten)]
    pub record: Record,
    /// What `call.request` was answered, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<Verdict>,
    /// What devices confirmed, in order.
    #[serde(default)]
    pub receipts: Vec<Receipt>,
}

/// What came of asking `call.request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// What it was.
    pub outcome: Open<HookOutcome>,
    /// The number of a denial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// How long it took, in milliseconds.
    pub ms: u32,
}

/// What a device confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// What.
    pub what: Open<Confirmed>,
    /// Whose device.
    pub user: UserId,
    /// Which.
    pub device: DeviceId,
    /// When.
    pub at: Timestamp,
}

/// What a device can confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confirmed {
    /// The first device of a user rings.
    Ringing,
    /// It has been told to stop ringing.
    Stopped,
}

impl FullRecord {
    /// `record` with what `log`, that of its call, says beyond it.
    pub fn of(record: Record, log: &[Entry]) -> Self {
        let hook = log.iter().find_map(|entry| match &entry.event {
            Event::Asked(asked) if asked.hook == Hook::Request => {
                Some(Verdict { outcome: asked.outcome.into(), code: asked.code, ms: asked.ms })
            }
            _ => None,
        });
        Self { record, hook, receipts: log.iter().filter_map(Receipt::of).collect() }
    }
}

impl Receipt {
    fn of(entry: &Entry) -> Option<Self> {
        let (what, user, device) = match &entry.event {
            Event::Ringing { user, device } => (Confirmed::Ringing, user, device),
            Event::Acknowledged { user, device, .. } => (Confirmed::Stopped, user, device),
            _ => return None,
        };
        Some(Self { what: what.into(), user: user.clone(), device: device.clone(), at: entry.at })
    }
}
