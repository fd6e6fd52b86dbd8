//! What was submitted is what a restart finds.

use bellwire_core::{Reason, State, Timestamp};
use tempfile::tempdir;

use super::{
    answer, app, call, fold, log, open, record, run_and_drop, session, session_row, settings,
    user_row,
};
use crate::journal::{
    Bucket, Journal, JournalSettings, KeyValueRow, Row, Synchronous,
    recover::{StoredCall, StoredSession},
};

async fn submit_all(journal: &Journal) {
    journal.submit(
        vec![
            Row::Session(session_row(1)),
            Row::Session(session_row(2)),
            Row::User(user_row("alice", 17)),
            Row::User(user_row("bob", 18)),
        ],
        || (),
    );
    journal.submit(vec![log(1, 1..=2, 100, false), answer(1, 4)], || ());
    journal.submit(vec![log(1, [3], 110, false), answer(1, 7), answer(2, 1)], || ());
    journal.submit(vec![log(2, [1], 120, false)], || ());
    journal.submit(
        vec![log(2, 2..=3, 130, true), record(5, 120, Reason::Completed, State::Left)],
        || (),
    );
    // A call that is over at once, and one that hears of a device after its end.
    journal.submit(vec![log(3, 1..=4, 140, true)], || ());
    journal.submit(vec![log(3, [5], 150, true)], || ());
    journal.submit(vec![Row::SessionGone(session(2)), Row::User(user_row("bob", 18))], || ());
    journal.flush().await.unwrap();
}

fn check(recovered: &crate::journal::Recovered) {
    let seqs = |calls: &[StoredCall]| {
        calls
            .iter()
            .map(|c| (c.call, c.entries.iter().map(|e| e.seq).collect::<Vec<_>>()))
            .collect::<Vec<_>>()
    };
    assert_eq!(seqs(&recovered.live), [(call(1), vec![1, 2, 3])]);
    assert_eq!(recovered.live[0].entries[2], super::entry(3, 110));
    assert_eq!(seqs(&recovered.recent), [(call(2), vec![1, 2, 3]), (call(3), vec![1, 2, 3, 4, 5])]);
    assert_eq!(recovered.sessions, [StoredSession { row: session_row(1), highest_request: 7 }]);
    assert_eq!(recovered.users, [user_row("alice", 17), user_row("bob", 18)]);
    assert_eq!(recovered.serials, [(app(), 5)]);
}

#[test]
fn a_clean_end_gives_everything_back() {
    let data = tempdir().unwrap();
    run_and_drop(async {
        let (journal, _) = open(data.path()).await;
        submit_all(&journal).await;
        journal.close().await.unwrap();
        assert!(!data.path().join("bellwire.db-wal").exists());
        assert!(!std::fs::read(data.path().join("lock")).unwrap().is_empty());
        let (_journal, recovered) = open(data.path()).await;
        check(&recovered);
    });
}

#[test]
fn an_end_without_close_gives_everything_back() {
    let data = tempdir().unwrap();
    run_and_drop(async {
        let (journal, _) = open(data.path()).await;
        submit_all(&journal).await;
        std::mem::forget(journal);
    });
    assert!(std::fs::read(data.path().join("lock")).unwrap().is_empty());
    run_and_drop(async {
        let (journal, recovered) = open(data.path()).await;
        check(&recovered);
        assert_eq!(journal.log(call(3)).await.unwrap().len(), 5);
        let kept = journal.answer(&session(1), 4).await.unwrap();
        assert_eq!(kept.as_deref(), Some(r#"{"id":4,"ok":{}}"#));
        assert_eq!(journal.answer(&session(2), 1).await.unwrap(), None);
        assert_eq!(journal.answer(&session(1), 5).await.unwrap(), None);
    });
}

#[tokio::test]
async fn of_a_value_the_last_word_holds() {
    let data = tempdir().unwrap();
    let value = |key: &str, value: Option<&str>| KeyValueRow {
        app: app(),
        bucket: Bucket::Availability,
        key: key.to_owned(),
        value: value.map(Into::into),
    };
    let steps = [
        vec![value("a", Some("1")), value("b", Some("1")), value("a", Some("2"))],
        vec![value("b", None), value("c", Some("1"))],
        vec![value("c", None), value("b", Some("3")), value("d", None)],
    ];
    for tables_are_up_to_date in [true, false] {
        let (journal, recovered) = open(data.path()).await;
        if !tables_are_up_to_date {
            assert_eq!(recovered.key_values, [value("a", Some("2")), value("b", Some("3"))]);
        }
        for step in &steps {
            journal.submit(step.iter().cloned().map(Row::KeyValue).collect(), || ());
            if tables_are_up_to_date {
                fold(&journal).await;
            }
        }
        journal.close().await.unwrap();
    }
    let (_journal, recovered) = open(data.path()).await;
    assert_eq!(recovered.key_values, [value("a", Some("2")), value("b", Some("3"))]);
}

#[tokio::test]
async fn what_must_survive_power_loss_is_kept_too() {
    let data = tempdir().unwrap();
    let settings = JournalSettings { synchronous: Synchronous::Full, ..settings() };
    let (journal, _) = Journal::open(data.path(), settings).await.unwrap();
    submit_all(&journal).await;
    journal.close().await.unwrap();
    let (_journal, recovered) = open(data.path()).await;
    check(&recovered);
}

#[tokio::test]
async fn only_calls_that_ended_lately_are_recent() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    submit_all(&journal).await;
    journal.close().await.unwrap();
    let lately = JournalSettings { recent_since: Timestamp(131), ..settings() };
    let (_journal, recovered) = Journal::open(data.path(), lately).await.unwrap();
    assert_eq!(recovered.recent.iter().map(|c| c.call).collect::<Vec<_>>(), [call(3)]);
    assert_eq!(recovered.live.len(), 1);
}

#[tokio::test]
async fn what_was_submitted_is_written_when_the_last_handle_is_dropped() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    let (tell, told) = tokio::sync::oneshot::channel();
    journal.submit(vec![log(1, [1], 1, false)], move || tell.send(()).unwrap());
    drop(journal);
    told.await.unwrap();
}
