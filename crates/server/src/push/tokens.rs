//! Who can be woken, and where: a device's tokens, which outlive its session and the server.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use ahash::HashMap;
use bellwire_core::{AppKey, DeviceId, PushProvider, RingMode, Timestamp, UserId};
use bellwire_protocol::{
    Secret, WireError,
    command::{PushClear, PushKind, PushSet},
};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::web::Subscription;
use crate::journal::{Bucket, KeyValueRow, Row};

/// One of a device's ways to be woken; it has one token to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Slot {
    ApnsVoip,
    ApnsAlert,
    Fcm,
    Web,
    Webhook,
}

impl Slot {
    const ALL: [Self; 5] = [Self::ApnsVoip, Self::ApnsAlert, Self::Fcm, Self::Web, Self::Webhook];

    /// Its name in the journal.
    fn as_str(self) -> &'static str {
        match self {
            Self::ApnsVoip => "apns.voip",
            Self::ApnsAlert => "apns.alert",
            Self::Fcm => "fcm",
            Self::Web => "web",
            Self::Webhook => "webhook",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|slot| slot.as_str() == name)
    }

    fn of(provider: PushProvider, kind: Option<PushKind>) -> Self {
        match (provider, kind) {
            (PushProvider::Apns, Some(PushKind::Alert)) => Self::ApnsAlert,
            (PushProvider::Apns, Some(PushKind::Voip) | None) => Self::ApnsVoip,
            (PushProvider::Fcm, _) => Self::Fcm,
            (PushProvider::Web, _) => Self::Web,
            (PushProvider::Webhook, _) => Self::Webhook,
        }
    }

    /// Through whom it leads.
    pub(crate) fn provider(self) -> PushProvider {
        match self {
            Self::ApnsVoip | Self::ApnsAlert => PushProvider::Apns,
            Self::Fcm => PushProvider::Fcm,
            Self::Web => PushProvider::Web,
            Self::Webhook => PushProvider::Webhook,
        }
    }

    /// Whether it serves for this way of ringing. Apple ends apps that are sent a call and show
    /// none, so a quiet notice does not go where calls go.
    fn serves(self, ring: RingMode) -> bool {
        match (ring, self) {
            (RingMode::Silent, _) | (RingMode::Notify, Self::ApnsVoip) => false,
            (RingMode::Ring | RingMode::Notify, _) => true,
        }
    }
}

/// What a provider needs to reach a device.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Address {
    /// What the provider calls the device.
    Token { token: Secret },
    /// A browser's subscription.
    Subscription(Subscription),
}

impl Address {
    /// What no two devices have in common.
    fn name(&self) -> &str {
        match self {
            Self::Token { token } => token.expose(),
            Self::Subscription(subscription) => subscription.endpoint.expose(),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}

/// A token, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) set_at: Timestamp,
    #[serde(flatten)]
    pub(crate) address: Address,
}

impl Token {
    /// Reads what a device registers.
    pub(crate) fn of(set: &PushSet, now: Timestamp) -> Result<(Slot, Self), Box<WireError>> {
        let slot = Slot::of(set.provider, set.kind);
        let refuse = |field: &str, says: &str| {
            Box::new(WireError::invalid(field, format!("{field}: {says}")))
        };
        let address = match (set.provider, &set.token) {
            (PushProvider::Web, _) => {
                let parts = (&set.endpoint, &set.p256dh, &set.auth);
                let (Some(endpoint), Some(p256dh), Some(auth)) = parts else {
                    return Err(refuse("endpoint", "is missing"));
                };
                let subscription = Subscription {
                    endpoint: endpoint.clone(),
                    p256dh: p256dh.clone(),
                    auth: auth.clone(),
                };
                subscription.check().map_err(|(field, says)| refuse(field, says))?;
                Address::Subscription(subscription)
            }
            (_, None) => return Err(refuse("token", "is missing")),
            (PushProvider::Apns, Some(token)) => {
                // It becomes a part of an address.
                if !token.expose().bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(refuse("token", "must be hexadecimal"));
                }
                Address::Token { token: token.clone() }
            }
            (PushProvider::Fcm | PushProvider::Webhook, Some(token)) => {
                Address::Token { token: token.clone() }
            }
        };
        Ok((slot, Self { set_at: now, address }))
    }
}

/// A device's way to be woken.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) device: DeviceId,
    pub(crate) slot: Slot,
    pub(crate) token: Arc<Token>,
}

/// Every token there is.
#[derive(Default)]
pub(crate) struct Tokens {
    table: RwLock<Table>,
    count: AtomicUsize,
}

#[derive(Default)]
struct Table {
    users: HashMap<(AppKey, UserId), Vec<Way>>,
    /// Whose a token is: one that comes again has changed hands.
    owners: HashMap<(AppKey, Slot, Box<str>), (UserId, DeviceId)>,
}

impl Tokens {
    /// Puts back what the journal kept.
    pub(crate) fn restore(&self, app: &AppKey, key: &str, value: &str) -> Result<(), String> {
        let (user, device, slot): (UserId, DeviceId, String) =
            serde_json::from_str(key).map_err(|error| error.to_string())?;
        let slot = Slot::parse(&slot).ok_or("no way to wake a device that is known")?;
        // The error's own text may quote the token.
        let token = serde_json::from_str(value).map_err(|_| "no token")?;
        let mut table = self.table.write();
        table.put(app, &user, Way { device, slot, token: Arc::new(token) });
        self.counted(&table);
        Ok(())
    }

