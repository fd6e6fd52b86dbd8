//! The files of every released schema version can be read.
//!
//! `UPDATE=1 cargo test -p bellwire released` writes the file of the newest version anew; do so
//! only before that version is released.

use std::{fs, path::PathBuf};

use bellwire_core::{
    Caller, Created, DeviceId, Entry, Event, Forbid, Invitee, Kind, Media, Mode, Note, Origin,
    Reach, Reason, RingMode, RoomId, Settings, State, Timestamp, Uid,
};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, sqlite::SqliteConnectOptions};
use tempfile::tempdir;

use super::{answer, app, call, fold, log, open, record, session, session_row, user, user_row};
use crate::journal::{
    Bucket, Journal, JournalSettings, KeyValueRow, LogRow, RecordQuery, Row, open::SCHEMA_VERSION,
};

fn fixture(version: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/journal/testdata/v{version}.db"))
}

fn created() -> Entry {
    let device = DeviceId::parse("web").unwrap();
    let event = Event::Created(Box::new(Created {
        app: app(),
        call: call(1),
        mode: Mode::Call,
        kind: Kind::Direct,
        media: Media::Video,
        origin: Origin::User,
        caller: Caller {
            user: user("alice"),
            uid: Some(Uid(17)),
            device: Some(device),
            told: true,
            reach: Reach::Online,
        },
        callees: vec![Invitee {
            user: user("bob"),
            uid: None,
            ring: RingMode::Ring,
            ring_ms: 60_000,
            told: true,
            held: false,
            reach: Reach::Asleep,
            unavailable: None,
        }],
        note: Note { content: Some("hi".into()), param: Some(7), ..Note::default() },
        group: None,
        channel: None,
        forbid: Forbid::default(),
        settings: Settings::default(),
        room: Some(RoomId(48_211)),
        push: None,
    }));
    Entry { v: 1, seq: 1, at: Timestamp(100), request: None, event }
}

async fn update() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    let early = vec![
        log(2, [1], 50, false),
        Row::Session(session_row(1)),
        Row::Session(session_row(2)),
        answer(2, 4),
    ];
    journal.submit(early, || ());
    fold(&journal).await;
    // What is folded is deleted a moment later.
    while left(&journal).await > 0 {
        tokio::task::yield_now().await;
    }
    let begun =
        LogRow { app: app(), call: call(1), entries: vec![created()], ended: false, position: 9 };
    let late = vec![
        Row::Log(begun),
        log(2, [2], 50, true),
        answer(1, 9),
        Row::SessionGone(session(2)),
        Row::User(user_row("alice", 17)),
        record(3, 40, Reason::Timeout, State::TimedOut),
        Row::KeyValue(webhook()),
        Row::KeyValue(push_token()),
    ];
    journal.submit(late, || ());
    journal.flush().await.unwrap();

    // As a killed server leaves it, but in one small file.
    let killed = tempdir().unwrap();
    for name in ["bellwire.db", "bellwire.db-wal"] {
        fs::copy(data.path().join(name), killed.path().join(name)).unwrap();
    }
    let database = killed.path().join("bellwire.db");
    let mut small = SqliteConnectOptions::new().filename(&database).connect().await.unwrap();
    small.execute("VACUUM").await.unwrap();
    small.close().await.unwrap();
    fs::copy(database, fixture(SCHEMA_VERSION)).unwrap();
}

fn webhook() -> KeyValueRow {
    let value = Some(r#"{"cursor":7,"parked":[],"dead":[]}"#.into());
    KeyValueRow { app: app(), bucket: Bucket::Webhook, key: "crm".to_owned(), value }
}

fn push_token() -> KeyValueRow {
    let (key, value) = (r#"["bob","phone","fcm"]"#.to_owned(), Some(r#"{"token":"f"}"#.into()));
    KeyValueRow { app: app(), bucket: Bucket::PushToken, key, value }
}

async fn left(journal: &Journal) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM batch");
    count.fetch_one(&journal.0.reads).await.unwrap()
}

/// The rows of the table that is not folded yet.
async fn unfolded(version: u32) -> i64 {
    let data = tempdir().unwrap();
    let database = data.path().join("copy.db");
    fs::copy(fixture(version), &database).unwrap();
    let mut file = SqliteConnectOptions::new().filename(database).connect().await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM batch").fetch_one(&mut file).await.unwrap()
}

#[tokio::test]
async fn every_released_journal_is_read() {
    if std::env::var_os("UPDATE").is_some() {
        update().await;
    }
    for version in 2..=SCHEMA_VERSION {
        assert_eq!(unfolded(version).await, 1);
    }
    for version in 1..=SCHEMA_VERSION {
        let data = tempdir().unwrap();
        fs::copy(fixture(version), data.path().join("bellwire.db")).unwrap();
        let (journal, recovered) = open(data.path()).await;
        assert_eq!(recovered.live.len(), 1, "version {version}");
        assert_eq!(recovered.live[0].entries, [created()]);
        assert_eq!(recovered.recent[0].entries.len(), 2);
        assert_eq!(recovered.sessions.len(), 1);
        assert_eq!(recovered.sessions[0].row, session_row(1));
        assert_eq!(recovered.sessions[0].highest_request, 9);
        assert_eq!(recovered.users, [user_row("alice", 17)]);
        assert_eq!(recovered.serials, [(app(), 3)]);
        let positions = if version < 3 { vec![] } else { vec![(app(), 9)] };
        assert_eq!(recovered.positions, positions, "version {version}");
        let values = match version {
            1 | 2 => vec![],
            3 => vec![webhook()],
            _ => vec![push_token(), webhook()],
        };
        assert_eq!(recovered.key_values, values, "version {version}");
        assert!(journal.answer(&session(1), 9).await.unwrap().is_some());
        assert!(journal.answer(&session(2), 4).await.unwrap().is_none());
        let mut missed = RecordQuery::newest(app(), 1);
        missed.missed_for = Some(user("bob"));
        assert_eq!(journal.records(&missed).await.unwrap(), [r#"{"serial":3}"#]);
        journal.close().await.unwrap();
    }
}

#[test]
fn the_default_keeps_a_reserve() {
    assert_eq!(JournalSettings::default().reserve_bytes, crate::journal::settings::RESERVE_BYTES);
}
