//! Whether a user can be called, for those who may know.

use std::collections::BTreeMap;

use bellwire_core::{AppKey, Reach, UserId};
use bellwire_protocol::{Open, ServerEvent, event::PresenceEvent, reply::Presence};

use super::Switchboard;

impl Switchboard {
    /// Whether a user can be called.
    pub(crate) fn presence(&self, app: &AppKey, user: &UserId) -> Presence {
        if self.in_call(app, user) {
            return Presence::InCall;
        }
        match self.sessions.reach(app, user) {
            Reach::Online => Presence::Online,
            Reach::Asleep => Presence::Unreachable,
            Reach::Absent => Presence::Offline,
        }
    }

    /// Whether each of these users can be called.
    pub(crate) fn presences(
        &self,
        app: &AppKey,
        users: &[UserId],
    ) -> BTreeMap<UserId, Open<Presence>> {
        users.iter().map(|u| (u.clone(), Open::Known(self.presence(app, u)))).collect()
    }

    /// Tells those who watch a user that something about them may have changed.
    pub(crate) fn tell_presence(&self, app: &AppKey, user: &UserId) {
        let watchers = self.watches.of(app, user);
        if watchers.is_empty() {
            return;
        }
        let users = self.presences(app, std::slice::from_ref(user));
        let event = ServerEvent::Presence(PresenceEvent { users });
        let frame = event.to_frame();
        for (watcher, session) in watchers {
            let sessions = self.sessions.of(app, &watcher);
            for found in sessions.iter().filter(|s| s.id == session) {
                found.send_ephemeral(&frame);
            }
        }
    }
}
