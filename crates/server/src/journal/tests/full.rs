//! A full disk delays, and loses nothing.

use std::{fs, sync::Arc};

use bellwire_core::Timestamp;
use parking_lot::Mutex;
use tempfile::tempdir;

use super::{call, log, settings};
use crate::journal::{Journal, JournalSettings, JournalState};

fn is_full(state: JournalState) -> bool {
    matches!(state, JournalState::Full { .. })
}

#[tokio::test]
async fn what_does_not_fit_waits_in_order_until_a_sweep_makes_room() {
    let data = tempdir().unwrap();
    let settings = JournalSettings { max_pages: Some(120), ..settings() };
    let (journal, _) = Journal::open(data.path(), settings).await.unwrap();
    let reserve = data.path().join("reserve");
    assert_eq!(fs::metadata(&reserve).unwrap().len(), 8192);
    assert_eq!(journal.state(), JournalState::Ready);

    let mut state = journal.watch();
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut submitted = 0;
    while !is_full(journal.state()) {
        submitted += 1;
        let told = Arc::clone(&told);
        let row = log(submitted, 1..=10, u64::try_from(submitted).unwrap(), true);
        journal.submit(vec![row], move || told.lock().push(submitted));
        if submitted % 20 == 0 {
            // Full, or room for these: either way an answer comes.
            tokio::select! {
                flushed = journal.flush() => flushed.unwrap(),
                found = state.wait_for(|s| is_full(*s)) => drop(found.unwrap()),
            }
        }
    }
    assert!(!reserve.exists(), "the reserve must be given up");
    let before = told.lock().len();
    assert!(before < usize::try_from(submitted).unwrap());

    // More comes meanwhile, of a call that is running.
    let seen = Arc::clone(&told);
    journal.submit(vec![log(1 << 64, [1], 10_000, false)], move || seen.lock().push(u128::MAX));
    let half = u64::try_from(submitted / 2).unwrap();
    journal.sweep(Timestamp(half)).await.unwrap();
    journal.flush().await.unwrap();
    let expected: Vec<_> = (1..=submitted).chain([u128::MAX]).collect();
    assert_eq!(*told.lock(), expected);
    state.wait_for(|s| *s == JournalState::Ready).await.unwrap();
    assert!(reserve.exists());
    assert_eq!(journal.log(call(1 << 64)).await.unwrap().len(), 1);
    assert_eq!(journal.log(call(submitted)).await.unwrap().len(), 10);
}

#[tokio::test]
async fn without_room_for_the_reserve_the_journal_begins_full() {
    let data = tempdir().unwrap();
    // A directory in its place cannot be made a reserve.
    fs::create_dir(data.path().join("reserve")).unwrap();
    let (journal, _) = Journal::open(data.path(), settings()).await.unwrap();
    assert!(is_full(journal.state()));
    journal.submit(vec![log(1, [1], 1, false)], || ());
    journal.flush().await.unwrap();
    fs::remove_dir(data.path().join("reserve")).unwrap();
    journal.watch().wait_for(|s| *s == JournalState::Ready).await.unwrap();
}
