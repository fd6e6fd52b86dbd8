//! I8: nothing of one app is seen by a device of another.

use std::collections::{BTreeMap, BTreeSet};

use bellwire_core::{AppKey, CallId, UserId};

use super::Found;
use crate::{
    history::{History, Kind, Noted},
    ledger::Ledger,
    violation::Rule,
};

/// Looks at every frame for calls and users of other apps.
pub(super) fn check(histories: &[History], ledger: &Ledger, found: &mut Found) {
    let users = users(histories, ledger);
    if users.len() < 2 {
        return;
    }
    for history in histories {
        let app = &history.who().app;
        let strangers = strangers(&users, app);
        for noted in &history.steps {
            if let Some(call) = call_of(noted)
                && let Some(other) = ledger.foreign(app, call)
            {
                let what = format!("told of a call of app {other}");
                let wrong = history.wrong(Rule::AppsApart, what).of(call);
                found.push(wrong.show([noted.shown()]));
            }
            let came = !matches!(noted.kind, Kind::Sent { .. } | Kind::Mark);
            let named = |name: &&String| came && noted.text.contains(name.as_str());
            if let Some(name) = strangers.iter().find(named) {
                let what = format!("told of user {name}, whom only another app knows");
                found.push(history.wrong(Rule::AppsApart, what).show([noted.shown()]));
            }
        }
    }
}

fn call_of(noted: &Noted) -> Option<CallId> {
    match &noted.kind {
        Kind::Event { call, .. } => Some(*call),
        Kind::Other { call } => *call,
        Kind::Mark
        | Kind::Sent { .. }
        | Kind::Reply { .. }
        | Kind::Welcome { .. }
        | Kind::LoggedOut => None,
    }
}

/// The users of each app, as far as devices and callers show them.
fn users<'a>(
    histories: &'a [History],
    ledger: &'a Ledger,
) -> BTreeMap<&'a AppKey, BTreeSet<&'a UserId>> {
    let mut users: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for history in histories {
        users.entry(&history.who().app).or_default().insert(&history.who().user);
    }
    for (app, books) in &ledger.apps {
        let own = users.entry(app).or_default();
        own.extend(books.records.iter().flat_map(|r| r.legs.iter().map(|leg| &leg.user)));
    }
    users
}

/// The names, as JSON has them, of users whom only other apps know.
fn strangers(users: &BTreeMap<&AppKey, BTreeSet<&UserId>>, app: &AppKey) -> Vec<String> {
    let own = users.get(app);
    let others = users.iter().filter(|(key, _)| **key != app).flat_map(|(_, users)| users);
    let strange = others.filter(|user| !own.is_some_and(|own| own.contains(**user)));
    strange.map(|user| format!("\"{user}\"")).collect()
}
