//! Records as a file: JSON lines, or CSV with a line for each leg.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use bellwire_core::{CallId, Cause, HookOutcome, Kind, Media, Mode, Reason, State as Outcome};
use bellwire_protocol::{Leg, Open, business::FullRecord};
use futures_util::stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    caller::Business,
    problem::{Asked, Problem},
    records::{Search, read, unreadable},
};
use crate::{
    clock::rfc3339,
    gateway::Gateway,
    journal::RecordQuery,
    storage::{Storage, StorageError},
};

/// Records that are read at once: what is held in memory for a client that reads slowly.
const CHUNK: usize = 100;

/// `format=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct Wanted {
    format: Format,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// A record as JSON on each line.
    Jsonl,
    /// RFC 4180: the names of the columns, then a line for each leg.
    Csv,
}

/// A leg as a line of CSV. Times are in UTC (RFC 3339), durations in milliseconds.
#[derive(Serialize)]
struct Line {
    call: CallId,
    serial: u64,
    mode: Open<Mode>,
    kind: Open<Kind>,
    media: Media,
    caller: String,
    group: Option<String>,
    channel: Option<String>,
    reason: Open<Reason>,
    code: u32,
    cause: Option<Open<Cause>>,
    created_at: String,
    started_at: Option<String>,
    ended_at: String,
    ended_by: Option<String>,
    duration_ms: u64,
    content: Option<String>,
    param: Option<i32>,
    app_code: Option<u32>,
    app_flags: Option<u32>,
    hook: Option<Open<HookOutcome>>,
    user: String,
    device: Option<String>,
    outcome: Open<Outcome>,
    invited_at: String,
    ringing_at: Option<String>,
    joined_at: Option<String>,
    left_at: Option<String>,
    talked_ms: u64,
    leg_cause: Option<Open<Cause>>,
}

impl Line {
    fn of(found: &FullRecord, leg: &Leg) -> Self {
        let record = &found.record;
        Self {
            call: record.call,
            serial: record.serial,
            mode: record.mode.clone(),
            kind: record.kind.clone(),
            media: record.media,
            caller: plain(&record.caller),
            group: record.group.as_deref().map(plain),
            channel: record.channel.as_deref().map(plain),
            reason: record.reason.clone(),
            code: record.code,
            cause: record.cause.clone(),
            created_at: rfc3339(record.created_at),
            started_at: record.started_at.map(rfc3339),
            ended_at: rfc3339(record.ended_at),
            ended_by: record.ended_by.as_deref().map(plain),
            duration_ms: record.duration_ms,
            content: record.note.content.as_deref().map(plain),
            param: record.note.param,
            app_code: record.note.app_code,
            app_flags: record.note.app_flags,
            hook: found.hook.as_ref().map(|hook| hook.outcome.clone()),
            user: plain(&leg.user),
            device: leg.device.as_deref().map(plain),
            outcome: leg.outcome.clone(),
            invited_at: rfc3339(leg.invited_at),
            ringing_at: leg.ringing_at.map(rfc3339),
            joined_at: leg.joined_at.map(rfc3339),
            left_at: leg.left_at.map(rfc3339),
            talked_ms: leg.duration_ms,
            leg_cause: leg.cause.clone(),
        }
    }
}

/// A text that users chose, such that no spreadsheet takes it for a formula (OWASP, "CSV
/// Injection").
fn plain(text: &str) -> String {
    let quote = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("{quote}{text}")
}

/// `GET /v1/records/export`: all that are found, oldest first, as they are read.
pub(super) async fn export(
    State(gateway): State<Arc<Gateway>>,
    Business(app): Business,
    Asked(search): Asked<Search>,
    Asked(Wanted { format }): Asked<Wanted>,
) -> Result<Response, Problem> {
    let most = u32::try_from(CHUNK + 1).unwrap_or(u32::MAX);
    let mut query = search.query(&app, most)?;
    query.after_serial = Some(0);
    let storage = gateway.board.storage.clone();
    // The first part tells whether it can be read at all.
    let first = part(&*storage, &mut query, format, true).await;
    let first = first.map_err(|error| unreadable(&error))?;
    let parts = stream::unfold(Some((first, query)), move |state| {
        let storage = storage.clone();
        async move {
            let ((text, more), mut query) = state?;
            if !more {
                return Some((Ok(text), None));
            }
            match part(&*storage, &mut query, format, false).await {
                Ok(next) => Some((Ok(text), Some((next, query)))),
                // Cut off, so that nobody takes it for the whole.
                Err(error) => {
                    tracing::error!(%error, "an export of records ends early");
                    Some((Err(error), None))
                }
            }
        }
    });
    let (kind, name) = match format {
        Format::Jsonl => ("application/jsonl", "records.jsonl"),
        Format::Csv => ("text/csv; charset=utf-8; header=present", "records.csv"),
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers =
        [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::from_stream(parts)).into_response())
}

/// The next records as text, and whether there are more.
async fn part(
    storage: &dyn Storage,
    query: &mut RecordQuery,
    format: Format,
    head: bool,
) -> Result<(String, bool), StorageError> {
    let (records, more) = read(storage, query, CHUNK).await?;
    if let Some(last) = records.last() {
        query.after_serial = Some(last.record.serial);
    }
    let text = match format {
        Format::Jsonl => records.iter().map(json_line).collect(),
        Format::Csv => {
            csv_lines(&records, head).map_err(|error| StorageError(error.to_string()))?
        }
    };
    Ok((text, more && !records.is_empty()))
}

fn json_line(record: &FullRecord) -> String {
    serde_json::to_string(record).expect("types of the wire serialize") + "\n"
}

fn csv_lines(records: &[FullRecord], head: bool) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new().has_headers(head).from_writer(Vec::new());
    for found in records {
        for leg in &found.record.legs {
            writer.serialize(Line::of(found, leg))?;
        }
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
