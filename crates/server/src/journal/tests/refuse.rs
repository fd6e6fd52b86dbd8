//! Files that must not be used are refused by name, and left as they were.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use bellwire_core::{Reason, State};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, sqlite::SqliteConnectOptions};
use tempfile::{TempDir, tempdir};

use super::{log, open, record, run_and_drop, settings};
use crate::journal::{
    Journal, JournalError,
    open::{PAGE_BYTES, SCHEMA_VERSION},
};

/// A closed journal with a few pages of content.
fn filled() -> (TempDir, PathBuf) {
    let data = tempdir().unwrap();
    run_and_drop(async {
        let (journal, _) = open(data.path()).await;
        for n in 1..200 {
            let record = record(n, n, Reason::Completed, State::Left);
            journal.submit(vec![log(n.into(), 1..=9, n, true), record], || ());
        }
        journal.close().await.unwrap();
    });
    let database = data.path().join("bellwire.db");
    (data, database)
}

/// Everything of the database in the directory, byte for byte.
fn files(data: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fs::read_dir(data)
        .unwrap()
        .map(|file| file.unwrap().path())
        // The shared memory of the write-ahead log holds nothing that is kept.
        .filter(|path| !path.to_string_lossy().ends_with("-shm"))
        .filter(|path| path.file_name().is_some_and(|name| name != "lock"))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .filter(|(path, bytes)| !(path.to_string_lossy().ends_with("-wal") && bytes.is_empty()))
        .collect()
}

async fn refused(data: &Path) -> JournalError {
    let before = files(data);
    let error = Journal::open(data, settings()).await.err().expect("must be refused");
    assert_eq!(files(data), before, "a refused file was changed");
    let text = error.to_string();
    assert!(text.contains(&data.display().to_string()), "no file is named: {text}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_in_use() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    assert!(matches!(refused(data.path()).await, JournalError::Locked { .. }));
    journal.close().await.unwrap();
    open(data.path()).await;
}

#[tokio::test]
async fn a_file_another_program_holds() {
    let (data, database) = tokio::task::spawn_blocking(filled).await.unwrap();
    let options =
        SqliteConnectOptions::new().filename(&database).pragma("locking_mode", "EXCLUSIVE");
    let mut other = options.connect().await.unwrap();
    other.execute("BEGIN EXCLUSIVE").await.unwrap();
    let error = Journal::open(data.path(), settings()).await.err().unwrap();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    other.close().await.unwrap();
}

#[tokio::test]
async fn a_newer_file() {
    let (data, database) = tokio::task::spawn_blocking(filled).await.unwrap();
    let mut other = SqliteConnectOptions::new().filename(&database).connect().await.unwrap();
    other.execute("PRAGMA user_version = 99").await.unwrap();
    other.close().await.unwrap();
    match refused(data.path()).await {
        JournalError::Newer { version: 99, known: SCHEMA_VERSION, .. } => {}
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_newer_file_whose_version_is_still_in_the_write_ahead_log() {
    let (data, database) = tokio::task::spawn_blocking(filled).await.unwrap();
    let crashed = tempdir().unwrap();
    let mut other = SqliteConnectOptions::new().filename(&database).connect().await.unwrap();
    other.execute("PRAGMA user_version = 99").await.unwrap();
    for name in ["bellwire.db", "bellwire.db-wal"] {
        fs::copy(data.path().join(name), crashed.path().join(name)).unwrap();
    }
    other.close().await.unwrap();
    assert!(matches!(refused(crashed.path()).await, JournalError::Newer { .. }));
}

#[tokio::test]
async fn a_database_of_another_program() {
    let data = tempdir().unwrap();
    let database = data.path().join("bellwire.db");
    let options = SqliteConnectOptions::new().filename(&database).create_if_missing(true);
    let mut other = options.connect().await.unwrap();
    other.execute("CREATE TABLE theirs (x)").await.unwrap();
    other.close().await.unwrap();
    assert!(matches!(refused(data.path()).await, JournalError::Foreign { .. }));
}

#[tokio::test]
async fn files_that_are_no_database() {
    for content in [&b""[..], b"hello", &[0; 8192]] {
        let data = tempdir().unwrap();
        fs::write(data.path().join("bellwire.db"), content).unwrap();
        assert!(matches!(refused(data.path()).await, JournalError::Foreign { .. }));
    }
}

#[tokio::test]
async fn damaged_files() {
    const PAGE: usize = PAGE_BYTES as usize;
    let damages: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes[PAGE..].fill(0xa5),
        |bytes| bytes[3 * PAGE..4 * PAGE].fill(0),
        |bytes| bytes.truncate(5 * PAGE),
        |bytes| bytes.truncate(100),
        |bytes| {
            let schema = bytes.windows(4).position(|word| word == b"BLOB");
            bytes[schema.expect("the type of a column")] = 0xff;
        },
    ];
    for (index, damage) in damages.into_iter().enumerate() {
        let (data, database) = tokio::task::spawn_blocking(filled).await.unwrap();
        let mut bytes = fs::read(&database).unwrap();
        assert!(bytes.len() > 6 * PAGE);
        damage(&mut bytes);
        fs::write(&database, bytes).unwrap();
        let error = refused(data.path()).await;
        assert!(matches!(error, JournalError::Damaged { .. }), "{index}: {error}");
    }
}

#[tokio::test]
async fn a_write_ahead_log_without_its_file() {
    let data = tempdir().unwrap();
    fs::write(data.path().join("bellwire.db-wal"), b"left behind").unwrap();
    assert!(matches!(refused(data.path()).await, JournalError::Damaged { .. }));
}

#[tokio::test]
async fn a_directory_that_is_not_there() {
    let data = tempdir().unwrap();
    let missing = data.path().join("missing");
    let error = Journal::open(&missing, settings()).await.err().unwrap();
    assert!(matches!(error, JournalError::File { .. }), "{error}");
}
