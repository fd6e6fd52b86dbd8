//! What devices, connections and the business server do.

use bellwire_core::{CallId, Command, DeviceId, Media, Note, Order, Refusal, Refusing, UserId};

use super::{World, callee, device, owner, user};

type Answer = Result<(), Refusal>;

pub(crate) fn accepting() -> Order {
    Order::Accept { media: None, claimed: None, note: Note::default() }
}

pub(crate) fn rejecting() -> Order {
    Order::Reject { how: Refusing::Rejected, only_me: false, note: Note::default() }
}

pub(crate) fn canceling() -> Order {
    Order::Cancel { to: None, note: Note::default() }
}

pub(crate) fn hanging_up() -> Order {
    Order::Hangup { note: Note::default() }
}

pub(crate) fn ending() -> Order {
    Order::End { note: Note::default() }
}

pub(crate) fn inviting(to: &[&str]) -> Order {
    let to = to.iter().map(|name| callee(name)).collect();
    Order::Invite { to, note: Note::default(), push: None }
}

/// One of each order.
pub(crate) fn every_order() -> Vec<Order> {
    vec![
        Order::Ringing,
        accepting(),
        rejecting(),
        canceling(),
        hanging_up(),
        Order::Logout,
        ending(),
        inviting(&["alice"]),
        Order::Join { claimed: None },
        Order::Move { from: device("alice.1") },
        Order::Media { media: Media::Audio },
        Order::MediaAnswer { accept: true },
        Order::Acknowledge { seq: 1 },
    ]
}

impl World {
    pub(crate) fn ringing(&mut self, by: &str, call: CallId) -> Answer {
        self.order(by, call, Order::Ringing)
    }

    pub(crate) fn accept(&mut self, by: &str, call: CallId) -> Answer {
        self.order(by, call, accepting())
    }

    pub(crate) fn reject(&mut self, by: &str, call: CallId) -> Answer {
        self.order(by, call, rejecting())
    }

    /// Refuses for this device alone.
    pub(crate) fn silence(&mut self, by: &str, call: CallId) -> Answer {
        let how = Refusing::Rejected;
        self.order(by, call, Order::Reject { how, only_me: true, note: Note::default() })
    }

    pub(crate) fn cancel(&mut self, by: &str, call: CallId) -> Answer {
        self.order(by, call, canceling())
    }

    pub(crate) fn cancel_some(&mut self, by: &str, call: CallId, to: &[&str]) -> Answer {
        let to: Vec<UserId> = to.iter().map(|name| user(name)).collect();
        self.order(by, call, Order::Cancel { to: Some(to), note: Note::default() })
    }

    pub(crate) fn hang_up(&mut self, by: &str, call: CallId) -> Answer {
        self.order(by, call, hanging_up())
    }

    pub(crate) fn end(&mut self, by: &str, call: CallId) -> Answer {
        self.order(by, call, ending())
    }

    pub(crate) fn invite(&mut self, by: &str, call: CallId, to: &[&str]) -> Answer {
        self.order(by, call, inviting(to))
    }

    pub(crate) fn join(&mut self, by: &str, call: CallId) -> Answer {
        self.order(by, call, Order::Join { claimed: None })
    }

    pub(crate) fn move_here(&mut self, by: &str, call: CallId, from: &str) -> Answer {
        self.order(by, call, Order::Move { from: device(from) })
    }

    pub(crate) fn propose(&mut self, by: &str, call: CallId, media: Media) -> Answer {
        self.order(by, call, Order::Media { media })
    }

    pub(crate) fn consent(&mut self, by: &str, call: CallId, accept: bool) -> Answer {
        self.order(by, call, Order::MediaAnswer { accept })
    }

    pub(crate) fn kill(&mut self, call: CallId, code: u32) -> Answer {
        self.command(call, Command::Kill { code, note: Note::default() })
    }

    pub(crate) fn remove(&mut self, call: CallId, who: &str) -> Answer {
        self.command(call, Command::Remove { user: user(who), note: Note::default() })
    }

    /// The app has no token for a user who is to enter the room.
    pub(crate) fn barred(&mut self, call: CallId, who: &str) -> Answer {
        self.command(call, Command::Barred { user: user(who), code: 403 })
    }

    /// The device's connection is lost.
    pub(crate) fn gone(&mut self, name: &str) {
        let device = device(name);
        self.online.remove(&device);
        self.lose(&device);
    }

    /// Tells the calls that a device is not connected.
    pub(crate) fn lose(&mut self, device: &DeviceId) {
        let calls: Vec<_> = self.live().map(|c| c.id).collect();
        for call in calls {
            let (user, device) = (owner(device), device.clone());
            self.command(call, Command::Gone { user, device }).expect("a loss is never refused");
        }
    }

    /// The media of a device is connected, through the server.
    pub(crate) fn media_up(&mut self, device: &DeviceId) {
        self.told_by_media(device, |user, device| Command::MediaUp { user, device });
    }

    /// It is lost.
    pub(crate) fn media_lost(&mut self, device: &DeviceId) {
        self.told_by_media(device, |user, device| Command::MediaLost { user, device });
    }

    fn told_by_media(&mut self, device: &DeviceId, command: fn(UserId, DeviceId) -> Command) {
        let calls: Vec<_> = self.live().map(|c| c.id).collect();
        for call in calls {
            let command = command(owner(device), device.clone());
            self.command(call, command).expect("what happened is never refused");
        }
    }

    /// The device connects, or connects again.
    pub(crate) fn back(&mut self, name: &str) {
        let device = device(name);
        self.online.insert(device.clone());
        let calls: Vec<_> = self.live().map(|c| c.id).collect();
        for call in calls {
            let (user, device) = (owner(&device), device.clone());
            let back = Command::Back { user: user.clone(), device };
            self.command(call, back).expect("a return is never refused");
            self.command(call, Command::Reached { user }).expect("a login is never refused");
        }
    }

    /// The server is killed and comes back: nobody is connected.
    pub(crate) fn restart(&mut self) {
        self.online.clear();
        let calls: Vec<_> = self.live().map(|c| c.id).collect();
        for call in calls {
            self.command(call, Command::Restarted).expect("a restart is never refused");
        }
    }
}
