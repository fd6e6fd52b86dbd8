//! What the devices saw, sorted by call, and what each should have seen.

use std::collections::BTreeMap;

use bellwire_core::CallId;
use bellwire_protocol::{CallEvent, CallInfo, Reply, ServerEvent, reply::HelloOk};
use serde::Deserialize;

use super::Found;
use crate::{
    history::{History, Kind, Noted},
    violation::Rule,
};

/// What all devices saw of one call.
#[derive(Debug, Default)]
pub(super) struct Seen<'a> {
    /// In the order of the log.
    pub(super) items: Vec<Item<'a>>,
    /// By history: what must not be missing.
    pub(super) demands: BTreeMap<usize, Demand>,
}

/// One thing seen.
#[derive(Debug)]
pub(super) struct Item<'a> {
    /// Whose history it is, by its place.
    pub(super) history: usize,
    /// The place in the call's log.
    pub(super) seq: u64,
    pub(super) noted: &'a Noted,
    pub(super) what: What,
}

/// What was seen.
#[derive(Debug)]
pub(super) enum What {
    /// An event.
    Event(Box<CallEvent>),
    /// The whole call, in an answer.
    Shown(Box<CallInfo>),
}

/// Which events of a call a device must have seen, had they been for it.
///
/// A device knows of a call from an event, a listing or its own answer on; from then on nothing may
/// be missing up to the last it saw, and once it is settled nothing at all. What lies before a
/// cursor that it handed back itself is its own affair.
#[derive(Debug, Default)]
pub(super) struct Demand {
    /// Ranges of seq, both ends included.
    ranges: Vec<(u64, u64)>,
    /// Known from here on.
    from: Option<u64>,
    /// The last event seen.
    last: u64,
}

impl Demand {
    /// Whether the event at `seq` must have been seen.
    pub(super) fn wants(&self, seq: u64) -> bool {
        self.ranges.iter().any(|&(from, to)| (from..=to).contains(&seq))
    }

    fn event(&mut self, seq: u64) {
        self.from.get_or_insert(seq);
        self.last = self.last.max(seq);
    }

    fn shown(&mut self, seq: u64) {
        self.from.get_or_insert(seq.saturating_add(1));
    }

    fn cursor(&mut self, seq: u64) {
        if seq > self.last {
            self.forget();
            self.from = Some(seq.saturating_add(1));
        }
    }

    fn forget(&mut self) {
        if let Some(from) = self.from.take() {
            self.ranges.push((from, self.last));
        }
    }

    fn finish(&mut self, settled: bool) {
        if let Some(from) = self.from {
            self.ranges.push((from, if settled { u64::MAX } else { self.last }));
        }
    }
}

/// What the devices saw, by call.
pub(super) type Told<'a> = BTreeMap<CallId, Seen<'a>>;

/// Sorts what the devices saw by call.
pub(super) fn gather<'a>(histories: &'a [History], found: &mut Found) -> Told<'a> {
    let mut told = Told::new();
    for (at, history) in histories.iter().enumerate() {
        for noted in &history.steps {
            if let Err(why) = take(&mut told, at, noted) {
                found.push(history.wrong(Rule::Readable, why).show([noted.shown()]));
            }
        }
        for seen in told.values_mut() {
            if let Some(demand) = seen.demands.get_mut(&at) {
                demand.finish(history.is_settled());
            }
        }
    }
    for seen in told.values_mut() {
        seen.items.sort_by_key(|item| item.seq);
    }
    told
}

fn take<'a>(told: &mut Told<'a>, at: usize, noted: &'a Noted) -> Result<(), String> {
    match &noted.kind {
        Kind::Event { call, seq, .. } => {
            let event = ServerEvent::parse(&noted.text).map_err(|error| error.to_string())?;
            let ServerEvent::Call(event) = event else {
                return Err("an event with a seq that is none of a call's log".to_owned());
            };
            let seen = told.entry(*call).or_default();
            seen.demands.entry(at).or_default().event(*seq);
            let what = What::Event(event);
            seen.items.push(Item { history: at, seq: *seq, noted, what });
        }
        Kind::Welcome { cursors, stays } => {
            let ok: HelloOk = read_ok(&noted.text)?;
            come_back(told, at, cursors.as_ref());
            for info in ok.calls {
                let named = cursors.as_ref().is_some_and(|cursors| cursors.contains_key(&info.id));
                let begins = stays.contains(&info.id) && !named;
                show(told, at, noted, Box::new(info), begins);
            }
        }
        Kind::Reply { ok: true, enters, .. } => {
            if let WithCall { info: Some(info) } = read_ok(&noted.text)? {
                show(told, at, noted, info, *enters);
            }
        }
        Kind::LoggedOut => come_back(told, at, None),
        Kind::Mark | Kind::Sent { .. } | Kind::Reply { .. } | Kind::Other { .. } => {}
    }
    Ok(())
}

/// An answer that may show a call.
#[derive(Deserialize)]
struct WithCall {
    info: Option<Box<CallInfo>>,
}

fn read_ok<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    let reply: Reply = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let body = reply.into_body().map_err(|error| error.message)?;
    body.read::<T>().map_err(|error| error.to_string())
}

/// A device that says hello holds what its cursors name, and nothing else.
fn come_back(told: &mut Told<'_>, at: usize, cursors: Option<&BTreeMap<CallId, u64>>) {
    for (call, seen) in told {
        let Some(demand) = seen.demands.get_mut(&at) else { continue };
        match cursors.and_then(|cursors| cursors.get(call)) {
            Some(seq) => demand.cursor(*seq),
            None => demand.forget(),
        }
    }
}

fn show<'a>(told: &mut Told<'a>, at: usize, noted: &'a Noted, info: Box<CallInfo>, begins: bool) {
    let seen = told.entry(info.id).or_default();
    if begins {
        seen.demands.entry(at).or_default().shown(info.seq);
    }
    let seq = info.seq;
    seen.items.push(Item { history: at, seq, noted, what: What::Shown(info) });
}
