//! `bellwire records`: the finished calls.

use std::process::ExitCode;

use bellwire_protocol::{Record, limits::RECORDS_DEFAULT};
use clap::Args;
use serde::Deserialize;

use super::{
    api::{Api, ServerArgs},
    table::table,
    when,
};

/// `bellwire records`.
#[derive(Debug, Args)]
pub(crate) struct RecordsArgs {
    /// Only calls this user was in.
    #[arg(long)]
    user: Option<String>,
    /// Only calls that ended for this reason, such as `busy`.
    #[arg(long)]
    reason: Option<String>,
    /// The most records to print.
    #[arg(long, default_value_t = RECORDS_DEFAULT)]
    limit: usize,
    /// Prints each record as one line of JSON, notes included.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// The answer to `GET /v1/records`.
#[derive(Deserialize)]
struct Page {
    records: Vec<Record>,
    /// Where the next page begins; none on the last.
    cursor: Option<String>,
}

/// Prints the records.
pub(crate) async fn run(args: RecordsArgs) -> anyhow::Result<ExitCode> {
    let api = Api::of(args.server)?;
    let wanted = [("user", args.user), ("reason", args.reason)];
    let wanted: Vec<_> = wanted.into_iter().filter_map(|(n, v)| Some((n, v?))).collect();
    let mut records: Vec<Record> = Vec::new();
    let mut cursor = None;
    while records.len() < args.limit {
        let left = (args.limit - records.len()).min(bellwire_protocol::limits::RECORDS_PAGE);
        let mut query = wanted.clone();
        query.push(("limit", left.to_string()));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let page: Page = api.get("/v1/records", &query).await?;
        let is_last = page.cursor.is_none() || page.records.is_empty();
        records.extend(page.records);
        cursor = page.cursor;
        if is_last {
            break;
        }
    }
    records.truncate(args.limit);
    if !args.json {
        return super::print(&list(&records));
    }
    let lines = records.iter().map(|record| Ok(serde_json::to_string(record)? + "\n"));
    super::print(&lines.collect::<Result<String, serde_json::Error>>()?)
}

fn list(records: &[Record]) -> String {
    if records.is_empty() {
        return "no records\n".to_owned();
    }
    let row = |record: &Record| {
        let others = record.legs.iter().filter(|leg| leg.user != record.caller);
        let others: Vec<_> = others.map(|leg| format!("{} {}", leg.user, leg.outcome)).collect();
        [
            when::utc(record.ended_at),
            record.reason.to_string(),
            when::clock(record.duration_ms),
            record.caller.to_string(),
            others.join(", "),
            record.call.to_string(),
        ]
    };
    let rows: Vec<_> = records.iter().map(row).collect();
    table(["ENDED (UTC)", "REASON", "TALKED", "CALLER", "CALLEES", "CALL"], &rows)
}
