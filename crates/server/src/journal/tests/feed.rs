//! The feed of an app: in order, whole, and across folds, restarts and sweeps.

use bellwire_core::{AppKey, Timestamp};
use tempfile::tempdir;

use super::{app, call, entry, fold, open};
use crate::journal::{FeedQuery, Journal, LogRow, Row};

/// Appends entries `seqs` of call `number`, the first of them at `position` of the feed.
fn part(app: AppKey, number: u128, seqs: std::ops::RangeInclusive<u64>, position: u64) -> Row {
    let entries = seqs.map(|seq| entry(seq, 100 * position)).collect();
    Row::Log(LogRow { app, call: call(number), entries, ended: false, position })
}

/// Positions, calls and seqs after a position.
async fn read(journal: &Journal, after: u64, limit: usize) -> Vec<(u64, u128, u64)> {
    let query = FeedQuery { app: app(), after, limit };
    let found = journal.feed(&query).await.unwrap();
    found.iter().map(|e| (e.position, e.call.0.as_u128(), e.entry.seq)).collect()
}

#[tokio::test]
async fn it_is_in_the_order_of_the_appends_wherever_they_are() {
    let data = tempdir().unwrap();
    let other = AppKey::parse("another").unwrap();
    let (journal, recovered) = open(data.path()).await;
    assert_eq!(recovered.positions, []);
    journal.submit(vec![part(app(), 1, 1..=2, 1), part(other.clone(), 9, 1..=1, 1)], || ());
    journal.submit(vec![part(app(), 2, 1..=1, 3)], || ());
    fold(&journal).await;
    journal.submit(vec![part(app(), 1, 3..=4, 4), part(app(), 2, 2..=2, 6)], || ());
    journal.flush().await.unwrap();
    let all = [(1, 1, 1), (2, 1, 2), (3, 2, 1), (4, 1, 3), (5, 1, 4), (6, 2, 2)];
    assert_eq!(read(&journal, 0, 100).await, all);
    for after in 0..=6 {
        for limit in 1..=6 {
            let to = (after + limit).min(6);
            let read = read(&journal, after as u64, limit).await;
            assert_eq!(read, all[after..to], "after {after}, at most {limit}");
        }
    }
    assert_eq!(read(&journal, 7, 100).await, []);
    journal.close().await.unwrap();

    let (journal, recovered) = open(data.path()).await;
    assert_eq!(recovered.positions, [(other, 1), (app(), 6)]);
    assert_eq!(read(&journal, 0, 100).await, all);
    journal.close().await.unwrap();
}

#[tokio::test]
async fn what_is_swept_is_left_out_and_the_position_stays() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    for (number, position) in [(1, 1), (2, 2)] {
        let entries = vec![entry(1, 100 * position)];
        let row = LogRow { app: app(), call: call(number), entries, ended: true, position };
        journal.submit(vec![Row::Log(row)], || ());
        fold(&journal).await;
    }
    journal.sweep(Timestamp(150)).await.unwrap();
    assert_eq!(read(&journal, 0, 100).await, [(2, 2, 1)]);
    journal.sweep(Timestamp(1_000)).await.unwrap();
    assert_eq!(read(&journal, 0, 100).await, []);
    journal.close().await.unwrap();
    let (journal, recovered) = open(data.path()).await;
    assert_eq!(recovered.positions, [(app(), 2)]);
    journal.close().await.unwrap();
}
