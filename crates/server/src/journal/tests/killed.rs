//! An end at any moment between a commit, each chunk of a fold, and the deletion of the batches.
//!
//! 1. Commit random rows and fold them chunk by chunk, in a random mixture.
//! 2. After each of these steps take the files as a kill would leave them.
//! 3. Open the copy: everything committed is there, once, as a model of it says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};

use bellwire_core::{Reason, SessionId, State, Timestamp};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use sqlx::SqliteConnection;
use tempfile::tempdir;

use super::{
    Row, SessionRow, answer, app, call, entry, log, open, record, session, session_row, settings,
    user_row,
};
use crate::journal::{
    AnswerRow, RecordQuery, UserRow,
    fold::ANSWERS_KEPT,
    folding::Folding,
    open::{self as database, Guard},
    tables::Tables,
};

/// What was committed, as a reader would put it.
#[derive(Default)]
struct Model {
    /// How many entries each call has, and whether it is over.
    calls: BTreeMap<u128, (u64, bool)>,
    /// Each with its answers.
    sessions: BTreeMap<u64, (SessionRow, BTreeMap<u64, Arc<str>>)>,
    gone: BTreeSet<u64>,
    users: BTreeMap<String, UserRow>,
    serial: u64,
}

impl Model {
    /// One row that could be submitted now, if the dice give a sensible one.
    fn row(&mut self, dice: &mut StdRng) -> Option<Vec<Row>> {
        Some(match dice.random_range(0..12) {
            0..3 => self.begin(dice),
            3..6 => self.go_on(dice)?,
            6..9 => vec![self.answer(dice)?],
            9 => {
                // New, or changed.
                let number = dice.random_range(0..40);
                if self.gone.contains(&number) {
                    return None;
                }
                let mut row = session_row(number);
                row.at = Timestamp(dice.random_range(0..100));
                self.sessions.entry(number).or_insert_with(|| (row.clone(), BTreeMap::new())).0 =
                    row.clone();
                vec![Row::Session(row)]
            }
            10 => {
                let number = *self.sessions.keys().next()?;
                if dice.random_range(0..4) > 0 {
                    return None;
                }
                self.sessions.remove(&number);
                self.gone.insert(number);
                vec![Row::SessionGone(session(number))]
            }
            _ => {
                let number = dice.random_range(1..30);
                let mut row = user_row(&format!("u{number:02}"), number);
                row.at = Timestamp(dice.random_range(0..100));
                self.users.insert(row.user.to_string(), row.clone());
                vec![Row::User(row)]
            }
        })
    }

    fn begin(&mut self, dice: &mut StdRng) -> Vec<Row> {
        let number = self.calls.len() as u128 + 1;
        let (entries, ended) = (dice.random_range(1..4), dice.random_range(0..4) == 0);
        self.calls.insert(number, (entries, ended));
        self.with_record(log(number, 1..=entries, 7, ended), ended)
    }

    fn go_on(&mut self, dice: &mut StdRng) -> Option<Vec<Row>> {
        let number = dice.random_range(0..self.calls.len().max(1)) as u128 + 1;
        let (entries, ended) = self.calls.get_mut(&number)?;
        let (first, last) = (*entries + 1, *entries + dice.random_range(1..3));
        let ends = !*ended && dice.random_range(0..2) == 0;
        *entries = last;
        *ended |= ends;
        let row = log(number, first..=last, 9, *ended);
        Some(self.with_record(row, ends))
    }

    fn with_record(&mut self, row: Row, ended: bool) -> Vec<Row> {
        if !ended {
            return vec![row];
        }
        self.serial += 1;
        vec![row, record(self.serial, 8, Reason::Completed, State::Left)]
    }

    fn answer(&mut self, dice: &mut StdRng) -> Option<Row> {
        // The first session gets most, so that some of its answers become too old.
        let index = if dice.random_range(0..2) == 0 { 0 } else { dice.random_range(0..40) };
        let (number, (_, answers)) = self.sessions.iter_mut().nth(index)?;
        let highest = answers.keys().next_back().copied().unwrap_or(0);
        let request = highest + dice.random_range(0..3);
        let Row::Answer(mut row) = answer(*number, request) else { unreachable!() };
        row.body = format!("{} {}", row.body, dice.random_range(0..9)).into();
        answers.entry(request).or_insert_with(|| Arc::clone(&row.body));
        Some(Row::Answer(AnswerRow { ..row }))
    }

