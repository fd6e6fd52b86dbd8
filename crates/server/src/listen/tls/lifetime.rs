//! From when to when a certificate is good.

use std::time::{Duration, SystemTime};

use tokio_rustls::rustls::sign::CertifiedKey;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

/// The validity of a certificate, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lifetime {
    pub(super) begins_s: i64,
    pub(super) ends_s: i64,
}

impl Lifetime {
    /// That of the first in the chain; none if it cannot be read.
    pub(super) fn of(certificate: &CertifiedKey) -> Option<Self> {
        let (_, first) = X509Certificate::from_der(certificate.end_entity_cert().ok()?).ok()?;
        let validity = first.validity();
        Some(Self {
            begins_s: validity.not_before.timestamp(),
            ends_s: validity.not_after.timestamp(),
        })
    }

    /// How long until two thirds of it have passed: time enough for a month of failed renewals
    /// in the usual ninety days.
    pub(super) fn renew_in(self, now: SystemTime) -> Duration {
        let now_s = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let due_s = self.begins_s + (self.ends_s - self.begins_s) / 3 * 2;
        let due_s = u64::try_from(due_s).unwrap_or_default();
        Duration::from_secs(due_s.saturating_sub(now_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_thirds_of_a_life_are_lived_before_renewal() {
        let at = |s| SystemTime::UNIX_EPOCH + Duration::from_secs(s);
        let lifetime = Lifetime { begins_s: 1_000, ends_s: 1_090 };
        assert_eq!(lifetime.renew_in(at(1_000)), Duration::from_mins(1));
        assert_eq!(lifetime.renew_in(at(1_059)), Duration::from_secs(1));
        assert_eq!(lifetime.renew_in(at(1_060)), Duration::ZERO);
        assert_eq!(lifetime.renew_in(at(9_000)), Duration::ZERO);
    }
}
