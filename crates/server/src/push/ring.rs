//! From what happens in a call to the sleeping devices that are told of it: invited, and told to
//! stop. Each has a task of its own, so that its stop-ring comes after its invitation.

use std::{
    collections::BTreeSet,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use ahash::HashMap;
use bellwire_core::{
    AppKey, Call, CallId, Command, DeviceId, Entry, Event, How, Notice as Told, PushNews,
    PushOutcome, PushWish, Reach, Tell, UserId,
};
use parking_lot::Mutex;
use tokio::{sync::watch, time::sleep};

use super::{
    deliver::{Got, Sleeper, Target},
    payload::{Notice, stops},
    tokens::{Slot, Way},
};
use crate::{calls::Step, sessions::Session, switchboard::Switchboard};

/// How long a device that seems to be connected has to confirm that it stopped ringing. Those that
/// do need a moment; a connection that is dead shows it after ten to fifteen seconds.
const CONFIRM_TIME: Duration = Duration::from_secs(4);

/// When a device was sent its invitation, and when it connected.
#[derive(Debug, Default)]
pub(super) struct Times(Mutex<(Option<Instant>, Option<Instant>)>);

impl Times {
    pub(super) fn sent(&self, at: Instant) {
        self.0.lock().0.get_or_insert(at);
    }

    /// The device has connected; since when it was sent for, the first time it has.
    pub(super) fn woke(&self, at: Instant) -> Option<Instant> {
        let mut times = self.0.lock();
        let sent = times.0.filter(|_| times.1.is_none())?;
        times.1 = Some(at);
        Some(sent)
    }

    fn both(&self) -> (Option<Instant>, Option<Instant>) {
        *self.0.lock()
    }
}

/// A device that was asleep when its user was invited.
struct Ring {
    sleeper: Sleeper,
    invite: Notice,
    /// Takes what it is told in the end.
    stop: watch::Sender<Option<Notice>>,
}

/// Those of all calls, until they are told to stop.
#[derive(Default)]
pub(super) struct Rings {
    calls: Mutex<HashMap<CallId, Vec<Ring>>>,
    /// How many calls there are, so that nobody waits to learn that there are none.
    count: AtomicUsize,
}

impl Rings {
    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    fn put(&self, call: CallId, ring: Ring) {
        let mut calls = self.calls.lock();
        let rings = calls.entry(call).or_default();
        // Invited again, its earlier stay is over.
        rings.retain(|old| !(ring.is_of(old.user(), old.device()) && ring.slot() == old.slot()));
        rings.push(ring);
        self.count.store(calls.len(), Ordering::Relaxed);
    }

    /// Takes out those whom `which` names.
    fn take(&self, call: CallId, which: impl Fn(&Ring) -> bool) -> Vec<Ring> {
        let mut calls = self.calls.lock();
        let Some(all) = calls.get_mut(&call) else { return Vec::new() };
        let taken = all.extract_if(.., |ring| which(ring)).collect();
        if all.is_empty() {
            calls.remove(&call);
        }
        self.count.store(calls.len(), Ordering::Relaxed);
        taken
    }

    /// What is known of a user's device in a call.
    fn sleepers(&self, call: CallId, user: &UserId, device: &DeviceId) -> Vec<Sleeper> {
        let calls = self.calls.lock();
        let own = calls.get(&call).into_iter().flatten();
        own.filter(|ring| ring.is_of(user, device)).map(|ring| ring.sleeper.clone()).collect()
    }
}

impl Ring {
    fn user(&self) -> &UserId {
        &self.sleeper.user
    }

    fn device(&self) -> &DeviceId {
        &self.sleeper.way.device
    }

    fn slot(&self) -> Slot {
        self.sleeper.way.slot
    }

    fn is_of(&self, user: &UserId, device: &DeviceId) -> bool {
        self.user() == user && self.device() == device
    }
}

impl Switchboard {
    /// Tells those who sleep what was appended, and is durable.
    pub(crate) fn wake(self: &Arc<Self>, app: &AppKey, step: &Step) {
        if self.push.is_idle() {
            return;
        }
        for told in &step.notices {
            if told.tell == Tell::Invited {
                self.invite_sleeping(app, step, &told.user);
            } else if let Some(reason) = stops(&told.tell) {
                self.stop_sleeping(app, step, told, reason);
            }
        }
        let call = step.after.id;
        match &step.entry.event {
            // It rings no more, as it knows itself.
            Event::Accepted { user, device, .. } | Event::Joined { user, device } => {
                drop(self.push.rings.take(call, |ring| ring.is_of(user, device)));
            }
            Event::Ringing { user, device } => {
                for sleeper in self.push.rings.sleepers(call, user, device) {
                    let (sent, woke) = sleeper.times.both();
                    self.metrics.push_rang(sent, woke);
                }
            }
            Event::Ended { .. } => drop(self.push.rings.take(call, |_| true)),
            _ => {}
        }
    }

    fn invite_sleeping(self: &Arc<Self>, app: &AppKey, step: &Step, user: &UserId) {
        let call = &step.after;
        let Some(p) = call.participant(user) else { return };
        let ways = self.push.ways(app, user, p.ring);
        if ways.is_empty() {
            return;
        }
        let wish = match &step.entry.event {
            Event::Created(created) => created.push.clone(),
            Event::Added { push, .. } => push.clone(),
            _ => self.calls.known(app, call.id).and_then(|known| wish_for(&known.log, user)),
        };
        let Some(invite) = self.invitation(call, user, wish) else { return };
        for way in ways {
            if !self.sessions.is_connected(app, user, &way.device) {
                self.ring(user, way, &invite, false);
            }
        }
    }

    /// What a user's devices are told; none where they are not to be woken.
    fn invitation(
        &self,
        call: &Call,
        user: &UserId,
        wish: Option<Arc<PushWish>>,
    ) -> Option<Notice> {
        if wish.as_ref().is_some_and(|wish| !wish.is_enabled()) {
            return None;
        }
        let p = call.participant(user)?;
        let from = p.by.clone();
        let known = from.as_ref().and_then(|from| self.directory.get(&call.app, from));
        Notice::invite(call, user, from, known.and_then(|known| known.name), wish)
    }

    /// Wakes a device, and waits with what it is to be told in the end. `sent` where it was woken
    /// before a restart.
    fn ring(self: &Arc<Self>, user: &UserId, way: Way, invite: &Notice, sent: bool) {
        let sleeper = Sleeper::new(user, way);
        let target = self.target(sleeper.clone(), false);
        let (stop, stopped) = watch::channel(None);
        let notice = (!sent).then(|| invite.clone());
        self.push.rings.put(invite.call, Ring { sleeper, invite: invite.clone(), stop });
        tokio::spawn(rung(target, notice, stopped));
    }

    fn target(self: &Arc<Self>, sleeper: Sleeper, insists: bool) -> Target {
        Target { board: self.clone(), sleeper, insists }
    }

    fn stop_sleeping(
        self: &Arc<Self>,
        app: &AppKey,
        step: &Step,
        told: &Told,
        reason: &'static str,
    ) {
        let (call, user) = (&step.after, &told.user);
        let rings = self
            .push
            .rings
            .take(call.id, |ring| ring.user() == user && told.devices.contains(ring.device()));
        let mut reached = BTreeSet::new();
        for ring in rings {
            let stop = ring.invite.stop(reason, self.now());
            let is_connected = self.sessions.is_connected(app, user, ring.device());
            // One whose task has ended got nothing by it.
            if !is_connected && ring.stop.send(Some(stop)).is_ok() {
                reached.insert(ring.device().clone());
            }
        }
        if matches!(told.tell, Tell::Canceled(_) | Tell::Elsewhere(How::Accepted | How::Rejected)) {
            self.stop_connected(app, step, told, reason, &reached);
        }
    }

    /// Devices that rang by their connection. One that has lost it since is told at once, one that
    /// still seems to have it when it has not confirmed in time: phones are frozen while they ring.
    fn stop_connected(
        self: &Arc<Self>,
        app: &AppKey,
        step: &Step,
        told: &Told,
        reason: &'static str,
        reached: &BTreeSet<DeviceId>,
    ) {
        let (call, user) = (&step.after, &told.user);
        let Some(p) = call.participant(user) else { return };
        let ways = self.push.ways(app, user, p.ring);
        if ways.is_empty() {
            return;
        }
        let sessions = self.sessions.of(app, user);
        let known = self.calls.known(app, call.id);
        let wish = known.and_then(|known| wish_for(&known.log, user));
        let Some(invite) = self.invitation(call, user, wish) else { return };
        let stop = invite.stop(reason, self.now());
        for way in ways {
            if !told.devices.contains(&way.device) || reached.contains(&way.device) {
                continue;
            }
            let Some(session) = sessions.iter().find(|s| s.device == way.device) else { continue };
            let (is_connected, stop) = (session.is_connected(), stop.clone());
            // What is told ends the stay of one that is connected.
            if !is_connected && !session.stays().contains_key(&call.id) {
                continue;
            }
            let target = self.target(Sleeper::new(user, way), is_connected);
            let seq = step.entry.seq;
            tokio::spawn(async move {
                if !is_connected || !target.confirms(&stop, seq).await {
                    target.deliver(&stop, pending()).await;
                }
            });
        }
    }

    /// A device has connected: whatever it was sent has reached it.
    pub(crate) fn woken(&self, session: &Session) {
        if self.push.rings.is_empty() {
            return;
        }
        for call in self.calls.of_user(&session.app, &session.user) {
            for sleeper in self.push.rings.sleepers(call.id, &session.user, &session.device) {
                self.woke(call.id, &sleeper, &session.app);
            }
        }
    }

    pub(super) fn woke(&self, call: CallId, sleeper: &Sleeper, app: &AppKey) {
        let Some(sent) = sleeper.times.woke(Instant::now()) else { return };
        self.metrics.push_woke(sent.elapsed());
        let (news, outcome) = (PushNews::Invite, PushOutcome::Woke);
        self.log_push(app, call, sleeper, news, outcome, None, "", sent.elapsed());
    }

    /// A user's token is dead. If it was the last, and they have not come by themselves while an
    /// absent one would have been waited for, they are offline: R8.
    async fn unreached(self: &Arc<Self>, user: &UserId, invite: &Notice) {
        sleep(Duration::from_millis(invite.reach_until.since_ms(self.now()))).await;
        if self.reach(&invite.app, user, invite.ring, true) == Reach::Absent {
            let command = Command::Unreached { user: user.clone() };
            self.act(&invite.app, invite.call, command).await;
        }
    }

    /// Takes up what rang before a restart: devices that were woken are told in the end, those
    /// that were not are woken now. Whoever had a connection comes back by itself.
    pub(crate) fn ring_on(self: &Arc<Self>) {
        if self.push.is_idle() {
            return;
        }
        for call in self.calls.all() {
            let Some(known) = self.calls.known(&call.app, call.id) else { continue };
            for p in call.participants.iter().filter(|p| p.is_rung()) {
                let wish = wish_for(&known.log, &p.user);
                let Some(invite) = self.invitation(&call, &p.user, wish) else { continue };
                let woken = woken_in(&known.log, &p.user);
                let sessions = self.sessions.of(&call.app, &p.user);
                for way in self.push.ways(&call.app, &p.user, p.ring) {
                    let sent = woken.contains(&way.device);
                    if sent || !sessions.iter().any(|s| s.device == way.device) {
                        self.ring(&p.user, way, &invite, sent);
                    }
                }
            }
        }
    }
}

impl Target {
    /// Waits for the device's word that it has stopped ringing, which it was told as `seq`.
    async fn confirms(&self, stop: &Notice, seq: u64) -> bool {
        sleep(CONFIRM_TIME).await;
        let device = &self.sleeper.way.device;
        let is_it = |entry: &Arc<Entry>| match &entry.event {
            Event::Acknowledged { user, device: by, seq: confirmed } => {
                *user == self.sleeper.user && by == device && *confirmed >= seq
            }
            _ => false,
        };
        let known = self.board.known(&stop.app, stop.call).await;
        known.is_ok_and(|known| known.is_some_and(|known| known.log.iter().any(is_it)))
    }
}

/// The task of one device: its invitation, and then that it is to stop.
async fn rung(
    target: Target,
    invite: Option<Notice>,
    mut stopped: watch::Receiver<Option<Notice>>,
) {
    if let Some(invite) = invite {
        let mut halt = stopped.clone();
        let halted = async move {
            // Told, or there is nobody any more who would.
            let _ = halt.wait_for(Option::is_some).await;
        };
        match target.deliver(&invite, halted).await {
            Got::Perhaps => {}
            Got::Nothing => return,
            Got::Dead => return target.board.unreached(&target.sleeper.user, &invite).await,
        }
    }
    let stop = stopped.wait_for(Option::is_some).await.ok().and_then(|stop| stop.clone());
    if let Some(stop) = stop {
        target.deliver(&stop, pending()).await;
    }
}

/// How whoever invited a user wants them woken.
fn wish_for(log: &[Arc<Entry>], user: &UserId) -> Option<Arc<PushWish>> {
    log.iter().rev().find_map(|entry| match &entry.event {
        Event::Created(created) => Some(created.push.clone()),
        Event::Added { users, push, .. } if users.iter().any(|u| u.user == *user) => {
            Some(push.clone())
        }
        _ => None,
    })?
}

/// A user's devices that were sent an invitation.
fn woken_in(log: &[Arc<Entry>], user: &UserId) -> BTreeSet<DeviceId> {
    let sent = log.iter().filter_map(|entry| match &entry.event {
        Event::Pushed(pushed)
            if pushed.user == *user
                && pushed.news == PushNews::Invite
                && pushed.outcome == PushOutcome::Sent =>
        {
            Some(pushed.device.clone())
        }
        _ => None,
    });
    sent.collect()
}
