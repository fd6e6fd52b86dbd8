//! The development app's keys: made at their first use, kept beside the data.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use bellwire_protocol::Secret;
use serde::Deserialize;

/// The key of the development app.
pub(crate) const DEV_APP: &str = "dev";

const FILE: &str = "dev-app.toml";

/// The keys of the development app.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DevApp {
    /// Signs and verifies its tokens.
    pub secret: Secret,
    /// Opens its HTTP API.
    pub api_key: Secret,
}

/// Why the development app's keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevAppError {
    /// The file or its directory cannot be read or written.
    #[error("{}: {error}; the development app keeps its keys there", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file is there and is not what we wrote.
    #[error(
        "{}: is no file of development keys; remove it to have new ones made", path.display()
    )]
    Damaged {
        /// Which.
        path: PathBuf,
    },
}

impl DevApp {
    /// The keys kept in `data`, if there are any.
    pub(crate) fn existing(data: &Path) -> Result<Option<Self>, DevAppError> {
        let path = data.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DevAppError::Io { path, error }),
        }
    }

    fn parse(text: &str, path: PathBuf) -> Result<Self, DevAppError> {
        toml::from_str(text).map_err(|_| DevAppError::Damaged { path })
    }

    /// The keys kept in `data`, made now if there are none. Of several processes that make them at
    /// the same time one wins, and all get the same keys.
    pub(crate) fn open(data: &Path) -> Result<Self, DevAppError> {
        if let Some(keys) = Self::existing(data)? {
            return Ok(keys);
        }
        let path = data.join(FILE);
        let failed = |error| DevAppError::Io { path: path.clone(), error };
        fs::create_dir_all(data).map_err(failed)?;
        write_once(data, &path).map_err(failed)?;
        let text = fs::read_to_string(&path).map_err(failed)?;
        Self::parse(&text, path)
    }
}

/// Writes new keys under a name of our own, then gives the file its name, which succeeds for one
/// only. Nobody ever reads half a file.
fn write_once(data: &Path, path: &Path) -> io::Result<()> {
    let own = data.join(format!(".{FILE}.{}", random_hex(8)));
    let text = format!(
        "# Keys of the development app. Not for production.\nsecret = \"{}\"\napi_key = \"{}\"\n",
        random_hex(32),
        random_hex(32)
    );
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&own).and_then(
        |mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        },
    );
    let linked = written.and_then(|()| match fs::hard_link(&own, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    // A file left behind is harmless; what went wrong before is what must be told.
    let _ = fs::remove_file(&own);
    linked
}

fn random_hex(bytes: usize) -> String {
    use std::fmt::Write as _;
    (0..bytes).fold(String::with_capacity(bytes * 2), |mut text, _| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{:02x}", rand::random::<u8>());
        text
    })
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, sync::Barrier, thread};

    use super::*;

    #[test]
    fn everybody_who_races_gets_the_same_keys_and_nobody_else_may_read_them() {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().join("deep/data");
        let start = Barrier::new(8);
        let found: Vec<DevApp> = thread::scope(|scope| {
            let open = || {
                start.wait();
                DevApp::open(&data).expect("keys")
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|t| t.join().expect("a thread")).collect()
        });
        assert!(found.iter().all(|keys| *keys == found[0]));
        assert_eq!(found[0].secret.expose().len(), 64);
        assert_ne!(found[0].secret, found[0].api_key);
        let mode = fs::metadata(data.join(FILE)).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&data).expect("the directory").count(), 1, "nothing left behind");
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(FILE);
        fs::write(&path, "secret = 3").expect("written");
        assert!(matches!(DevApp::open(dir.path()), Err(DevAppError::Damaged { .. })));
        assert_eq!(fs::read_to_string(&path).expect("there"), "secret = 3");
    }
}
