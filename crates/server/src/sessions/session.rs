//! One device's login.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bellwire_core::{Actor, AppKey, CallId, DeviceId, RequestRef, SessionId, Timestamp, UserId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Outbox;
use crate::listen::Ticket;

/// A device's login; outlives its connection by the resume window.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) app: AppKey,
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    pub(crate) name: Option<String>,
    pub(crate) platform: Option<String>,
    pub(crate) since: Timestamp,
    line: Mutex<Line>,
    /// What it takes up of the sessions of the address it was last connected from.
    place: Mutex<Option<Ticket>>,
    /// The highest id of a changing request taken so far (R14).
    highest_request: AtomicU64,
    /// Changing requests that are being handled, on whatever connection.
    in_hand: Mutex<BTreeSet<u64>>,
    handled: Notify,
    /// Open stays, by call: the last event this device was told of.
    stays: Mutex<BTreeMap<CallId, u64>>,
    /// Calls of which this connection was sent what the device missed.
    covered: Mutex<BTreeSet<CallId>>,
}

#[derive(Debug, Default)]
struct Line {
    outbox: Option<Arc<Outbox>>,
    /// The highest request taken when this connection began.
    taken_before: u64,
    /// Requests taken before it that were carried out on it, as they had no answer to keep.
    anew: BTreeSet<u64>,
    /// Counts connections, so that what one left behind does not touch the next.
    turn: u64,
    /// Whether the hello of this connection has been answered; nothing else goes out before.
    greeted: bool,
}

/// A request in hand; dropped when it has been answered or given up.
#[derive(Debug)]
pub(crate) struct InHand {
    session: Arc<Session>,
    id: u64,
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.session.in_hand.lock().remove(&self.id);
        self.session.handled.notify_waiters();
    }
}

impl Session {
    #[allow(clippy::too_many_arguments)] // The row of a session; built in two places.
    pub(crate) fn new(
        id: SessionId,
        app: AppKey,
        user: UserId,
        device: DeviceId,
        name: Option<String>,
        platform: Option<String>,
        since: Timestamp,
        highest_request: u64,
    ) -> Self {
        Self {
            id,
            app,
            user,
            device,
            name,
            platform,
            since,
            line: Mutex::default(),
            place: Mutex::default(),
            highest_request: AtomicU64::new(highest_request),
            in_hand: Mutex::default(),
            handled: Notify::new(),
            stays: Mutex::default(),
            covered: Mutex::default(),
        }
    }

    /// Counts it to another address, or to none.
    pub(crate) fn set_place(&self, place: Option<Ticket>) {
        *self.place.lock() = place;
    }

    /// Gives up its place for a login from the same address.
    pub(crate) fn give_place(&self, is_same: impl FnOnce(&Ticket) -> bool) -> Option<Ticket> {
        self.place.lock().take_if(|place| is_same(place))
    }

    /// The user acting through this device.
    pub(crate) fn actor(&self) -> Actor {
        Actor { user: self.user.clone(), device: Some(self.device.clone()) }
    }

    /// The name of a request of this session.
    pub(crate) fn request(&self, id: u64) -> RequestRef {
        RequestRef { session: self.id.clone(), id }
    }

    /// Takes a changing request's id; false if it, or a later one, was taken before.
    pub(crate) fn take_request(&self, id: u64) -> bool {
        self.highest_request.fetch_max(id, Ordering::SeqCst) < id
    }

    /// Takes a changing request in hand. One that is being handled already, on a connection that
    /// was lost meanwhile, is waited for: then its answer can be given again.
    pub(crate) async fn take_in_hand(self: &Arc<Self>, id: u64) -> InHand {
        loop {
            let mut handled = pin!(self.handled.notified());
            handled.as_mut().enable();
            if self.in_hand.lock().insert(id) {
                return InHand { session: self.clone(), id };
            }
            handled.await;
        }
    }

    /// Binds a connection, which begins the turn returned; the one before is handed back.
    pub(crate) fn bind(&self, outbox: Arc<Outbox>) -> (u64, Option<Arc<Outbox>>) {
        let mut line = self.line.lock();
        line.turn += 1;
        line.greeted = false;
        line.anew.clear();
        line.taken_before = self.highest_request.load(Ordering::SeqCst);
        (line.turn, line.outbox.replace(outbox))
    }

    /// Ends the turn `turn`; false if a later one has begun.
    pub(crate) fn unbind(&self, turn: u64) -> bool {
        let mut line = self.line.lock();
        let own = line.turn == turn && line.outbox.is_some();
        if own {
            line.outbox = None;
        }
        own
    }

