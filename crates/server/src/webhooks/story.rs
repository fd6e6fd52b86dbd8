//! What became of the deliveries of single calls, for whoever looks at one.

use std::collections::{HashMap, VecDeque};

use bellwire_core::{CallId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::queue::Done;

/// Calls that are remembered of each receiver: some 200 bytes each.
const CALLS: usize = 10_000;

/// How the events of one call came to one receiver. Remembered for the last calls, as long as the
/// server runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CallDeliveries {
    /// The webhook's name.
    pub webhook: String,
    /// The last event that was delivered, by its place in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upto: Option<u64>,
    /// When it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Tries that failed.
    pub failures: u32,
    /// What the last of them met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The event that is being tried, or waits to be tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<u64>,
    /// Events that were given up after a day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dead: Vec<u64>,
}

/// The calls of one receiver.
#[derive(Debug, Default)]
pub(super) struct Stories {
    calls: HashMap<CallId, Story>,
    /// The longest known first.
    order: VecDeque<CallId>,
}

#[derive(Debug, Clone, Default)]
struct Story {
    delivered: Option<(u64, Timestamp)>,
    failures: u32,
    error: Option<String>,
    dead: Vec<u64>,
}

impl Stories {
    /// An event is delivered, or given up.
    pub(super) fn settled(&mut self, done: &Done, now: Timestamp) {
        let story = self.story(done.call);
        story.dead.retain(|seq| *seq != done.seq);
        if done.is_dead {
            story.dead.push(done.seq);
        } else if story.delivered.is_none_or(|(seq, _)| seq < done.seq) {
            story.delivered = Some((done.seq, now));
        }
    }

    /// A try failed.
    pub(super) fn failed(&mut self, call: CallId, why: &str) {
        let story = self.story(call);
        story.failures = story.failures.saturating_add(1);
        story.error = Some(why.to_owned());
    }

    /// What is known of a call, of which `waits` is not delivered yet.
    pub(super) fn of(
        &self,
        call: CallId,
        webhook: &str,
        waits: Option<u64>,
    ) -> Option<CallDeliveries> {
        let known = self.calls.get(&call);
        if known.is_none() && waits.is_none() {
            return None;
        }
        let story = known.cloned().unwrap_or_default();
        Some(CallDeliveries {
            webhook: webhook.to_owned(),
            upto: story.delivered.map(|(seq, _)| seq),
            at: story.delivered.map(|(_, at)| at),
            failures: story.failures,
            error: story.error,
            waits,
            dead: story.dead,
        })
    }

    fn story(&mut self, call: CallId) -> &mut Story {
        if !self.calls.contains_key(&call) {
            if self.order.len() >= CALLS
                && let Some(oldest) = self.order.pop_front()
            {
                self.calls.remove(&oldest);
            }
            self.order.push_back(call);
        }
        self.calls.entry(call).or_default()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn only_the_last_calls_are_remembered() {
        let mut stories = Stories::default();
        let calls: Vec<_> = (0..=CALLS as u128).map(|n| CallId(Uuid::from_u128(n))).collect();
        for call in &calls {
            stories.failed(*call, "no");
            stories.settled(&Done { call: *call, seq: 3, is_dead: false }, Timestamp(7));
        }
        assert_eq!(stories.of(calls[0], "crm", None), None);
        let last = stories.of(calls[CALLS], "crm", None).expect("known");
        assert_eq!((last.upto, last.at, last.failures), (Some(3), Some(Timestamp(7)), 1));
        assert_eq!(last.error.as_deref(), Some("no"));
    }

    #[test]
    fn what_was_given_up_and_is_delivered_later_is_dead_no_more() {
        let (mut stories, call) = (Stories::default(), CallId(Uuid::from_u128(1)));
        for (seq, is_dead) in [(3, true), (9, false), (3, false)] {
            stories.settled(&Done { call, seq, is_dead }, Timestamp(seq));
        }
        let told = stories.of(call, "crm", None).expect("known");
        assert_eq!((told.upto, told.at, told.dead), (Some(9), Some(Timestamp(9)), vec![]));
    }
}
