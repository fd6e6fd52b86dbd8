//! Opens the database file, or refuses it without having changed a byte.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{
    error::{Fault, JournalError, fault},
    settings::{JournalSettings, Synchronous},
};

/// `Bell` in ASCII: how the file says that it is ours (`PRAGMA application_id`).
pub(super) const APPLICATION_ID: u32 = 0x4265_6c6c;
/// What brings a file from each schema version to the next; a new file passes through all.
const MIGRATIONS: [&str; SCHEMA_VERSION as usize] = [
    include_str!("schema/v1.sql"),
    include_str!("schema/v2.sql"),
    include_str!("schema/v3.sql"),
    include_str!("schema/v4.sql"),
];
/// The newest schema version.
pub(super) const SCHEMA_VERSION: u32 = 4;
/// A file up to this many bytes is checked at every start (a tenth of a second), a larger one
/// only after an unclean end.
const CHECK_ALWAYS_BYTES: u64 = 32 * 1024 * 1024;
/// How long to wait for another program, such as a backup, that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// The size the write-ahead log is cut back to when it begins anew, in bytes: what it grows to
/// anyway.
const WAL_BYTES: u64 = 128 * 1024 * 1024;
/// Bytes to a page of a new file; one of schema version 1 keeps its pages of 4 096. Twice as large
/// a page saves an eighth of the time: bodies and folds fill it, and each costs system calls.
pub(super) const PAGE_BYTES: u32 = 8192;
/// Pages in the write-ahead log before a commit moves them into the file itself, at 192 MiB:
/// only where [checkpoints](super::checkpoint) do not come to it.
const CHECKPOINT_PAGES: u32 = 24_000;
/// Page cache of the writer, in KiB.
const CACHE_KIB: u64 = 16 * 1024;
/// One per shape of each statement, and the few single ones.
const STATEMENTS: usize = 192;
const CLEAN: &[u8] = b"closed cleanly\n";

/// Keeps other servers out of the data directory while it lives, and remembers in the same file
/// whether the last one closed cleanly.
pub(super) struct Guard {
    file: File,
    clean: bool,
}

