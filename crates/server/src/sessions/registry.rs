//! All sessions, by id and by user.

use std::sync::Arc;

use ahash::HashMap;
use bellwire_core::{AppKey, DeviceId, Reach, SessionId, Timestamp, UserId};
use bellwire_protocol::{CloseCode, ServerEvent};
use parking_lot::RwLock;

use super::{Outbox, Session};

type UserKey = (AppKey, UserId);

/// A device as it says hello.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) app: AppKey,
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    pub(crate) name: Option<String>,
    pub(crate) platform: Option<String>,
    /// The session to go on with.
    pub(crate) resume: Option<SessionId>,
}

/// A session with its new connection.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) session: Arc<Session>,
    /// Whether it is the session that was asked for.
    pub(crate) resumed: bool,
    /// The number of this connection in the session.
    pub(crate) turn: u64,
    /// The device's earlier session, which this one ended.
    pub(crate) replaced: Option<Arc<Session>>,
}

/// The user has as many devices logged in as the app allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{user} has {most} devices logged in already; log one out")]
pub(crate) struct TooManyDevices {
    user: UserId,
    most: usize,
}

/// Every session there is.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    users: RwLock<HashMap<UserKey, Vec<Arc<Session>>>>,
}

impl Sessions {
    /// Puts back a session the journal kept; it is away.
    pub(crate) fn restore(&self, session: Arc<Session>) {
        let key = (session.app.clone(), session.user.clone());
        self.users.write().entry(key).or_default().push(session);
    }

    /// Binds a connection to the device's session: the one asked for, else a new one, which ends
    /// the device's earlier one (R17).
    pub(crate) fn attach(
        &self,
        login: Login,
        outbox: &Arc<Outbox>,
        most: usize,
        now: Timestamp,
        new_id: SessionId,
    ) -> Result<Attached, TooManyDevices> {
        let mut users = self.users.write();
        let sessions = users.entry((login.app.clone(), login.user.clone())).or_default();
        let old = sessions.iter().position(|s| s.device == login.device);
        let old_session = old.map(|i| sessions[i].clone());
        if let Some(session) = old_session.clone().filter(|s| Some(&s.id) == login.resume.as_ref())
        {
            let (turn, before) = session.bind(outbox.clone());
            drop(users);
            if let Some(before) = before {
                replaced(&before);
            }
            return Ok(Attached { session, resumed: true, turn, replaced: None });
        }
        if old.is_none() && sessions.len() >= most {
            return Err(TooManyDevices { user: login.user, most });
        }
        let session = Arc::new(Session::new(
            new_id,
            login.app,
            login.user,
            login.device,
            login.name,
            login.platform,
            now,
            0,
        ));
        let (turn, _) = session.bind(outbox.clone());
        match old {
            Some(i) => sessions[i] = session.clone(),
            None => sessions.push(session.clone()),
        }
        drop(users);
        if let Some(outbox) = old_session.as_ref().and_then(|s| s.outbox()) {
            replaced(&outbox);
        }
        Ok(Attached { session, resumed: false, turn, replaced: old_session })
    }

    /// Ends a session if nobody has come back to it since connection `turn`; whether it did.
    pub(crate) fn remove_if_away(&self, session: &Session, turn: u64) -> bool {
        self.remove_if(session, || session.is_away_since(turn))
    }

    /// Ends a session, if it is still the device's; whether it was.
    pub(crate) fn remove(&self, session: &Session) -> bool {
        self.remove_if(session, || true)
    }

    fn remove_if(&self, session: &Session, ripe: impl FnOnce() -> bool) -> bool {
        let key = (session.app.clone(), session.user.clone());
        let mut users = self.users.write();
        let Some(sessions) = users.get_mut(&key).filter(|_| ripe()) else { return false };
        let before = sessions.len();
        sessions.retain(|s| s.id != session.id);
        let removed = sessions.len() < before;
        if sessions.is_empty() {
            users.remove(&key);
        }
        removed
    }

    /// The sessions of a user.
    pub(crate) fn of(&self, app: &AppKey, user: &UserId) -> Vec<Arc<Session>> {
        // A tuple of owned names is needed to look up; both are shared texts.
        self.users.read().get(&(app.clone(), user.clone())).cloned().unwrap_or_default()
    }

    /// What of a user can be reached.
    pub(crate) fn reach(&self, app: &AppKey, user: &UserId) -> Reach {
        let sessions = self.of(app, user);
        if sessions.iter().any(|s| s.is_connected()) {
            Reach::Online
        } else if sessions.is_empty() {
            Reach::Absent
        } else {
            Reach::Asleep
        }
    }

    /// Whether a device is connected.
    pub(crate) fn is_connected(&self, app: &AppKey, user: &UserId, device: &DeviceId) -> bool {
        self.of(app, user).iter().any(|s| s.device == *device && s.is_connected())
    }

    /// Every session of every app.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        #[allow(clippy::iter_over_hash_type)] // The callers treat each session by itself.
        self.users.read().values().flatten().cloned().collect()
    }
}

fn replaced(outbox: &Outbox) {
    outbox.push(ServerEvent::Replaced.to_frame());
    outbox.close(CloseCode::Replaced, "this device logged in again");
}
