//! What the server holds in the end: its logs and records, by app.

use std::collections::BTreeMap;

use bellwire_core::{AppKey, CallId, EVENT_VERSION, Entry};
use bellwire_protocol::{LogEntry, Record};

use crate::violation::{Rule, Violation};

/// The server's books.
#[derive(Debug, Default)]
pub struct Ledger {
    pub(crate) apps: BTreeMap<AppKey, Books>,
}

/// The books of one app.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) logs: BTreeMap<CallId, Vec<Entry>>,
    pub(crate) records: Vec<Record>,
}

impl Ledger {
    /// Adds the log of a call as the server keeps it.
    pub fn log(&mut self, app: &AppKey, call: CallId, log: Vec<Entry>) {
        self.apps.entry(app.clone()).or_default().logs.insert(call, log);
    }

    /// Adds the log of a call as HTTP shows it, where it does not say which request caused what.
    pub fn shown_log(
        &mut self,
        app: &AppKey,
        call: CallId,
        log: &[LogEntry],
    ) -> Result<(), Box<Violation>> {
        let entry = |shown: &LogEntry| {
            let event = shown.to_event().ok_or_else(|| {
                let what = format!("an entry that cannot be read: {shown:?}");
                Box::new(Violation::new(Rule::WholeLog, what).of(call))
            })?;
            Ok(Entry { v: EVENT_VERSION, seq: shown.seq, at: shown.at, request: None, event })
        };
        let log: Result<Vec<Entry>, Box<Violation>> = log.iter().map(entry).collect();
        self.log(app, call, log?);
        Ok(())
    }

    /// Adds a record.
    pub fn record(&mut self, app: &AppKey, record: Record) {
        self.apps.entry(app.clone()).or_default().records.push(record);
    }

    /// How many calls it has logs of.
    pub fn calls(&self) -> usize {
        self.apps.values().map(|books| books.logs.len()).sum()
    }

    /// The log of a call of an app.
    pub(crate) fn find(&self, app: &AppKey, call: CallId) -> Option<&[Entry]> {
        self.apps.get(app)?.logs.get(&call).map(Vec::as_slice)
    }

    /// The app a call belongs to, if it is another than `app`.
    pub(crate) fn foreign(&self, app: &AppKey, call: CallId) -> Option<&AppKey> {
        let mut apps = self.apps.iter();
        let holds =
            |(key, books): &(&AppKey, &Books)| *key != app && books.logs.contains_key(&call);
        apps.find(holds).map(|(key, _)| key)
    }
}
