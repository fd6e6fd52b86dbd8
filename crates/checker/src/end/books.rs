//! I6: one record for each call that has ended, and it agrees with the log.

use std::collections::BTreeMap;

use bellwire_core::{AppKey, Call, CallId};
use bellwire_protocol::{Record, ServerEvent, event::RecordEvent};

use super::{Found, expected::is_over};
use crate::{
    history::{History, Kind},
    ledger::{Books, Ledger},
    limits::Limits,
    violation::{Rule, Violation},
};

/// Holds an app's records against its calls.
pub(super) fn check(
    app: &AppKey,
    books: &Books,
    calls: &[Call],
    limits: &Limits,
    found: &mut Found,
) {
    let mut records: BTreeMap<CallId, Vec<&Record>> = BTreeMap::new();
    for record in &books.records {
        records.entry(record.call).or_default().push(record);
    }
    for call in calls.iter().filter(|call| is_over(call)) {
        let kept = records.remove(&call.id).unwrap_or_default();
        let shown = kept.iter().map(|record| json(record)).collect::<Vec<_>>();
        let what = match kept.as_slice() {
            [record] => {
                let due = Record::of(call, record.serial);
                if due.as_ref() == Some(*record) {
                    continue;
                }
                let due = due.map(|due| json(&due)).unwrap_or_default();
                format!("the record is not what the log adds up to: {due}")
            }
            [] => "a call that ended has no record".to_owned(),
            [..] => format!("a call has {} records", kept.len()),
        };
        found.push(Violation::new(Rule::OneRecord, what).of(call.id).show(shown));
    }
    for (call, kept) in records {
        let what = "a record of a call that has no log or has not ended";
        let shown = kept.iter().map(|record| json(record));
        found.push(Violation::new(Rule::OneRecord, what).of(call).show(shown));
    }
    serials(app, books, limits, found);
}

fn serials(app: &AppKey, books: &Books, limits: &Limits, found: &mut Found) {
    let mut serials: Vec<u64> = books.records.iter().map(|record| record.serial).collect();
    serials.sort_unstable();
    let mut due = if limits.complete { 1 } else { serials.first().copied().unwrap_or(1) };
    for serial in serials {
        let wrong = if serial < due {
            format!("serial {serial} of app {app} was given twice")
        } else if serial > due && limits.complete {
            format!("serials {due} to {} of app {app} were left out", serial - 1)
        } else {
            due = serial + 1;
            continue;
        };
        due = serial + 1;
        found.push(Violation::new(Rule::OneRecord, wrong));
    }
}

/// Records that devices were told are those that are kept.
pub(super) fn check_told(histories: &[History], ledger: &Ledger, found: &mut Found) {
    let mut kept: BTreeMap<(&AppKey, u64), &Record> = BTreeMap::new();
    for (app, books) in &ledger.apps {
        kept.extend(books.records.iter().map(|record| ((app, record.serial), record)));
    }
    for history in histories {
        let who = history.who();
        for noted in &history.steps {
            if !matches!(noted.kind, Kind::Other { .. }) || !noted.text.contains("\"record\"") {
                continue;
            }
            let Ok(ServerEvent::Record(RecordEvent { record, .. })) =
                ServerEvent::parse(&noted.text)
            else {
                continue;
            };
            let party = record.legs.iter().any(|leg| leg.user == who.user);
            if kept.get(&(&who.app, record.serial)) != Some(&&*record) || !party {
                let what = "told of a record that is not kept so, or not theirs";
                let wrong = history.wrong(Rule::OneRecord, what).of(record.call);
                found.push(wrong.show([noted.shown()]));
            }
        }
    }
}

fn json(record: &Record) -> String {
    serde_json::to_string(record).unwrap_or_else(|_| format!("{record:?}"))
}