    /// Takes a device's token in place of its earlier one; of more than `most` devices the one
    /// that has been longest without a new one is forgotten. The rows that say so.
    pub(crate) fn set(
        &self,
        app: &AppKey,
        user: &UserId,
        device: &DeviceId,
        (slot, token): (Slot, Token),
        most: usize,
    ) -> Vec<Row> {
        let mut table = self.table.write();
        let mut rows = Vec::new();
        let owner = table.owners.get(&(app.clone(), slot, token.address.name().into())).cloned();
        if let Some((user, device)) = owner {
            let is_it = |way: &Way| way.device == device && way.slot == slot;
            rows.extend(table.remove(app, &user, is_it));
        }
        rows.extend(table.remove(app, user, |way| way.device == *device && way.slot == slot));
        if let Some(stale) = table.beyond(app, user, device, most) {
            rows.extend(table.remove(app, user, |way| way.device == stale));
        }
        let way = Way { device: device.clone(), slot, token: Arc::new(token) };
        // Last of all: what it takes the place of has the same key.
        rows.push(row(app, user, &way, true));
        table.put(app, user, way);
        self.counted(&table);
        rows
    }

    /// Forgets the tokens of a user's devices, or of one; all or those named.
    pub(crate) fn clear(
        &self,
        app: &AppKey,
        user: &UserId,
        device: Option<&DeviceId>,
        which: &PushClear,
    ) -> Vec<Row> {
        let named = |slot: Slot| match (which.provider, which.kind) {
            (None, _) => true,
            (Some(PushProvider::Apns), Some(kind)) => {
                slot == Slot::of(PushProvider::Apns, Some(kind))
            }
            (Some(provider), _) => slot.provider() == provider,
        };
        self.remove(app, user, |way| {
            device.is_none_or(|device| *device == way.device) && named(way.slot)
        })
    }

    /// Forgets a token that is dead, unless the device has set another since.
    pub(crate) fn forget(&self, app: &AppKey, user: &UserId, dead: &Way) -> Vec<Row> {
        self.remove(app, user, |way| {
            way.device == dead.device
                && way.slot == dead.slot
                && way.token.address == dead.token.address
        })
    }

    fn remove(&self, app: &AppKey, user: &UserId, which: impl Fn(&Way) -> bool) -> Vec<Row> {
        let mut table = self.table.write();
        let rows = table.remove(app, user, which);
        self.counted(&table);
        rows
    }

    /// The ways to wake a user's devices for this way of ringing. Of a device's two tokens with
    /// Apple, that for calls is used where one serves for it.
    pub(crate) fn ways(&self, app: &AppKey, user: &UserId, ring: RingMode) -> Vec<Way> {
        if self.is_empty() {
            return Vec::new();
        }
        let table = self.table.read();
        // A tuple of owned names is needed to look up; both are shared texts.
        let Some(all) = table.users.get(&(app.clone(), user.clone())) else { return Vec::new() };
        let rings = |way: &&Way| {
            let voip = || all.iter().any(|w| w.device == way.device && w.slot == Slot::ApnsVoip);
            let is_second = way.slot == Slot::ApnsAlert && ring == RingMode::Ring && voip();
            way.slot.serves(ring) && !is_second
        };
        all.iter().filter(rings).cloned().collect()
    }

    /// Whether nobody can be woken at all, which costs nothing to ask.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    fn counted(&self, table: &Table) {
        self.count.store(table.owners.len(), Ordering::Relaxed);
    }
}

impl Table {
    fn put(&mut self, app: &AppKey, user: &UserId, way: Way) {
        let name = (app.clone(), way.slot, way.token.address.name().into());
        self.owners.insert(name, (user.clone(), way.device.clone()));
        self.users.entry((app.clone(), user.clone())).or_default().push(way);
    }

    fn remove(&mut self, app: &AppKey, user: &UserId, which: impl Fn(&Way) -> bool) -> Vec<Row> {
        let key = (app.clone(), user.clone());
        let Some(ways) = self.users.get_mut(&key) else { return Vec::new() };
        let mut rows = Vec::new();
        for way in ways.extract_if(.., |way| which(way)) {
            self.owners.remove(&(app.clone(), way.slot, way.token.address.name().into()));
            rows.push(row(app, user, &way, false));
        }
        if ways.is_empty() {
            self.users.remove(&key);
        }
        rows
    }

    /// The device to forget so that there is room for `device`.
    fn beyond(
        &self,
        app: &AppKey,
        user: &UserId,
        device: &DeviceId,
        most: usize,
    ) -> Option<DeviceId> {
        let ways = self.users.get(&(app.clone(), user.clone()))?;
        let mut devices: Vec<(&DeviceId, Timestamp)> = Vec::new();
        for way in ways.iter().filter(|way| way.device != *device) {
            match devices.iter_mut().find(|(known, _)| **known == way.device) {
                Some((_, newest)) => *newest = way.token.set_at.max(*newest),
                None => devices.push((&way.device, way.token.set_at)),
            }
        }
        let is_full = devices.len() >= most;
        let oldest = devices.into_iter().min_by_key(|(_, newest)| *newest);
        oldest.filter(|_| is_full).map(|(device, _)| device.clone())
    }
}

fn row(app: &AppKey, user: &UserId, way: &Way, is_there: bool) -> Row {
    let value = || serde_json::to_string(&*way.token).expect("a token serializes").into();
    let key = (user, &way.device, way.slot.as_str());
    Row::KeyValue(KeyValueRow {
        app: app.clone(),
        bucket: Bucket::PushToken,
        key: serde_json::to_string(&key).expect("names serialize"),
        value: is_there.then(value),
    })
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
