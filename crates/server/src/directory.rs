//! What is known of each user beside their calls: number and name, when and by whom they want to be
//! rung, which missed calls they have seen.

use std::sync::Arc;

use ahash::HashMap;
use bellwire_core::{AppKey, Timestamp, Uid, UserId};
use bellwire_protocol::{Availability, Json, UserRef, WireError};
use parking_lot::RwLock;

use crate::journal::{Bucket, KeyValueRow, Row, UserRow};

/// The largest user number.
const UID_MAX: u32 = i32::MAX.cast_unsigned();

/// The key of the highest number that was given.
const HIGHEST: &str = "highest";

/// All users of all apps, in memory; the journal keeps them.
#[derive(Debug, Default)]
pub(crate) struct Directory(RwLock<HashMap<AppKey, Users>>);

#[derive(Debug, Default)]
struct Users {
    by_id: HashMap<UserId, User>,
    /// What some of them want; kept apart, as most never say.
    availability: HashMap<UserId, Arc<Availability>>,
    /// The newest record whose missed calls they have seen.
    read: HashMap<UserId, u64>,
    by_uid: HashMap<Uid, UserId>,
    highest: u32,
}

/// A known user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: Uid,
    pub(crate) name: Option<String>,
}

/// What forgetting a user leads to.
#[derive(Debug, Default)]
pub(crate) struct Forgotten {
    pub(crate) uid: Option<Uid>,
    /// Whose availability changed, and what it is now.
    pub(crate) changed: Vec<(UserId, Availability)>,
    pub(crate) rows: Vec<Row>,
}

/// Why a user cannot log in with the number their token gives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UidError {
    #[error("uid {} belongs to another user", .0.0)]
    Taken(Uid),
    #[error("you have uid {} already; it never changes", .0.0)]
    Fixed(Uid),
    #[error("uid must be 1 to {UID_MAX}")]
    Range,
    #[error("every uid of this app is given out")]
    Exhausted,
}

impl Directory {
    /// Puts back a user the journal kept.
    pub(crate) fn restore(&self, row: UserRow) {
        let mut apps = self.0.write();
        let users = apps.entry(row.app).or_default();
        users.insert(row.user, User { uid: row.uid, name: row.name });
    }

    /// The user's number, given now if they are new; and what to keep, if anything changed.
    pub(crate) fn login(
        &self,
        app: &AppKey,
        user: &UserId,
        uid: Option<Uid>,
        name: Option<&str>,
        at: Timestamp,
    ) -> Result<(Uid, Option<Row>), UidError> {
        if let Some(known) = self.get(app, user) {
            let same_name = name.is_none_or(|name| known.name.as_deref() == Some(name));
            if uid.is_none_or(|uid| uid == known.uid) && same_name {
                return Ok((known.uid, None));
            }
        }
        let mut apps = self.0.write();
        let users = apps.entry(app.clone()).or_default();
        let uid = users.uid_for(user, uid)?;
        let old = users.by_id.get(user).and_then(|u| u.name.clone());
        let name = name.map(str::to_owned).or(old);
        users.insert(user.clone(), User { uid, name: name.clone() });
        let row = UserRow { app: app.clone(), user: user.clone(), uid, name, at };
        Ok((uid, Some(Row::User(row))))
    }

    /// The number of a known user.
    pub(crate) fn uid(&self, app: &AppKey, user: &UserId) -> Option<Uid> {
        self.0.read().get(app)?.by_id.get(user).map(|known| known.uid)
    }

    /// When and by whom the user wants to be rung, where they ever said.
    pub(crate) fn availability(&self, app: &AppKey, user: &UserId) -> Option<Arc<Availability>> {
        self.0.read().get(app)?.availability.get(user).cloned()
    }

    /// Changes it in one step; and what to keep.
    pub(crate) fn change_availability<E>(
        &self,
        app: &AppKey,
        user: &UserId,
        change: impl FnOnce(&mut Availability) -> Result<(), E>,
    ) -> Result<(Arc<Availability>, Row), E> {
        let mut apps = self.0.write();
        let all = &mut apps.entry(app.clone()).or_default().availability;
        let mut own = all.get(user).map(|own| Availability::clone(own)).unwrap_or_default();
        change(&mut own)?;
        let value = (own != Availability::default()).then(|| Json::of(&own).into());
        let own = Arc::new(own);
        match &value {
            Some(_) => drop(all.insert(user.clone(), own.clone())),
            None => drop(all.remove(user)),
        }
        Ok((own, value_row(app, Bucket::Availability, user, value)))
    }

