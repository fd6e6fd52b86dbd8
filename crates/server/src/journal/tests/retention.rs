//! What is kept, and what is found in it.

use bellwire_core::{Reason, State, Timestamp};
use tempfile::tempdir;

use super::{answer, app, call, fold, log, open, record, session, user};
use crate::journal::{
    Journal, RecordQuery, Row, Swept,
    fold::{ANSWERS_KEPT, ANSWERS_SLACK},
};

async fn answers(journal: &Journal, of: u64) -> i64 {
    fold(journal).await;
    sqlx::query_scalar("SELECT coalesce(sum(answers), 0) FROM answer WHERE session = ?")
        .bind(session(of).to_string())
        .fetch_one(&journal.0.reads)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_last_256_answers_of_a_session_are_kept() {
    let data = tempdir().unwrap();
    let bound = i64::try_from(2 * ANSWERS_KEPT + ANSWERS_SLACK).unwrap();
    let (journal, _) = open(data.path()).await;
    journal.submit(vec![Row::Session(super::session_row(1))], || ());
    for n in 1..=1000 {
        journal.submit(vec![answer(1, n * 3), answer(2, n)], || ());
        if n % 7 == 0 {
            journal.flush().await.unwrap();
        }
        if n % 150 == 0 {
            fold(&journal).await;
        }
    }
    journal.flush().await.unwrap();
    let kept = answers(&journal, 1).await;
    assert!((256..=bound).contains(&kept), "{kept}");
    assert!(journal.answer(&session(1), 745 * 3).await.unwrap().is_some());
    assert!(journal.answer(&session(1), 600 * 3).await.unwrap().is_none());

    // Restarts do not let them pile up.
    journal.close().await.unwrap();
    for start in 0..5 {
        let (journal, recovered) = open(data.path()).await;
        let highest = recovered.sessions[0].highest_request;
        journal.submit((1..50).map(|n| answer(1, highest + n)).collect(), || ());
        journal.flush().await.unwrap();
        let kept = answers(&journal, 1).await;
        assert!((256..=bound).contains(&kept), "start {start}: {kept}");
        journal.close().await.unwrap();
    }

    let (journal, _) = open(data.path()).await;
    journal.submit(vec![Row::SessionGone(session(1)), Row::SessionGone(session(2))], || ());
    journal.flush().await.unwrap();
    assert_eq!(answers(&journal, 1).await + answers(&journal, 2).await, 0);
}

#[tokio::test]
async fn a_repeated_request_keeps_its_first_answer() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    journal.submit(vec![answer(1, 7)], || ());
    let other = super::AnswerRow { session: session(1), request: 7, body: "other".into() };
    journal.submit(vec![Row::Answer(other)], || ());
    journal.flush().await.unwrap();
    let kept = journal.answer(&session(1), 7).await.unwrap().unwrap();
    assert_eq!(kept, r#"{"id":7,"ok":{}}"#);
}

#[tokio::test]
async fn a_sweep_removes_what_ended_before() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    journal.submit(vec![log(1, [1], 1, false)], || ());
    for n in 2..=1000_u64 {
        journal.submit(vec![log(n.into(), [1], n, false)], || ());
        let record = record(n, n, Reason::Completed, State::Left);
        journal.submit(vec![log(n.into(), [2], n + 1, true), record], || ());
    }
    journal.flush().await.unwrap();
    let swept = journal.sweep(Timestamp(901)).await.unwrap();
    assert_eq!(swept, Swept { log_rows: 898, records: 898 });
    let left = journal.records(&RecordQuery::newest(app(), 5000)).await.unwrap();
    assert_eq!(left.len(), 101);
    let legs: i64 =
        sqlx::query_scalar("SELECT count(*) FROM leg").fetch_one(&journal.0.reads).await.unwrap();
    assert_eq!(legs, 202);
    assert_eq!(journal.log(call(1)).await.unwrap().len(), 1, "a live call was swept");
    assert!(journal.log(call(899)).await.unwrap().is_empty());
    assert_eq!(journal.log(call(900)).await.unwrap().len(), 2);

    // Serials go on after all records are gone.
    journal.sweep(Timestamp(10_000)).await.unwrap();
    journal.close().await.unwrap();
    let (_journal, recovered) = open(data.path()).await;
    assert_eq!(recovered.serials, [(app(), 1000)]);
    assert_eq!(recovered.live.len(), 1);
}

#[tokio::test]
async fn records_are_found_by_what_is_asked() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    for (serial, reason, bob) in [
        (1, Reason::Completed, State::Left),
        (2, Reason::Timeout, State::TimedOut),
        (3, Reason::Rejected, State::Rejected),
        (4, Reason::Timeout, State::TimedOut),
    ] {
        journal.submit(vec![record(serial, serial * 10, reason, bob)], || ());
    }
    journal.flush().await.unwrap();
    let all = RecordQuery::newest(app(), 10);
    let asked = [
        (all.clone(), vec![4, 3, 2, 1]),
        (RecordQuery { limit: 2, ..all.clone() }, vec![4, 3]),
        (RecordQuery { before_serial: Some(3), ..all.clone() }, vec![2, 1]),
        (RecordQuery { after_serial: Some(1), limit: 2, ..all.clone() }, vec![2, 3]),
        (RecordQuery { user: Some(user("bob")), ..all.clone() }, vec![4, 3, 2, 1]),
        (RecordQuery { user: Some(user("carol")), ..all.clone() }, vec![]),
        (RecordQuery { missed_for: Some(user("bob")), ..all.clone() }, vec![4, 2]),
        (RecordQuery { missed_for: Some(user("alice")), ..all.clone() }, vec![]),
        (
            RecordQuery {
                missed_for: Some(user("bob")),
                user: Some(user("alice")),
                before_serial: Some(4),
                ..all.clone()
            },
            vec![2],
        ),
        (RecordQuery { reason: Some(Reason::Timeout), ..all.clone() }, vec![4, 2]),
        (
            RecordQuery { from: Some(Timestamp(20)), to: Some(Timestamp(40)), ..all.clone() },
            vec![3, 2],
        ),
        (RecordQuery { app: super::AppKey::parse("other").unwrap(), ..all.clone() }, vec![]),
    ];
    for (query, serials) in asked {
        let expected: Vec<_> = serials.iter().map(|s| format!("{{\"serial\":{s}}}")).collect();
        assert_eq!(journal.records(&query).await.unwrap(), expected, "{query:?}");
    }
}
