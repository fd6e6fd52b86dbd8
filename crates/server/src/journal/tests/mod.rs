//! The journal against real files.

mod erase;
mod feed;
mod folding;
mod full;
mod killed;
mod measure;
mod order;
mod refuse;
mod released;
mod reopen;
mod retention;

use std::{path::Path, sync::Arc};

use bellwire_core::{
    AppKey, CallId, DeviceId, Entry, Event, Reason, SessionId, State, Timestamp, Uid, UserId,
};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::{
    AnswerRow, Journal, JournalSettings, LegRow, LogRow, RecordRow, Recovered, Row, SessionRow,
    UserRow,
};

fn settings() -> JournalSettings {
    JournalSettings { reserve_bytes: 8192, recent_since: Timestamp(0), ..Default::default() }
}

async fn open(data: &Path) -> (Journal, Recovered) {
    Journal::open(data, settings()).await.unwrap()
}

/// Brings the tables up to date: a sweep waits for that, whatever it is to delete.
async fn fold(journal: &Journal) {
    journal.sweep(Timestamp(0)).await.unwrap();
}

/// Runs `work` on a runtime of its own and then drops everything at once, as an end without
/// `close` would.
fn run_and_drop<T>(work: impl Future<Output = T>) -> T {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(work)
}

fn app() -> AppKey {
    AppKey::parse("dev").unwrap()
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn session(number: u64) -> SessionId {
    SessionId::parse(&format!("s-{number:024}")).unwrap()
}

fn call(number: u128) -> CallId {
    CallId(Uuid::from_u128(number))
}

fn entry(seq: u64, at: u64) -> Entry {
    let event = Event::Ringing { user: user("bob"), device: DeviceId::parse("d1").unwrap() };
    Entry { v: 1, seq, at: Timestamp(at), request: None, event }
}

fn log(number: u128, seqs: impl IntoIterator<Item = u64>, at: u64, ended: bool) -> Row {
    let entries = seqs.into_iter().map(|seq| entry(seq, at)).collect();
    Row::Log(LogRow { app: app(), call: call(number), entries, ended, position: 0 })
}

fn answer(of: u64, request: u64) -> Row {
    let body: Arc<str> = format!(r#"{{"id":{request},"ok":{{}}}}"#).into();
    Row::Answer(AnswerRow { session: session(of), request, body })
}

fn session_row(number: u64) -> SessionRow {
    SessionRow {
        id: session(number),
        app: app(),
        user: user("alice"),
        device: DeviceId::parse("web").unwrap(),
        name: Some("Chrome".into()),
        platform: None,
        at: Timestamp(5),
    }
}

fn user_row(name: &str, uid: u32) -> UserRow {
    UserRow { app: app(), user: user(name), uid: Uid(uid), name: None, at: Timestamp(5) }
}

fn leg(name: &str, outcome: State) -> LegRow {
    LegRow { user: user(name), outcome, missed: outcome == State::TimedOut }
}

fn record(serial: u64, at: u64, reason: Reason, bob: State) -> Row {
    Row::Record(Box::new(RecordRow {
        app: app(),
        call: call(serial.into()),
        serial,
        created_at: Timestamp(at),
        ended_at: Timestamp(at + 1),
        reason,
        body: format!("{{\"serial\":{serial}}}").into(),
        legs: vec![leg("alice", State::Left), leg("bob", bob)],
    }))
}