    /// Puts back what a user wants.
    pub(crate) fn restore_availability(&self, app: AppKey, user: UserId, own: Availability) {
        let mut apps = self.0.write();
        apps.entry(app).or_default().availability.insert(user, Arc::new(own));
    }

    /// The newest record whose missed calls the user has seen; 0 for none.
    pub(crate) fn read_upto(&self, app: &AppKey, user: &UserId) -> u64 {
        let apps = self.0.read();
        apps.get(app).and_then(|users| users.read.get(user)).copied().unwrap_or_default()
    }

    /// Moves that on, never back; what to keep, if it moved.
    pub(crate) fn read(&self, app: &AppKey, user: &UserId, upto: u64) -> (u64, Option<Row>) {
        let mut apps = self.0.write();
        let read = apps.entry(app.clone()).or_default().read.entry(user.clone()).or_default();
        if upto <= *read {
            return (*read, None);
        }
        *read = upto;
        (upto, Some(value_row(app, Bucket::RecordsRead, user, Some(upto.to_string().into()))))
    }

    /// Puts back what a user has seen.
    pub(crate) fn restore_read(&self, app: AppKey, user: UserId, upto: u64) {
        self.0.write().entry(app).or_default().read.insert(user, upto);
    }

    /// Forgets a user and takes them off the lists of others; their number, whose availability
    /// changed, and what to keep. Their row is left to whoever erases them.
    pub(crate) fn forget(&self, app: &AppKey, user: &UserId) -> Forgotten {
        let mut apps = self.0.write();
        let Some(users) = apps.get_mut(app) else { return Forgotten::default() };
        let mut forgotten = Forgotten::default();
        if let Some(known) = users.by_id.remove(user) {
            users.by_uid.remove(&known.uid);
            forgotten.uid = Some(known.uid);
            if known.uid.0 == users.highest {
                let value = Some(users.highest.to_string().into());
                forgotten.rows.push(value_row(app, Bucket::Uid, HIGHEST, value));
            }
        }
        if users.availability.remove(user).is_some() {
            forgotten.rows.push(value_row(app, Bucket::Availability, user, None));
        }
        if users.read.remove(user).is_some() {
            forgotten.rows.push(value_row(app, Bucket::RecordsRead, user, None));
        }
        let names = |own: &Availability| own.block.contains(user) || own.allow.contains(user);
        let all = users.availability.iter_mut();
        let changed = all.filter(|(_, own)| names(own)).map(|(other, own)| {
            let own = Arc::make_mut(own);
            own.block.remove(user);
            own.allow.remove(user);
            (other.clone(), own.clone())
        });
        let mut changed: Vec<_> = changed.collect();
        users.availability.retain(|_, own| **own != Availability::default());
        // No hash map's order may be seen.
        changed.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (other, own) in &changed {
            let value = (*own != Availability::default()).then(|| Json::of(own).into());
            forgotten.rows.push(value_row(app, Bucket::Availability, other, value));
        }
        Forgotten { changed, ..forgotten }
    }

    /// Keeps numbers up to this one from being given again.
    pub(crate) fn restore_highest(&self, app: AppKey, highest: u32) {
        let mut apps = self.0.write();
        let users = apps.entry(app).or_default();
        users.highest = users.highest.max(highest);
    }

    /// A known user.
    pub(crate) fn get(&self, app: &AppKey, user: &UserId) -> Option<User> {
        self.0.read().get(app)?.by_id.get(user).cloned()
    }

    /// The user a command names; `field` is where it does.
    pub(crate) fn resolve(
        &self,
        app: &AppKey,
        named: &UserRef,
        field: impl FnOnce() -> String,
    ) -> Result<UserId, Box<WireError>> {
        match named {
            UserRef::Id(user) => Ok(user.clone()),
            UserRef::Uid(uid) => {
                let apps = self.0.read();
                let user = apps.get(app).and_then(|users| users.by_uid.get(uid));
                user.cloned().ok_or_else(|| {
                    let text = format!("no user has uid {}; name them by id", uid.0);
                    Box::new(WireError::invalid(field(), text))
                })
            }
        }
    }
}

impl Users {
    fn insert(&mut self, id: UserId, user: User) {
        self.highest = self.highest.max(user.uid.0);
        self.by_uid.insert(user.uid, id.clone());
        self.by_id.insert(id, user);
    }