impl Guard {
    /// Takes `<data>/lock`.
    pub(super) fn take(data: &Path) -> Result<Self, JournalError> {
        let path = data.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(in_file(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::Locked { path }),
            Err(TryLockError::Error(source)) => return Err(JournalError::File { path, source }),
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(in_file(&path))?;
        Ok(Self { clean: text == CLEAN, file })
    }

    /// Says that from here on an end is unclean, unless marked otherwise.
    fn mark_open(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        io::Seek::rewind(&mut self.file)
    }

    /// Says that the database was closed. If that fails, the next start only checks more.
    pub(super) fn mark_clean(mut self) {
        if let Err(error) = self.file.write_all(CLEAN).and_then(|()| self.file.sync_all()) {
            tracing::warn!(%error, "the journal's lock file cannot be marked as clean");
        }
    }
}

/// Opens `database` for writing: made if there is none, checked and brought to
/// [`SCHEMA_VERSION`] if there is one.
pub(super) async fn open(
    database: &Path,
    guard: &mut Guard,
    settings: &JournalSettings,
) -> Result<SqliteConnection, JournalError> {
    match fs::metadata(database) {
        Ok(found) => {
            check_header(database)?;
            let whole = !guard.clean || found.len() <= CHECK_ALWAYS_BYTES;
            check(database, whole).await.map_err(|error| sorted(database, error))?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(database).await?,
        Err(source) => return Err(JournalError::File { path: database.into(), source }),
    }
    guard.mark_open().map_err(in_file(database))?;
    connect(database, settings).await.map_err(|error| sorted(database, error.into()))
}

/// Options of a connection that only reads.
pub(super) fn reading(database: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(database)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// A second connection to the file that is served, which moves its write-ahead log.
pub(super) async fn second(
    database: &Path,
    settings: &JournalSettings,
) -> Result<SqliteConnection, sqlx::Error> {
    writing(database, settings).connect().await
}

fn writing(database: &Path, settings: &JournalSettings) -> SqliteConnectOptions {
    let synchronous = match settings.synchronous {
        Synchronous::Normal => SqliteSynchronous::Normal,
        Synchronous::Full => SqliteSynchronous::Full,
    };
    SqliteConnectOptions::new()
        .filename(database)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// Refuses what is not ours by its first bytes, before `SQLite` may touch it.
fn check_header(database: &Path) -> Result<(), JournalError> {
    let mut header = Vec::new();
    File::open(database)
        .and_then(|file| file.take(100).read_to_end(&mut header))
        .map_err(in_file(database))?;
    // Offset 68 of the header: https://sqlite.org/fileformat.html#the_database_header.
    if !header.starts_with(b"SQLite format 3\0")
        || header.get(68..72) != Some(&APPLICATION_ID.to_be_bytes())
    {
        return Err(JournalError::Foreign { path: database.into() });
    }
    Ok(())
}

/// Looks at the version, and at the whole file if `whole`. Reads only: a connection that may
/// write would move the write-ahead log into a file that is about to be refused.
async fn check(database: &Path, whole: bool) -> Result<(), JournalError> {
    let mut connection = reading(database).connect().await?;
    let version = version(&mut connection).await?;
    if version > SCHEMA_VERSION {
        let path = database.into();
        return Err(JournalError::Newer { path, version, known: SCHEMA_VERSION });
    }
    check_schema(database, &mut connection).await?;
    if whole {
        let found: String =
            sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut connection).await?;
        if found != "ok" {
            // The first line names the b-tree, the second what is wrong.
            let detail = found.lines().last().unwrap_or_default().to_owned();
            return Err(JournalError::Damaged { path: database.into(), detail });
        }
    }
    connection.close().await?;
    Ok(())
}

/// Looks at the text of the schema, which `quick_check` does not: the driver takes names of columns
/// and types for UTF-8, and what waits for it would wait for ever.
async fn check_schema(
    database: &Path,
    connection: &mut SqliteConnection,
) -> Result<(), JournalError> {
    let texts: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT CAST(sql AS BLOB) FROM sqlite_schema WHERE sql IS NOT NULL")
            .fetch_all(connection)
            .await?;
    if texts.iter().any(|text| std::str::from_utf8(text).is_err()) {
        let detail = "the schema is not UTF-8".to_owned();
        return Err(JournalError::Damaged { path: database.into(), detail });
    }
    Ok(())
}

/// Makes a new file beside the place and puts it there whole, so that an end in between leaves
/// no half-made database.
async fn create(database: &Path) -> Result<(), JournalError> {
    let log = beside(database, "-wal");
    if log.exists() {
        let detail = format!("it is missing, but {} is there", log.display());
        return Err(JournalError::Damaged { path: database.into(), detail });
    }
    let new = beside(database, ".new");
    for left in [new.clone(), beside(&new, "-wal"), beside(&new, "-shm")] {
        match fs::remove_file(&left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(JournalError::File { path: left, source: error });
            }
            _ => {}
        }
    }
    let mut connection = SqliteConnectOptions::new()
        .filename(&new)
        .create_if_missing(true)
        .page_size(PAGE_BYTES)
        .journal_mode(SqliteJournalMode::Wal)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(|error| sorted(&new, error.into()))?;
    let id = AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION_ID}"));
    connection.execute(id).await?;
    migrate(&mut connection, 0).await?;
    connection.close().await?;
    File::open(&new)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&new, database))
        .and_then(|()| database.parent().map_or(Ok(()), |data| File::open(data)?.sync_all()))
        .map_err(in_file(database))
}

async fn connect(
    database: &Path,
    settings: &JournalSettings,
) -> Result<SqliteConnection, sqlx::Error> {
    let mut options = writing(database, settings)
        .foreign_keys(false)
        .statement_cache_capacity(STATEMENTS)
        .pragma("cache_size", format!("-{CACHE_KIB}"))
        .pragma("temp_store", "MEMORY")
        // What is deleted is written over with zeros, or who is erased would stay in free pages.
        .pragma("secure_delete", "ON")
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
        .pragma("journal_size_limit", WAL_BYTES.to_string());
    if let Some(pages) = settings.max_pages {
        options = options.pragma("max_page_count", pages.to_string());
    }
    let mut connection = options.connect().await?;
    let version = version(&mut connection).await?;
    if version < SCHEMA_VERSION {
        migrate(&mut connection, version).await?;
    }
    Ok(connection)
}

async fn version(connection: &mut SqliteConnection) -> Result<u32, sqlx::Error> {
    sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await
}

/// Brings the schema from version `from` to the newest, or leaves it as it is.
async fn migrate(connection: &mut SqliteConnection, from: u32) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for migration in MIGRATIONS.iter().skip(from as usize) {
        transaction.execute(sqlx::raw_sql(*migration)).await?;
    }
    let set = AssertSqlSafe(format!("PRAGMA user_version = {SCHEMA_VERSION}"));
    transaction.execute(set).await?;
    transaction.commit().await
}

/// Names the file in an error of the database.
fn sorted(database: &Path, error: JournalError) -> JournalError {
    let JournalError::Database(error) = error else { return error };
    let path = PathBuf::from(database);
    match fault(&error) {
        Fault::Held => JournalError::Locked { path },
        Fault::Damaged => JournalError::Damaged { path, detail: error.to_string() },
        Fault::NoRoom => JournalError::File { path, source: io::Error::other(error) },
        Fault::Lasting => JournalError::Database(error),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn in_file(path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError::File { path, source }
}
