//! Who watches whom.

use std::collections::BTreeSet;

use ahash::HashMap;
use bellwire_core::{AppKey, SessionId, UserId};
use parking_lot::Mutex;

/// The watches of all sessions. They end with the session.
#[derive(Debug, Default)]
pub(crate) struct Watches(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    by_watched: HashMap<(AppKey, UserId), BTreeSet<(UserId, SessionId)>>,
    by_session: HashMap<SessionId, BTreeSet<UserId>>,
}

impl Watches {
    /// `watcher` wants to know of `users`; false, and nothing changes, beyond `most` in all.
    pub(crate) fn watch(
        &self,
        app: &AppKey,
        watcher: (&UserId, &SessionId),
        users: &[UserId],
        most: usize,
    ) -> bool {
        let mut table = self.0.lock();
        let empty = BTreeSet::new();
        let own = table.by_session.get(watcher.1).unwrap_or(&empty);
        let new = users.iter().filter(|u| !own.contains(*u)).count();
        if own.len() + new > most {
            return false;
        }
        if new > 0 {
            let own = table.by_session.entry(watcher.1.clone()).or_default();
            own.extend(users.iter().cloned());
        }
        for user in users {
            let key = (app.clone(), user.clone());
            let entry = (watcher.0.clone(), watcher.1.clone());
            table.by_watched.entry(key).or_default().insert(entry);
        }
        true
    }

    /// `watcher` no longer wants to know of `users`.
    pub(crate) fn unwatch(
        &self,
        app: &AppKey,
        watcher: (&UserId, &SessionId),
        users: impl IntoIterator<Item = UserId>,
    ) {
        let mut table = self.0.lock();
        for user in users {
            if let Some(own) = table.by_session.get_mut(watcher.1) {
                own.remove(&user);
                if own.is_empty() {
                    table.by_session.remove(watcher.1);
                }
            }
            let key = (app.clone(), user);
            if let Some(watchers) = table.by_watched.get_mut(&key) {
                watchers.remove(&(watcher.0.clone(), watcher.1.clone()));
                if watchers.is_empty() {
                    table.by_watched.remove(&key);
                }
            }
        }
    }

    /// Ends all watches of a session.
    pub(crate) fn forget(&self, app: &AppKey, watcher: (&UserId, &SessionId)) {
        let own = self.0.lock().by_session.remove(watcher.1).unwrap_or_default();
        self.unwatch(app, watcher, own);
    }

    /// Who watches `user`: user and session of each.
    pub(crate) fn of(&self, app: &AppKey, user: &UserId) -> Vec<(UserId, SessionId)> {
        let table = self.0.lock();
        let watchers = table.by_watched.get(&(app.clone(), user.clone()));
        watchers.into_iter().flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    #[test]
    fn a_watch_ends_with_its_session_and_is_bounded() {
        let watches = Watches::default();
        let app = AppKey::parse("a").unwrap();
        let me = (&user("alice"), &SessionId::parse("s-1").unwrap());
        assert!(watches.watch(&app, me, &[user("bob"), user("carol")], 2));
        assert!(!watches.watch(&app, me, &[user("dave")], 2));
        assert_eq!(watches.of(&app, &user("bob")).len(), 1);
        assert!(watches.of(&AppKey::parse("b").unwrap(), &user("bob")).is_empty());
        watches.unwatch(&app, me, [user("bob")]);
        assert!(watches.of(&app, &user("bob")).is_empty());
        watches.forget(&app, me);
        assert!(watches.of(&app, &user("carol")).is_empty());
    }
}
