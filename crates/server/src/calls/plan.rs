//! What is to be appended: the entries of one or two calls, and what they lead to.

use std::sync::Arc;

use bellwire_core::{
    Call, EVENT_VERSION, Entry, Event, Notice, RequestRef, Timestamp, audience, evolve, open,
};

/// One call's part of an append.
#[derive(Debug)]
pub(crate) struct Change {
    /// The call as it was when decided upon; none for a new one.
    pub(crate) before: Option<Arc<Call>>,
    /// The call as the entries leave it.
    pub(crate) after: Arc<Call>,
    /// The entries, each with the call as it leaves it and who is told.
    pub(crate) steps: Vec<Step>,
}

/// One entry, the call after it, and who is told of it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) entry: Arc<Entry>,
    pub(crate) after: Arc<Call>,
    pub(crate) notices: Vec<Notice>,
}

/// Changes that are appended together or not at all.
pub(crate) type Plan = Vec<Change>;

impl Change {
    /// Lays out what `events`, decided at `now`, do to `before`.
    pub(crate) fn new(
        before: Option<Arc<Call>>,
        events: Vec<Event>,
        request: Option<&RequestRef>,
        now: Timestamp,
    ) -> Option<Self> {
        let at = before.as_ref().map_or(now, |c| now.max(c.at));
        let mut steps: Vec<Step> = Vec::with_capacity(events.len());
        let mut call = before.clone();
        for event in events {
            let (after, notices) = match (&call, &event) {
                (None, Event::Created(created)) => {
                    let opened = open(created, at);
                    let notices = audience(&opened, &event);
                    (opened, notices)
                }
                (None, _) => return None,
                (Some(call), _) => (evolve(Call::clone(call), &event, at), audience(call, &event)),
            };
            let after = Arc::new(after);
            let request = request.cloned();
            let entry = Arc::new(Entry { v: EVENT_VERSION, seq: after.seq, at, request, event });
            steps.push(Step { entry, after: after.clone(), notices });
            call = Some(after);
        }
        let after = call?;
        (!steps.is_empty()).then_some(Self { before, after, steps })
    }

    /// The call right after the command's own, first event.
    pub(crate) fn first(&self) -> &Arc<Call> {
        self.steps.first().map_or(&self.after, |s| &s.after)
    }
}
