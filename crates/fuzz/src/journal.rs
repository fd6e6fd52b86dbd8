//! Target `journal`: what a restart finds on the disk.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use bellwire::{Recovered, StoredCall, Tenants, fuzzing::open_journal};
use bellwire_core::{Entry, fold};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::house;

/// A journal of the first schema version, with one live call and some of everything else.
const RELEASED: &[u8] = include_bytes!("../../server/src/journal/testdata/v1.db");
/// More changes only make a file that is refused at its first page.
const CHANGES: usize = 64;
/// In memory where there is such a place: the file is written anew for each input.
const FAST: &str = "/dev/shm";
/// Opening takes milliseconds; a file that holds it up for so long holds it up for ever.
const PATIENCE: Duration = Duration::from_secs(20);
/// Virtual time in which nearly all that a log leaves to be done comes due.
const AN_HOUR: Duration = Duration::from_hours(1);

/// Text that begins with `[` is what a row of the log holds, a JSON array of entries; anything
/// else is a list of changes to a released database file.
///
/// A log that can be read can be folded, written and read again, and a server that starts from it
/// runs. A changed file is refused or opened, never with a panic or a hang; what opened once opens
/// again.
pub fn journal(data: &[u8]) {
    if data.first() == Some(&b'[') {
        if let Ok(log) = serde_json::from_slice::<Vec<Entry>>(data) {
            entries(log);
        }
    } else {
        file(data);
    }
}

fn entries(log: Vec<Entry>) {
    let Some(call) = fold(&log) else { return };
    let text = serde_json::to_string(&log).expect("entries can be written");
    let again: Vec<Entry> = serde_json::from_str(&text).expect("what was written can be read");
    assert_eq!(again, log);
    assert_eq!(fold(&again).as_ref(), Some(&call));
    // The journal refuses a log with a gap before anybody folds it.
    if log.iter().zip(1..).all(|(entry, seq)| entry.seq == seq) {
        let stored = StoredCall { app: call.app.clone(), call: call.id, entries: log };
        house::on_virtual_time(start_from(Recovered {
            live: vec![stored],
            ..Recovered::default()
        }));
    }
}

/// A server starts, and lets everything come due.
async fn start_from(recovered: Recovered) {
    let tenants = Tenants::from_toml("").expect("no app is a configuration too");
    let node = house::open(tenants, recovered).await;
    tokio::time::sleep(AN_HOUR).await;
    for call in node.live_calls() {
        assert!(call.ended.is_none(), "an ended call lives: {call:?}");
    }
}

/// Changes to a database file: of each six bytes two are a place, one a length, the rest is
/// written there over and over.
fn file(data: &[u8]) {
    let mut bytes = RELEASED.to_vec();
    for change in data.chunks_exact(6).take(CHANGES) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len();
        let length = usize::from(change[2]).max(1).min(bytes.len() - at);
        let place = &mut bytes[at..at + length];
        place.iter_mut().zip(change[3..].iter().cycle()).for_each(|(byte, new)| *byte = *new);
    }
    // What is left over cuts the file off.
    if let [low, high, ..] = *data.chunks_exact(6).remainder() {
        bytes.truncate(usize::from(u16::from_le_bytes([low, high])));
    }
    let folder = folder();
    fs::write(folder.path().join("bellwire.db"), bytes).expect("a file can be written");
    if let Some(recovered) = opened(folder.path()) {
        assert!(opened(folder.path()).is_some(), "it opens only once");
        house::on_virtual_time(start_from(recovered));
    }
}

/// What is in the journal of `folder`; none if it is refused.
fn opened(folder: &Path) -> Option<Recovered> {
    let open = async { tokio::time::timeout(PATIENCE, open_journal(folder)).await };
    match RUNTIME.block_on(open).expect("opening ends") {
        Ok(recovered) => Some(recovered),
        Err(told) => {
            assert!(!told.is_empty(), "a refusal says why");
            None
        }
    }
}

/// `SQLite` works on threads of its own; the runtime that waits for them is made once.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread().enable_all().build().expect("a runtime for the journal")
});

fn folder() -> TempDir {
    let fast = PathBuf::from(FAST);
    let made = if fast.is_dir() { TempDir::new_in(fast) } else { TempDir::new() };
    made.expect("a temporary folder")
}
