//! A certificate that nobody vouches for, for development: a phone on the same network may use its
//! camera only on a page that came encrypted. Browsers ask once whether to go on.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rcgen::{CertificateParams, KeyPair};

use crate::config;

const CERT: &str = "dev-cert.pem";
const KEY: &str = "dev-key.pem";
/// Begins the line above the certificate that says what it is for. What stands outside the marks is
/// no part of a PEM file (RFC 7468, section 2).
const FOR: &str = "# for ";

/// The development certificate cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnCertificateError {
    /// Its files cannot be read or written.
    #[error("{}: {error}; the development certificate is kept there", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It cannot be made.
    #[error("cannot make a development certificate: {0}")]
    Make(#[from] rcgen::Error),
}

/// The settings of a port with a certificate of our own, which is kept in `data` as long as the
/// machine has the same addresses, so that a browser asks once.
pub(crate) fn certificate(data: &Path) -> Result<config::Tls, OwnCertificateError> {
    let (cert, key) = (data.join(CERT), data.join(KEY));
    let names: Vec<String> = names().into_iter().collect();
    let line = format!("{FOR}{}", names.join(", "));
    let is_ours = |text: String| text.lines().next() == Some(&line);
    if !(key.is_file() && fs::read_to_string(&cert).is_ok_and(is_ours)) {
        let pair = KeyPair::generate()?;
        let made = CertificateParams::new(names)?.self_signed(&pair)?;
        write(&key, &pair.serialize_pem())?;
        write(&cert, &format!("{line}\n{}", made.pem()))?;
    }
    Ok(config::Tls { cert: Some(cert), key: Some(key), ..config::Tls::default() })
}

/// What this machine is called by: its addresses, and what it calls itself.
fn names() -> BTreeSet<String> {
    let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    // Without a list of interfaces it is still reached from this machine.
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let all = interfaces.iter().map(if_addrs::Interface::ip).chain(loopback);
    all.map(|ip| ip.to_string()).chain(["localhost".to_owned()]).collect()
}

fn write(path: &Path, text: &str) -> Result<(), OwnCertificateError> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| OwnCertificateError::Io { path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_for_this_machine() {
        let data = tempfile::tempdir().unwrap();
        let tls = certificate(data.path()).unwrap();
        let read = |path: Option<&PathBuf>| fs::read_to_string(path.unwrap()).unwrap();
        let (cert, key) = (read(tls.cert.as_ref()), read(tls.key.as_ref()));
        assert!(cert.starts_with("# for ") && cert.contains("127.0.0.1"), "{cert}");
        assert!(cert.contains("localhost"), "{cert}");
        let again = certificate(data.path()).unwrap();
        assert_eq!((read(again.cert.as_ref()), read(again.key.as_ref())), (cert.clone(), key));
        // A machine that moved has other addresses.
        fs::write(data.path().join(CERT), cert.replace("localhost", "elsewhere")).unwrap();
        let moved = certificate(data.path()).unwrap();
        assert_ne!(read(moved.cert.as_ref()), cert);
    }
}
