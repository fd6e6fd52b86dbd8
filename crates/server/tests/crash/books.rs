//! The server's books, read over HTTP.

use std::collections::{BTreeMap, BTreeSet};

use bellwire_checker::{History, Ledger};
use bellwire_core::{AppKey, CallId};
use bellwire_protocol::{LogEntry, Record};
use serde_json::Value;

use crate::support::Api;

/// Logs and records of all apps: of each call with a record, and of each that a device was told of.
pub(crate) async fn read(apis: &[(&str, Api)], histories: &[History]) -> Ledger {
    let mut ledger = Ledger::default();
    for (app, api) in apis {
        let app = AppKey::parse(app).expect("a key");
        let of_app = histories.iter().filter(|history| history.who().app == app);
        let mut calls: BTreeSet<CallId> = of_app.flat_map(History::calls).collect();
        for record in records(api).await {
            calls.insert(record.call);
            ledger.record(&app, record);
        }
        for call in calls {
            let (status, mut whole) = api.get(&format!("/v1/calls/{call}")).await;
            if status != 200 {
                // The judge says what it means that there is no such call.
                continue;
            }
            let log = serde_json::from_value::<Vec<LogEntry>>(whole["log"].take());
            let log = log.unwrap_or_else(|error| panic!("the log of {call}: {error}"));
            if let Err(wrong) = ledger.shown_log(&app, call, &log) {
                panic!("{wrong}");
            }
        }
    }
    ledger
}

/// How many calls live.
pub(crate) async fn live(apis: &[(&str, Api)]) -> usize {
    let mut live = 0;
    for (_, api) in apis {
        live += api.get("/v1/calls?live").await.1["calls"].as_array().expect("calls").len();
    }
    live
}

/// How many calls ended for each reason.
pub(crate) async fn reasons(apis: &[(&str, Api)]) -> BTreeMap<String, usize> {
    let mut reasons = BTreeMap::new();
    for (_, api) in apis {
        for record in records(api).await {
            *reasons.entry(record.reason.to_string()).or_default() += 1;
        }
    }
    reasons
}

async fn records(api: &Api) -> Vec<Record> {
    let mut records = Vec::new();
    let mut cursor = String::new();
    loop {
        let (status, mut page) = api.get(&format!("/v1/records?limit=200{cursor}")).await;
        assert_eq!(status, 200, "{page}");
        let read = serde_json::from_value::<Vec<Record>>(page["records"].take());
        records.extend(read.expect("records can be read"));
        match page["cursor"].take() {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => return records,
        }
    }
}
