//! I1 over time: the spans in which calls claimed a user do not overlap.

use std::collections::BTreeMap;

use bellwire_core::{Call, CallId, Timestamp, UserId};

use super::Found;
use crate::violation::{Rule, Violation};

/// How much two spans may overlap, in milliseconds: what is decided reads the clock before it is
/// appended, and another call's end may be appended between the two.
const READ_EARLY_MS: u64 = 100;

/// The spans in which users were claimed, over all calls of an app.
#[derive(Debug, Default)]
pub(super) struct Claims {
    spans: BTreeMap<UserId, Vec<Span>>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    call: CallId,
    from: Timestamp,
    to: Option<Timestamp>,
}

impl Claims {
    /// Takes note of whom a call claims from `at` on.
    pub(super) fn follow(&mut self, call: &Call, at: Timestamp) {
        for p in &call.participants {
            let claimed = call.claims().any(|user| *user == p.user);
            let spans = match self.spans.get_mut(&p.user) {
                Some(spans) => spans,
                None if claimed => self.spans.entry(p.user.clone()).or_default(),
                None => continue,
            };
            // Calls are followed one after another, so an open span of this one is the last.
            let open = spans.last_mut().filter(|span| span.call == call.id && span.to.is_none());
            match open {
                Some(open) if !claimed => open.to = Some(at),
                None if claimed => spans.push(Span { call: call.id, from: at, to: None }),
                Some(_) | None => {}
            }
        }
    }

    /// Reports spans that overlap.
    pub(super) fn check(mut self, found: &mut Found) {
        for (user, spans) in &mut self.spans {
            // A callee who is busy is named and let go in one append.
            spans.retain(|span| span.to != Some(span.from));
            spans.sort_by_key(|span| (span.from, span.to.is_none(), span.to));
            for pair in spans.windows(2) {
                let [one, two] = pair else { continue };
                let over = one.to.map_or(u64::MAX, |to| to.since_ms(two.from));
                if one.call != two.call && over > READ_EARLY_MS {
                    let what = format!("{user} was claimed by two calls at once");
                    let shown = [format!("{one:?}"), format!("{two:?}")];
                    found.push(Violation::new(Rule::OneClaim, what).of(two.call).show(shown));
                }
            }
        }
    }
}
