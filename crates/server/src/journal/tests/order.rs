//! Who is told what, and when.

use std::sync::Arc;

use parking_lot::Mutex;
use tempfile::tempdir;
use tokio::sync::oneshot;

use super::{answer, call, log, open, settings};
use crate::journal::{Commit, Journal, JournalError};

#[tokio::test]
async fn done_runs_in_the_order_of_submission_barriers_included() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    for n in 0..300_u64 {
        let told = Arc::clone(&told);
        let rows = if n % 3 == 0 { Vec::new() } else { vec![answer(1, n)] };
        journal.submit(rows, move || told.lock().push(n));
        if n % 50 == 0 {
            tokio::task::yield_now().await;
        }
    }
    journal.flush().await.unwrap();
    assert_eq!(*told.lock(), (0..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_barrier_with_nothing_before_it_is_done_at_once() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    let told = Arc::new(Mutex::new(false));
    let seen = Arc::clone(&told);
    journal.submit(Vec::new(), move || *seen.lock() = true);
    assert!(*told.lock());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_barrier_waits_until_those_before_it_are_told() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    let (first, (telling, told)) = (Arc::new(Mutex::new(Vec::new())), oneshot::channel());
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let seen = Arc::clone(&first);
    journal.submit(vec![answer(1, 1)], move || {
        telling.send(()).unwrap();
        wait.recv().unwrap();
        seen.lock().push("rows");
    });
    // Durable, nothing queued, but the submitter is just being told.
    told.await.unwrap();
    let seen = Arc::clone(&first);
    journal.submit(Vec::new(), move || seen.lock().push("barrier"));
    assert!(first.lock().is_empty());
    go.send(()).unwrap();
    journal.flush().await.unwrap();
    assert_eq!(*first.lock(), ["rows", "barrier"]);
}

#[tokio::test]
async fn rows_are_readable_when_done_runs() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    let (tell, told) = oneshot::channel();
    journal.submit(vec![log(1, 1..=3, 9, false)], move || tell.send(()).unwrap());
    told.await.unwrap();
    assert_eq!(journal.log(call(1)).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_panicking_submitter_does_not_stop_the_others() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    journal.submit(vec![answer(1, 1)], || panic!("on purpose"));
    journal.submit(vec![answer(1, 2)], || ());
    journal.flush().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_submissions_from_many_threads() {
    const THREADS: u64 = 8;
    const EACH: u64 = 1250;
    let data = tempdir().unwrap();
    let commits = Arc::new(Mutex::new(Vec::<Commit>::new()));
    let seen = Arc::clone(&commits);
    let mut settings = settings();
    settings.observe = Some(Arc::new(move |commit: &Commit| seen.lock().push(*commit)));
    let (journal, _) = Journal::open(data.path(), settings).await.unwrap();
    let told: Arc<Vec<Mutex<Vec<u64>>>> =
        Arc::new((0..THREADS).map(|_| Mutex::new(Vec::new())).collect());
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (journal, told) = (journal.clone(), Arc::clone(&told));
            std::thread::spawn(move || {
                for n in 0..EACH {
                    let told = Arc::clone(&told);
                    let id = u128::from(thread * EACH + n);
                    let index = usize::try_from(thread).unwrap();
                    journal
                        .submit(vec![log(id, [1], 1, false)], move || told[index].lock().push(n));
                }
            })
        })
        .collect();
    for thread in threads {
        tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
    }
    journal.flush().await.unwrap();
    assert!(told.iter().all(|t| *t.lock() == (0..EACH).collect::<Vec<_>>()));
    let rows: usize = commits.lock().iter().map(|c| c.rows).sum();
    assert_eq!(rows, 10_000);
    assert!(commits.lock().len() < 10_000, "every submission was a commit of its own");
    journal.close().await.unwrap();
    let (_journal, recovered) = open(data.path()).await;
    assert_eq!(recovered.live.len(), 10_000);
}

#[tokio::test]
async fn a_closed_journal_says_so() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    let other = journal.clone();
    journal.close().await.unwrap();
    assert!(matches!(other.flush().await, Err(JournalError::Stopped)));
    assert!(matches!(other.sweep(super::Timestamp(1)).await, Err(JournalError::Stopped)));
}
