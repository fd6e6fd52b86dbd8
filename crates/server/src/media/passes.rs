//! Passes: the tokens that the app's own server gave for rooms whose media is the app's affair.

use std::{collections::HashMap, sync::Arc};

use bellwire_core::{CallId, DeviceId, Timestamp, UserId};
use bellwire_protocol::{Secret, business::HookAnswer};
use parking_lot::Mutex;

use crate::switchboard::Denial;

/// What lets one device into the room of its call. All of it may be missing: the app may leave it
/// to its own clients to know.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    pub(super) token: Option<Secret>,
    pub(super) url: Option<String>,
    /// When another is to be asked for; never, if it is good as long as the call lasts.
    until: Option<Timestamp>,
}

impl Pass {
    /// What is in an answer that was given `now`.
    pub(crate) fn of(answer: HookAnswer, now: Timestamp) -> Self {
        // A tenth early, so that it is not over by the time it is used.
        let until = answer.expires_in.map(|s| now.after_ms(s.saturating_mul(900)));
        Self { token: answer.token, url: answer.url, until }
    }
}

/// The passes of live calls.
#[derive(Debug, Default)]
pub(crate) struct Passes(Mutex<HashMap<CallId, OfCall>>);

type OfCall = HashMap<(UserId, DeviceId), OfDevice>;

#[derive(Debug, Default)]
struct OfDevice {
    pass: Option<Pass>,
    denied: Option<(Timestamp, Denial)>,
    /// Held by who asks for it: nobody else asks meanwhile.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Passes {
    /// The pass of a device, if it is good.
    pub(crate) fn of(
        &self,
        call: CallId,
        user: &UserId,
        device: &DeviceId,
        now: Timestamp,
    ) -> Option<Pass> {
        let calls = self.0.lock();
        let pass = calls.get(&call)?.get(&(user.clone(), device.clone()))?.pass.as_ref()?;
        pass.until.is_none_or(|until| now < until).then(|| pass.clone())
    }

    /// Why a device was given none, if that was not before `since`.
    pub(crate) fn denied(
        &self,
        call: CallId,
        user: &UserId,
        device: &DeviceId,
        since: Timestamp,
    ) -> Option<Denial> {
        let calls = self.0.lock();
        let (at, denial) =
            calls.get(&call)?.get(&(user.clone(), device.clone()))?.denied.as_ref()?;
        (*at >= since).then(|| denial.clone())
    }

    /// Waits until nobody else asks for the pass of a device.
    pub(crate) async fn turn(
        &self,
        call: CallId,
        user: &UserId,
        device: &DeviceId,
    ) -> tokio::sync::OwnedMutexGuard<()> {
        let whose = (user.clone(), device.clone());
        let turn = self.0.lock().entry(call).or_default().entry(whose).or_default().turn.clone();
        turn.lock_owned().await
    }

    /// Keeps what came of asking, in place of what was there.
    pub(crate) fn keep(
        &self,
        call: CallId,
        user: &UserId,
        device: &DeviceId,
        given: &Result<Pass, Denial>,
        now: Timestamp,
    ) {
        // The call may be over: then nothing of it is kept.
        if let Some(kept) =
            self.0.lock().get_mut(&call).and_then(|c| c.get_mut(&(user.clone(), device.clone())))
        {
            (kept.pass, kept.denied) = match given {
                Ok(pass) => (Some(pass.clone()), None),
                Err(denial) => (None, Some((now, denial.clone()))),
            };
        }
    }

    /// Forgets those of a call that is over.
    pub(crate) fn end(&self, call: CallId) {
        self.0.lock().remove(&call);
    }

    /// Forgets that of a device from which another has taken over.
    pub(crate) fn forget(&self, call: CallId, user: &UserId, device: &DeviceId) {
        if let Some(passes) = self.0.lock().get_mut(&call) {
            passes.remove(&(user.clone(), device.clone()));
        }
    }
}
