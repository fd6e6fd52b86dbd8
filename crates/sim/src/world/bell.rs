//! How the server's tasks tell the world that something happened on its side of the border.

use bellwire::Node;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use super::network::LinkId;

/// What was rung about since the world looked last.
#[derive(Default)]
pub(crate) struct Rung {
    /// Links the server has written to or closed, each perhaps more than once.
    pub(crate) links: Vec<LinkId>,
    /// Answers of the HTTP API: status and body.
    pub(crate) answers: Vec<(u16, String)>,
    /// A node that has opened.
    pub(crate) node: Option<Node>,
}

/// Wakes the world.
#[derive(Default)]
pub(crate) struct Bell {
    pub(crate) waker: AtomicWaker,
    rung: Mutex<Rung>,
}

impl Bell {
    /// Leaves something for the world, and wakes it.
    pub(crate) fn ring(&self, leave: impl FnOnce(&mut Rung)) {
        leave(&mut self.rung.lock());
        self.waker.wake();
    }

    /// Wakes the world to look at the store.
    pub(crate) fn nudge(&self) {
        self.waker.wake();
    }

    /// What was left.
    pub(crate) fn take(&self) -> Rung {
        std::mem::take(&mut self.rung.lock())
    }
}