    fn uid_for(&self, user: &UserId, wanted: Option<Uid>) -> Result<Uid, UidError> {
        let known = self.by_id.get(user).map(|u| u.uid);
        match (known, wanted) {
            (Some(known), Some(wanted)) if known != wanted => Err(UidError::Fixed(known)),
            (Some(known), _) => Ok(known),
            (None, Some(wanted)) if !(1..=UID_MAX).contains(&wanted.0) => Err(UidError::Range),
            (None, Some(wanted)) if self.by_uid.contains_key(&wanted) => {
                Err(UidError::Taken(wanted))
            }
            (None, Some(wanted)) => Ok(wanted),
            (None, None) => self.free(),
        }
    }

    /// The number after the highest; once that has been reached, the lowest free one.
    fn free(&self) -> Result<Uid, UidError> {
        if self.highest < UID_MAX {
            return Ok(Uid(self.highest + 1));
        }
        let free = (1..UID_MAX).find(|n| !self.by_uid.contains_key(&Uid(*n)));
        free.map(Uid).ok_or(UidError::Exhausted)
    }
}

fn value_row(app: &AppKey, bucket: Bucket, key: &str, value: Option<Arc<str>>) -> Row {
    let (app, key) = (app.clone(), key.to_owned());
    Row::KeyValue(KeyValueRow { app, bucket, key, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_given_once_and_never_changes() {
        let directory = Directory::default();
        let (app, other) = (AppKey::parse("a").unwrap(), AppKey::parse("b").unwrap());
        let [alice, bob] = ["alice", "bob"].map(|n| UserId::parse(n).unwrap());
        let login = |app, user, uid| directory.login(app, user, uid, None, Timestamp(1));
        let (uid, row) = login(&app, &alice, None).unwrap();
        assert_eq!((uid, row.is_some()), (Uid(1), true));
        assert!(login(&app, &alice, None).unwrap().1.is_none());
        assert_eq!(login(&app, &alice, Some(Uid(7))).err(), Some(UidError::Fixed(Uid(1))));
        assert_eq!(login(&app, &bob, Some(Uid(1))).err(), Some(UidError::Taken(Uid(1))));
        assert_eq!(login(&app, &bob, Some(Uid(0))).err(), Some(UidError::Range));
        assert_eq!(login(&app, &bob, Some(Uid(UID_MAX))).unwrap().0, Uid(UID_MAX));
        let carol = UserId::parse("carol").unwrap();
        assert_eq!(login(&app, &carol, None).unwrap().0, Uid(2));
        assert_eq!(login(&other, &bob, None).unwrap().0, Uid(1));
        let named = directory.resolve(&app, &UserRef::Uid(Uid(2)), || "to[0]".into());
        assert_eq!(named.unwrap(), carol);
        let nobody = directory.resolve(&app, &UserRef::Uid(Uid(9)), || "to[0]".into());
        assert_eq!(nobody.unwrap_err().field.as_deref(), Some("to[0]"));
    }

    #[test]
    fn a_forgotten_user_is_on_no_list_and_their_number_is_given_to_nobody() {
        let directory = Directory::default();
        let app = AppKey::parse("a").unwrap();
        let [alice, bob] = ["alice", "bob"].map(|n| UserId::parse(n).unwrap());
        let login = |user| directory.login(&app, user, None, None, Timestamp(1)).unwrap();
        let (_, bobs) = (login(&alice).0, login(&bob).0);
        let list = |of: &UserId, on: &[&UserId]| {
            let change = |own: &mut Availability| {
                own.block.extend(on.iter().copied().cloned());
                own.allow.insert(bob.clone());
                Ok::<_, ()>(())
            };
            directory.change_availability(&app, of, change).unwrap();
        };
        list(&alice, &[&alice, &bob]);
        list(&bob, &[]);
        directory.read(&app, &bob, 7);
        let forgotten = directory.forget(&app, &bob);
        assert_eq!((forgotten.uid, forgotten.rows.len()), (Some(bobs), 4));
        let [(of, own)] = forgotten.changed.as_slice() else { panic!("{forgotten:?}") };
        assert_eq!((of, own.block.contains(&alice)), (&alice, true));
        assert!(!own.block.contains(&bob) && own.allow.is_empty());
        assert_eq!(directory.availability(&app, &bob), None);
        assert_eq!((directory.get(&app, &bob), directory.read_upto(&app, &bob)), (None, 0));
        assert_eq!(directory.forget(&app, &bob).rows.len(), 0);
        assert_eq!(login(&bob).0, Uid(bobs.0 + 1));

        let restarted = Directory::default();
        restarted.restore_highest(app.clone(), bobs.0);
        assert_eq!(restarted.login(&app, &bob, None, None, Timestamp(2)).unwrap().0.0, bobs.0 + 1);
    }
}
