//! What is read while generations are folded, and what a fold leaves in the tables.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bellwire_core::{Reason, State};
use tempfile::tempdir;

use super::{
    Journal, Row, answer, app, call, fold, log, open, record, session, session_row, settings, user,
    user_row,
};
use crate::journal::{JournalSettings, RecordQuery, batch, tables::Tables};

async fn count(journal: &Journal, table: &str) -> i64 {
    let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(count).fetch_one(&journal.0.reads).await.unwrap()
}

/// The rows of one life, told by its number alone.
fn life(n: u64) -> Vec<Row> {
    let of = n % 50;
    vec![
        log(n.into(), 1..=2, n, false),
        answer(of, n),
        log(n.into(), 3..=4, n, true),
        record(n, n, Reason::Completed, State::Left),
    ]
}

/// A file with bound takes small generations, so that many come and go.
fn small_generations() -> JournalSettings {
    JournalSettings { max_pages: Some(4_000), ..settings() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_is_durable_is_read_while_it_moves_into_the_tables() {
    const LIVES: u64 = 6_000;
    let data = tempdir().unwrap();
    let (journal, _) = Journal::open(data.path(), small_generations()).await.unwrap();
    let durable = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = (1..=2_u64)
        .map(|reader| {
            let (journal, durable) = (journal.clone(), Arc::clone(&durable));
            tokio::spawn(async move {
                let mut looks = 0;
                loop {
                    let known = durable.load(Ordering::SeqCst);
                    if known == LIVES {
                        return looks;
                    }
                    if known == 0 {
                        tokio::task::yield_now().await;
                        continue;
                    }
                    looks += 1;
                    // The newest, or one from anywhere before.
                    let n = if looks % 2 == 0 { known } else { looks * 7 * reader % known + 1 };
                    let seqs = journal.log(call(n.into())).await.unwrap();
                    assert_eq!(seqs.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
                    // Each session holds fewer answers than are kept.
                    let stored = journal.answer(&session(n % 50), n).await.unwrap();
                    assert_eq!(stored, Some(format!(r#"{{"id":{n},"ok":{{}}}}"#)));
                    let mut asked = RecordQuery::newest(app(), 3);
                    asked.before_serial = Some(n + 1);
                    asked.user = Some(user("bob"));
                    let records = journal.records(&asked).await.unwrap();
                    let serials = (n.saturating_sub(2).max(1)..=n).rev();
                    let expected: Vec<_> =
                        serials.map(|serial| format!("{{\"serial\":{serial}}}")).collect();
                    assert_eq!(records, expected);
                }
            })
        })
        .collect();
    for n in 1..=LIVES {
        let durable = Arc::clone(&durable);
        journal.submit(life(n), move || durable.store(n, Ordering::SeqCst));
        if n % 20 == 0 {
            journal.flush().await.unwrap();
        }
    }
    journal.flush().await.unwrap();
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    journal.close().await.unwrap();
    let (_journal, recovered) = open(data.path()).await;
    assert_eq!((recovered.recent.len(), recovered.live.len()), (6_000, 0));
}

#[tokio::test]
async fn a_log_becomes_one_row_for_each_generation() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    for seq in 1..=5 {
        journal.submit(vec![log(1, [seq], seq, false), log(2, [seq], seq, seq == 5)], || ());
        journal.flush().await.unwrap();
    }
    fold(&journal).await;
    assert_eq!((count(&journal, "log").await, count(&journal, "live").await), (2, 1));
    journal.submit(vec![log(1, 6..=7, 6, true)], || ());
    fold(&journal).await;
    assert_eq!((count(&journal, "log").await, count(&journal, "live").await), (3, 0));
    assert_eq!(journal.log(call(1)).await.unwrap().len(), 7);
    while count(&journal, "batch").await > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_session_that_ends_takes_its_answers_along() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    let begin = |of| vec![Row::Session(session_row(of)), answer(of, 1)];
    journal.submit(begin(1), || ());
    fold(&journal).await;
    journal.submit(begin(2), || ());
    journal.flush().await.unwrap();
    // One that is in the tables, one that is not, and one that never was.
    journal.submit(
        vec![
            answer(1, 2),
            Row::SessionGone(session(1)),
            Row::SessionGone(session(2)),
            Row::Session(session_row(3)),
            Row::SessionGone(session(3)),
        ],
        || (),
    );
    journal.flush().await.unwrap();
    for (of, request) in [(1, 1), (1, 2), (2, 1)] {
        assert_eq!(journal.answer(&session(of), request).await.unwrap(), None);
    }
    // Who begins again has nothing from before.
    journal.submit(vec![Row::Session(session_row(2)), answer(2, 7)], || ());
    journal.flush().await.unwrap();
    for _ in 0..2 {
        assert_eq!(journal.answer(&session(2), 1).await.unwrap(), None);
        assert!(journal.answer(&session(2), 7).await.unwrap().is_some());
        fold(&journal).await;
    }
    assert_eq!((count(&journal, "session").await, count(&journal, "answer").await), (1, 1));
}

#[tokio::test]
async fn a_first_answer_is_not_replaced_by_one_that_comes_after_a_fold() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    journal.submit(vec![answer(1, 7)], || ());
    fold(&journal).await;
    let other = super::AnswerRow { session: session(1), request: 7, body: "other".into() };
    journal.submit(vec![Row::Answer(other)], || ());
    journal.flush().await.unwrap();
    for _ in 0..2 {
        let kept = journal.answer(&session(1), 7).await.unwrap().unwrap();
        assert_eq!(kept, r#"{"id":7,"ok":{}}"#);
        fold(&journal).await;
    }
}

#[tokio::test]
async fn a_generation_of_several_chunks_and_large_bodies() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    let mut rows = Vec::new();
    for n in 1..=1_500 {
        rows.extend(life(n));
        rows.push(Row::User(user_row(&format!("u{n}"), u32::try_from(n).unwrap())));
        rows.push(Row::Session(session_row(n)));
    }
    // One body that is larger than a chunk.
    rows.push(log(9_000, 1..=4_096, 9, false));
    journal.submit(rows, || ());
    fold(&journal).await;
    let counts = [("log", 1_501), ("record", 1_500), ("leg", 3_000), ("user", 1_500), ("live", 1)];
    for (table, expected) in counts {
        assert_eq!(count(&journal, table).await, expected, "{table}");
    }
    assert_eq!(journal.log(call(9_000)).await.unwrap().len(), 4_096);
}

#[tokio::test]
async fn an_idle_journal_brings_its_tables_up_to_date() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    journal.submit(life(1), || ());
    journal.flush().await.unwrap();
    while count(&journal, "batch").await > 0 || count(&journal, "leg").await < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_write_ahead_log_begins_anew_under_load() {
    const WRITTEN: u64 = 160 * 1024 * 1024;
    const BODY: u64 = 512 * 1024;
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    let body: Arc<str> = "x".repeat(usize::try_from(BODY).unwrap()).into();
    for n in 1..=WRITTEN / BODY {
        let row = super::AnswerRow { session: session(n), request: 1, body: Arc::clone(&body) };
        journal.submit(vec![Row::Answer(row)], || ());
        journal.flush().await.unwrap();
    }
    fold(&journal).await;
    // Each body was written to it three times: as a batch, in its table, and as zeros.
    let log = std::fs::metadata(data.path().join("bellwire.db-wal")).unwrap().len();
    assert!(log < WRITTEN, "{log} bytes");
    assert_eq!(journal.answer(&session(1), 1).await.unwrap().as_deref(), Some(&*body));
}

#[test]
fn a_stored_batch_is_read_back_as_it_was() {
    let mut rows: Vec<Row> = (1..=3).flat_map(life).collect();
    rows.push(Row::Session(session_row(4)));
    rows.push(Row::SessionGone(session(5)));
    rows.push(Row::User(super::UserRow { name: Some("Alice\n\"A\"".into()), ..user_row("a", 9) }));
    let tables = Tables::from_rows(rows);
    let stored = batch::encode(&tables);
    let read = batch::decode(&stored).unwrap();
    // Compared as text: the rows are not made to be compared.
    assert_eq!(format!("{read:?}"), format!("{tables:?}"));

    // Cut off anywhere, it is refused or lacks whole rows; it never panics.
    for end in 0..stored.len() {
        if let Ok(read) = batch::decode(&stored[..end]) {
            assert!(read.len() + read.legs.len() < tables.len() + tables.legs.len());
        }
    }
    assert!(batch::decode(&[99]).is_err());
    assert!(batch::decode(&[2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
}
