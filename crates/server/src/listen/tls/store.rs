//! What an authority gave, kept in files that only the server's own user may read.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The folder below the data directory.
const FOLDER: &str = "acme";
const ACCOUNT: &str = "account.json";
const CERTIFICATE: &str = "certificate.json";

/// Why what is kept cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// A file or its folder cannot be read or written.
    #[error("{}: {error}; the account and certificate from the authority are kept there", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file is there and is not what we wrote.
    #[error("{}: is damaged; remove it to have a new one made", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
    },
}

/// An account with an authority, its key included.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptAccount {
    /// The authority's directory.
    pub(super) directory: String,
    /// As instant-acme writes it.
    pub(super) credentials: serde_json::Value,
}

/// A certificate with its key.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptCertificate {
    /// The directory of the authority that gave it.
    pub(super) directory: String,
    /// The names it was asked for.
    pub(super) domains: Vec<String>,
    /// The chain, PEM.
    pub(super) chain: String,
    /// The private key, PEM.
    pub(super) key: String,
}

/// The folder.
#[derive(Debug)]
pub(super) struct Store(PathBuf);

impl Store {
    /// The folder in `data`; made if it is missing.
    pub(super) fn open(data: &Path) -> Result<Self, StoreError> {
        let folder = data.join(FOLDER);
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| StoreError::Io { path: folder.clone(), error })?;
        Ok(Self(folder))
    }

    /// The account, if there is one.
    pub(super) fn account(&self) -> Result<Option<KeptAccount>, StoreError> {
        self.read(ACCOUNT)
    }

    /// The certificate, if there is one.
    pub(super) fn certificate(&self) -> Result<Option<KeptCertificate>, StoreError> {
        self.read(CERTIFICATE)
    }

    /// Keeps an account in place of the one before.
    pub(super) fn keep_account(&self, account: &KeptAccount) -> Result<(), StoreError> {
        self.write(ACCOUNT, account)
    }

    /// Keeps a certificate in place of the one before.
    pub(super) fn keep_certificate(&self, kept: &KeptCertificate) -> Result<(), StoreError> {
        self.write(CERTIFICATE, kept)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let path = self.0.join(name);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                // The error itself would quote the file, and the file holds a key.
                .map_err(|_| StoreError::Damaged { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::Io { path, error }),
        }
    }

    /// Writes beside the file and renames, so that nobody ever finds half of it.
    fn write(&self, name: &str, value: &impl Serialize) -> Result<(), StoreError> {
        let path = self.0.join(name);
        let new = self.0.join(format!(".{name}.new"));
        let written = serde_json::to_vec_pretty(value).map_err(io::Error::from).and_then(|text| {
            // One that a crash left behind may have been made under other rights.
            match fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        });
        written.map_err(|error| StoreError::Io { path, error })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_kept_is_found_again_and_nobody_else_may_read_it() {
        let data = tempfile::tempdir().expect("a folder");
        let store = Store::open(data.path()).expect("opens");
        assert!(store.account().expect("reads").is_none());
        for directory in ["https://one", "https://two"] {
            let credentials = serde_json::json!({"id": "1"});
            let account = KeptAccount { directory: directory.to_owned(), credentials };
            store.keep_account(&account).expect("kept");
        }
        let found = Store::open(data.path()).expect("opens").account().expect("reads");
        assert_eq!(found.expect("there").directory, "https://two");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&data.path().join("acme/account.json")), 0o600);
        assert_eq!(mode(&data.path().join("acme")), 0o700);
    }

    #[test]
    fn a_damaged_file_is_named_and_left_alone() {
        let data = tempfile::tempdir().expect("a folder");
        let store = Store::open(data.path()).expect("opens");
        let path = data.path().join("acme/certificate.json");
        fs::write(&path, "{\"key\": \"secret").expect("written");
        let error = store.certificate().err().expect("damaged");
        assert!(matches!(error, StoreError::Damaged { .. }));
        assert!(!error.to_string().contains("secret"));
        assert_eq!(fs::read_to_string(&path).expect("there"), "{\"key\": \"secret");
    }
}
