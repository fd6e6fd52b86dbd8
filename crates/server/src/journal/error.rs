//! Why the journal cannot be used, and what to do about it.

use std::{io, path::PathBuf};

/// Why the journal refused or failed. Nothing was overwritten.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// Another process serves this data directory, or holds the database file.
    #[error("{path} is in use by another process; stop that one, or choose another data directory")]
    Locked {
        /// The file that is held.
        path: PathBuf,
    },
    /// The file is no database, or another program's.
    #[error("{path} is not a Bellwire database; move it away, or choose another data directory")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is ours and its contents are broken.
    #[error(
        "{path} is damaged ({detail}); restore it from a backup, or move it and the files \
         beside it that begin with its name away to start empty"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The file was written by a later release.
    #[error(
        "{path} has schema version {version}, this release knows up to {known}; run the release \
         that wrote it, or a later one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version it has.
        version: u32,
        /// The highest version this release reads.
        known: u32,
    },
    /// The operating system refused.
    #[error("cannot use {path}: {source}; look at its owner, its permissions and the disk")]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A row that was stored cannot be read back.
    #[error("the journal's table {table} holds a row that cannot be read: {detail}")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong with the row.
        detail: String,
    },
    /// The database refused a statement.
    #[error("the journal's database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The journal has stopped: it was closed, or it failed and the log says why.
    #[error("the journal has stopped; the server must be restarted")]
    Stopped,
}

/// What an error of the database means for what was being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Another program holds the file.
    Held,
    /// No room, or the disk refused: the same write may succeed later.
    NoRoom,
    /// The file is broken.
    Damaged,
    /// Anything else: trying again would not help.
    Lasting,
}

/// Sorts an error by the primary result code of `SQLite` (<https://sqlite.org/rescode.html>).
pub(super) fn fault(error: &sqlx::Error) -> Fault {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let code = code.and_then(|text| text.parse::<i32>().ok());
    match code.map(|code| code & 0xff) {
        // BUSY, LOCKED.
        Some(5 | 6) => Fault::Held,
        // NOMEM, READONLY, IOERR, FULL, CANTOPEN.
        Some(7 | 8 | 10 | 13 | 14) => Fault::NoRoom,
        // CORRUPT, NOTADB.
        Some(11 | 26) => Fault::Damaged,
        _ => Fault::Lasting,
    }
}
