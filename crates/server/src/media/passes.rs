//! Tokens that the app's own server gave for rooms whose media is the app's affair.

use std::collections::HashMap;

use bellwire_core::{Call, CallId, DeviceId, Phase, Timestamp, UserId};
use bellwire_protocol::Secret;
use parking_lot::Mutex;

/// What lets one device into the room of its call. All of it may be missing: the app may leave it
/// to its own clients to know.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    pub(crate) token: Option<Secret>,
    pub(crate) url: Option<String>,
    /// When another is to be asked for; never, if it is good as long as the call lasts.
    pub(crate) until: Option<Timestamp>,
}

/// The passes of live calls. They are kept in memory alone: whoever comes back after a restart is
/// given another.
#[derive(Debug, Default)]
pub(crate) struct Passes(Mutex<HashMap<CallId, OfCall>>);

type OfCall = HashMap<(UserId, DeviceId), Pass>;

impl Passes {
    /// The pass of a device, good or not any more.
    pub(super) fn of(&self, call: CallId, user: &UserId, device: &DeviceId) -> Option<Pass> {
        self.0.lock().get(&call)?.get(&(user.clone(), device.clone())).cloned()
    }

    /// Whether a device has a pass that is good.
    pub(crate) fn is_good(
        &self,
        call: CallId,
        user: &UserId,
        device: &DeviceId,
        now: Timestamp,
    ) -> bool {
        let good = |pass: &Pass| pass.until.is_none_or(|until| now < until);
        self.of(call, user, device).as_ref().is_some_and(good)
    }

    /// Keeps a pass in place of an older one.
    pub(crate) fn keep(&self, call: CallId, user: &UserId, device: &DeviceId, pass: Pass) {
        let whose = (user.clone(), device.clone());
        self.0.lock().entry(call).or_default().insert(whose, pass);
    }

    /// Forgets those of a call that is over.
    pub(super) fn follow(&self, after: &Call) {
        if after.phase == Phase::Ended {
            self.0.lock().remove(&after.id);
        }
    }
}
