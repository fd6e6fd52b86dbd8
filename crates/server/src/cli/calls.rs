//! `bellwire calls`: what is going on, and what went on in one call.

use std::process::ExitCode;

use bellwire_core::{CallId, Timestamp};
use bellwire_protocol::{CallInfo, LogEntry};
use clap::Args;
use serde::Deserialize;

use super::{
    api::{Api, ServerArgs},
    ladder::ladder,
    table::table,
    when,
};
use crate::webhooks::CallDeliveries;

/// `bellwire calls`.
#[derive(Debug, Args)]
pub(crate) struct CallsArgs {
    /// A call whose log is drawn; without it the live calls are listed.
    call: Option<CallId>,
    #[command(flatten)]
    server: ServerArgs,
}

/// The answer to `GET /v1/calls?live`.
#[derive(Deserialize)]
struct Live {
    calls: Vec<CallInfo>,
}

/// The answer to `GET /v1/calls/{id}`.
#[derive(Deserialize)]
struct One {
    info: CallInfo,
    log: Vec<LogEntry>,
    #[serde(default)]
    webhooks: Vec<CallDeliveries>,
    #[serde(default)]
    more: bool,
}

/// Prints the list, or the ladder.
pub(crate) async fn run(args: CallsArgs) -> anyhow::Result<ExitCode> {
    let api = Api::of(args.server)?;
    let Some(call) = args.call else {
        let live: Live = api.get("/v1/calls", &[("live", "true".to_owned())]).await?;
        return super::print(&list(&live.calls, when::now()));
    };
    let path = format!("/v1/calls/{call}");
    let mut one: One = api.get(&path, &[]).await?;
    while one.more {
        let after = one.log.last().map_or(0, |entry| entry.seq);
        let next: One = api.get(&path, &[("after", after.to_string())]).await?;
        one.more = next.more && !next.log.is_empty();
        one.log.extend(next.log);
    }
    let story = ladder(&one.info, &one.log) + &delivered(&one.info, &one.webhooks);
    super::print(&story)
}

/// How the events came to the webhooks, a line for each.
fn delivered(info: &CallInfo, webhooks: &[CallDeliveries]) -> String {
    let line = |of: &CallDeliveries| {
        let CallDeliveries { webhook, upto, at, failures, error, waits, dead } = of;
        let error = error.as_ref().map(|error| format!(", the last: {error}")).unwrap_or_default();
        let told = upto.zip(*at).map(|(upto, at)| {
            format!("delivered up to {upto} at {}", when::after(info.created_at, at))
        });
        let failed = (*failures > 0).then(|| format!("tries that failed: {failures}{error}"));
        let waits = waits.map(|seq| format!("{seq} waits"));
        let dead = (!dead.is_empty()).then(|| format!("given up: {dead:?}"));
        let parts: Vec<_> = told.into_iter().chain(failed).chain(waits).chain(dead).collect();
        format!("webhook {webhook}: {}\n", parts.join("; "))
    };
    webhooks.iter().map(line).collect()
}

fn list(calls: &[CallInfo], now: Timestamp) -> String {
    if calls.is_empty() {
        return "no live calls\n".to_owned();
    }
    let row = |call: &CallInfo| {
        let others = call.participants.iter().filter(|p| p.user != call.caller);
        let others: Vec<_> = others.map(|p| format!("{} {}", p.user, p.state)).collect();
        let media = serde_json::to_value(call.media).unwrap_or_default();
        [
            call.id.to_string(),
            call.phase.to_string(),
            format!("{} {}", call.kind, media.as_str().unwrap_or_default()),
            when::clock(now.since_ms(call.started_at.unwrap_or(call.created_at))),
            call.caller.to_string(),
            others.join(", "),
        ]
    };
    let rows: Vec<_> = calls.iter().map(row).collect();
    table(["CALL", "PHASE", "KIND", "SINCE", "CALLER", "CALLEES"], &rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn live_calls_are_listed_with_their_people() {
        let call = json!({
            "id": "0198c0de-0000-7000-8000-000000000000", "mode": "call", "kind": "direct",
            "media": "video", "phase": "active", "seq": 2, "caller": "al",
            "participants": [
                {"user": "al", "state": "joined"}, {"user": "bob", "state": "ringing"}],
            "created_at": 1_000,
        });
        let call: CallInfo = serde_json::from_value(call).expect("a call");
        assert_eq!(
            list(&[call], Timestamp(9_000)),
            "CALL                                  PHASE   KIND          SINCE  CALLER  CALLEES\n\
             0198c0de-0000-7000-8000-000000000000  active  direct video  0:08   al      bob ringing\n"
        );
        assert_eq!(list(&[], Timestamp(0)), "no live calls\n");
    }
}
