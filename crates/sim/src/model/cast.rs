//! Who takes part: users and devices by number, and their names.

use std::{cell::RefCell, collections::BTreeSet, fmt};

use bellwire_core::{Actor, AppKey, DeviceId, UserId};

/// The names of users, by number.
const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// The most users of a world.
pub const USERS_MAX: u8 = 4;
/// The most devices of a user; sets of all devices fit 16 bits.
pub const DEVICES_MAX: u8 = 4;

/// A user, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UserNo(pub(crate) u8);

/// A device, by its user and its number among the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeviceNo {
    pub(crate) user: UserNo,
    pub(crate) nth: u8,
}

/// Someone who acts: with a device, or through the business server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct By {
    pub(crate) user: UserNo,
    pub(crate) device: Option<DeviceNo>,
}

/// A set of devices, a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DeviceSet(u16);

/// The users and devices of a world, with their names. Each thread has its own, since names are
/// counted references and counting them from two cores is slow.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) app: AppKey,
    users: Vec<UserId>,
    devices: Vec<DeviceId>,
    per_user: u8,
    /// Kinds of ended calls that this thread has looked at.
    over: RefCell<BTreeSet<Vec<u8>>>,
}

impl Cast {
    /// `users` users, at most [`USERS_MAX`], with `per_user` devices each, at most
    /// [`DEVICES_MAX`].
    pub(crate) fn of(users: u8, per_user: u8) -> Self {
        debug_assert!((2..=USERS_MAX).contains(&users) && (1..=DEVICES_MAX).contains(&per_user));
        let user_nos = (0..users).map(UserNo);
        let device_nos = user_nos.clone().flat_map(|user| devices_of(user, per_user));
        // What `Display` of these numbers prints is short and has no control character.
        let valid = "a valid name";
        Self {
            app: AppKey::parse("app").expect(valid),
            users: user_nos.map(|u| UserId::parse(&u.to_string()).expect(valid)).collect(),
            devices: device_nos.map(|d| DeviceId::parse(&d.to_string()).expect(valid)).collect(),
            per_user,
            over: RefCell::default(),
        }
    }

    /// Whether this thread sees an ended call of this kind for the first time.
    pub(crate) fn is_first_of(&self, kind: Vec<u8>) -> bool {
        self.over.borrow_mut().insert(kind)
    }

    pub(crate) fn users(&self) -> impl Iterator<Item = UserNo> + Clone + use<> {
        (0..self.user_count()).map(UserNo)
    }

    pub(crate) fn user_count(&self) -> u8 {
        // At most `USERS_MAX`.
        u8::try_from(self.users.len()).unwrap_or(USERS_MAX)
    }

    /// All devices, those of a user side by side.
    pub(crate) fn devices(&self) -> impl Iterator<Item = DeviceNo> + use<> {
        let per_user = self.per_user;
        self.users().flat_map(move |user| devices_of(user, per_user))
    }

    pub(crate) fn devices_of(&self, user: UserNo) -> impl Iterator<Item = DeviceNo> + use<> {
        devices_of(user, self.per_user)
    }

    pub(crate) fn user(&self, user: UserNo) -> &UserId {
        &self.users[usize::from(user.0)]
    }

    pub(crate) fn device(&self, device: DeviceNo) -> &DeviceId {
        &self.devices[self.place(device)]
    }

    /// Where the device stands among all devices.
    pub(crate) fn place(&self, device: DeviceNo) -> usize {
        usize::from(device.user.0 * self.per_user + device.nth)
    }

    pub(crate) fn number(&self, user: &UserId) -> Option<UserNo> {
        self.users().find(|no| self.user(*no) == user)
    }

    pub(crate) fn device_number(&self, device: &DeviceId) -> Option<DeviceNo> {
        self.devices().find(|no| self.device(*no) == device)
    }

    pub(crate) fn actor(&self, by: By) -> Actor {
        let device = by.device.map(|d| self.device(d).clone());
        Actor { user: self.user(by.user).clone(), device }
    }
}

fn devices_of(user: UserNo, per_user: u8) -> impl Iterator<Item = DeviceNo> {
    (0..per_user).map(move |nth| DeviceNo { user, nth })
}

impl DeviceSet {
    pub(crate) fn contains(self, place: usize) -> bool {
        self.0 & (1 << place) != 0
    }

    pub(crate) fn insert(&mut self, place: usize) {
        self.0 |= 1 << place;
    }

    pub(crate) fn remove(&mut self, place: usize) {
        self.0 &= !(1 << place);
    }
}

impl By {
    pub(crate) fn device(device: DeviceNo) -> Self {
        Self { user: device.user, device: Some(device) }
    }

    pub(crate) fn server(user: UserNo) -> Self {
        Self { user, device: None }
    }
}

impl fmt::Display for UserNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.get(usize::from(self.0)).copied().unwrap_or("nobody"))
    }
}

impl fmt::Display for DeviceNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.user, self.nth + 1)
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.device {
            Some(device) => device.fmt(f),
            None => write!(f, "the business server for {}", self.user),
        }
    }
}