    /// Whether turn `turn` is the latest and nobody is connected.
    pub(crate) fn is_away_since(&self, turn: u64) -> bool {
        let line = self.line.lock();
        line.turn == turn && line.outbox.is_none()
    }

    /// The connection, if there is one.
    pub(crate) fn outbox(&self) -> Option<Arc<Outbox>> {
        self.line.lock().outbox.clone()
    }

    /// The connection, if there is one whose hello has been answered.
    pub(crate) fn greeted(&self) -> Option<Arc<Outbox>> {
        let line = self.line.lock();
        line.outbox.clone().filter(|_| line.greeted)
    }

    /// Whether a connection is open.
    pub(crate) fn is_connected(&self) -> bool {
        self.line.lock().outbox.is_some()
    }

    /// Sends a frame that may be lost; whether a connection took it.
    pub(crate) fn send_ephemeral(&self, frame: &Arc<str>) -> bool {
        self.greeted().is_some_and(|outbox| outbox.push_ephemeral(frame.clone()))
    }

    /// Tells an event of a call unless the device has it already. A terminal one closes the stay.
    pub(crate) fn tell(&self, call: CallId, seq: u64, terminal: bool, frame: &Arc<str>) {
        let mut stays = self.stays.lock();
        let Some(outbox) = self.greeted() else { return };
        if stays.get(&call).is_some_and(|last| *last >= seq) {
            return;
        }
        let quiet = stays.is_empty();
        if terminal {
            stays.remove(&call);
        } else {
            stays.insert(call, seq);
        }
        drop(stays);
        outbox.push(frame.clone());
        if quiet && !terminal {
            outbox.nudge();
        }
    }

    /// Answers the hello over `outbox` with `frames`, and takes note of the calls in which the
    /// device is or rings, as far as it was told of each; of `covered` it is sent what it missed.
    /// All of it at once: whoever sees the answer finds the session greeted. A connection that was
    /// replaced meanwhile gets nothing.
    pub(crate) fn greet(
        &self,
        outbox: &Arc<Outbox>,
        frames: Vec<Arc<str>>,
        stays: BTreeMap<CallId, u64>,
        covered: BTreeSet<CallId>,
    ) {
        let mut own_stays = self.stays.lock();
        let mut line = self.line.lock();
        if !line.outbox.as_ref().is_some_and(|own| Arc::ptr_eq(own, outbox)) {
            return;
        }
        *own_stays = stays;
        *self.covered.lock() = covered;
        for frame in frames {
            outbox.push_missed(frame);
        }
        line.greeted = true;
        drop((line, own_stays));
        self.quicken();
    }

    /// Begins a stay, as of `seq`, if there is none.
    pub(crate) fn begin_stay(&self, call: CallId, seq: u64) {
        self.stays.lock().entry(call).or_insert(seq);
        self.quicken();
    }

    /// The keep-alive of a device that is in a call is shorter.
    fn quicken(&self) {
        if let Some(outbox) = self.outbox() {
            outbox.nudge();
        }
    }

    /// Whether a repeated request was first made over an earlier connection, and this one has
    /// been told nothing of its call.
    pub(crate) fn must_catch_up(&self, request: u64, call: CallId) -> bool {
        // One lock after the other: elsewhere they are taken in the other order.
        let line = self.line.lock();
        let is_earlier = request <= line.taken_before && !line.anew.contains(&request);
        drop(line);
        if !is_earlier || self.stays.lock().contains_key(&call) {
            return false;
        }
        !self.covered.lock().contains(&call)
    }

    /// Takes note that a request of an earlier connection is carried out on this one: what it leads
    /// to is told as it happens.
    pub(crate) fn taken_anew(&self, request: u64) {
        let mut line = self.line.lock();
        if request <= line.taken_before {
            line.anew.insert(request);
        }
    }

    /// Takes note that this connection was sent what the device missed of a call.
    pub(crate) fn caught_up(&self, call: CallId) {
        self.covered.lock().insert(call);
    }

    /// The open stays, and the last event told in each.
    pub(crate) fn stays(&self) -> BTreeMap<CallId, u64> {
        self.stays.lock().clone()
    }

    /// Whether the device rings or is in a live call, which shortens its keep-alive.
    pub(crate) fn is_busy(&self) -> bool {
        !self.stays.lock().is_empty()
    }
}