    /// Opens a copy of the files and compares.
    async fn check(&self, data: &Path) {
        let killed = tempdir().unwrap();
        for name in ["bellwire.db", "bellwire.db-wal"] {
            fs::copy(data.join(name), killed.path().join(name)).unwrap();
        }
        let (journal, found) = open(killed.path()).await;
        let calls = |ended| {
            let calls = self.calls.iter().filter(move |(_, call)| call.1 == ended);
            calls.map(|(number, (entries, _))| (call(*number), *entries)).collect::<Vec<_>>()
        };
        let seqs = |found: &[crate::journal::recover::StoredCall]| {
            found.iter().map(|c| (c.call, c.entries.len() as u64)).collect::<Vec<_>>()
        };
        assert_eq!(seqs(&found.live), calls(false));
        assert_eq!(seqs(&found.recent), calls(true));
        let sessions: Vec<_> = found.sessions.iter().map(|s| s.row.clone()).collect();
        let known: Vec<_> = self.sessions.values().map(|(row, _)| row.clone()).collect();
        assert_eq!(sessions, known);
        assert_eq!(found.users, self.users.values().cloned().collect::<Vec<_>>());
        let serials: Vec<_> = (self.serial > 0).then(|| (app(), self.serial)).into_iter().collect();
        assert_eq!(found.serials, serials);
        let records = journal.records(&RecordQuery::newest(app(), 10_000)).await.unwrap();
        assert_eq!(records.len() as u64, self.serial);
        for (number, (_, answers)) in &self.sessions {
            // All are too many to look at each time.
            let kept = || answers.iter().rev().take(ANSWERS_KEPT);
            for (request, body) in kept().take(2).chain(kept().skip(ANSWERS_KEPT - 1)) {
                let stored = journal.answer(&session(*number), *request).await.unwrap();
                assert_eq!(stored.as_deref(), Some(&**body));
            }
        }
        for number in &self.gone {
            let gone: SessionId = session(*number);
            assert_eq!(journal.answer(&gone, 1).await.unwrap(), None);
        }
        if let Some((number, (entries, _))) = self.calls.first_key_value() {
            let log = journal.log(call(*number)).await.unwrap();
            let whole: Vec<_> = (1..=*entries).collect();
            assert_eq!(log.iter().map(|e| e.seq).collect::<Vec<_>>(), whole);
            assert_eq!(log[0], entry(1, 7));
        }
        journal.close().await.unwrap();
        assert_eq!(left_behind(killed.path()).await, 0);
    }
}

/// How many batches a file holds.
async fn left_behind(data: &Path) -> i64 {
    let mut guard = Guard::take(data).unwrap();
    let mut file =
        database::open(&data.join("bellwire.db"), &mut guard, &settings()).await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM batch").fetch_one(&mut file).await.unwrap()
}

async fn commit(
    folding: &mut Folding,
    file: &mut SqliteConnection,
    model: &mut Model,
    dice: &mut StdRng,
) {
    let mut tables = Tables::default();
    for _ in 0..dice.random_range(1..120) {
        if let Some(rows) = model.row(dice) {
            tables.append(Tables::from_rows(rows));
        }
    }
    if !tables.is_empty() {
        folding.commit(file, &Arc::new(tables)).await.unwrap();
    }
}

#[tokio::test]
async fn an_end_at_any_moment_loses_nothing_and_doubles_nothing() {
    for seed in 0..2 {
        let data = tempdir().unwrap();
        let mut guard = Guard::take(data.path()).unwrap();
        let path = data.path().join("bellwire.db");
        let mut file = database::open(&path, &mut guard, &settings()).await.unwrap();
        let mut folding = Folding::new(None);
        let (mut model, mut dice) = (Model::default(), StdRng::seed_from_u64(seed));
        println!("seed {seed}");
        for _ in 0..5 {
            for _ in 0..dice.random_range(1..4) {
                commit(&mut folding, &mut file, &mut model, &mut dice).await;
                model.check(data.path()).await;
            }
            for _ in 0..dice.random_range(0..14) {
                folding.chunk(&mut file).await.unwrap();
                model.check(data.path()).await;
                if dice.random_range(0..5) == 0 {
                    commit(&mut folding, &mut file, &mut model, &mut dice).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_second_end_in_the_middle_of_catching_up() {
    let data = tempdir().unwrap();
    let path = data.path().join("bellwire.db");
    let (mut model, mut dice) = (Model::default(), StdRng::seed_from_u64(77));
    for _ in 0..6 {
        // Each start folds a little of what the one before left, adds to it, and ends.
        let mut guard = Guard::take(data.path()).unwrap();
        let mut file = database::open(&path, &mut guard, &settings()).await.unwrap();
        let mut folding = Folding::new(None);
        folding.read_back(&mut file).await.unwrap();
        for _ in 0..dice.random_range(0..5) {
            folding.chunk(&mut file).await.unwrap();
        }
        model.check(data.path()).await;
        folding.all(&mut file).await.unwrap();
        for _ in 0..3 {
            commit(&mut folding, &mut file, &mut model, &mut dice).await;
        }
        model.check(data.path()).await;
    }
}

#[tokio::test]
async fn a_sweep_after_an_end_between_the_fold_and_its_deletions_ends() {
    let data = tempdir().unwrap();
    let path = data.path().join("bellwire.db");
    let mut guard = Guard::take(data.path()).unwrap();
    let mut file = database::open(&path, &mut guard, &settings()).await.unwrap();
    let mut folding = Folding::new(None);
    let rows = Tables::from_rows(vec![log(1, [1], 1, false)]);
    folding.commit(&mut file, &Arc::new(rows)).await.unwrap();
    let last = folding.last();
    while !folding.has_folded(last + 1) {
        folding.chunk(&mut file).await.unwrap();
    }
    assert!(!folding.has_deleted(last));
    drop((file, guard));
    let (journal, _) = open(data.path()).await;
    let swept = tokio::time::timeout(Duration::from_secs(10), journal.sweep(Timestamp(0)));
    swept.await.expect("there is nothing to wait for").unwrap();
}
