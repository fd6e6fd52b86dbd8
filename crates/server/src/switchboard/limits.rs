//! How much a user may start: a bound on calls in flight, starts and distinct callees a minute.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
};

use ahash::HashMap;
use bellwire_core::{AppKey, Phase, Timestamp, UserId};
use bellwire_protocol::{ErrorCode, WireError};
use parking_lot::Mutex;

use super::Switchboard;
use crate::config::App;

/// The window of the limits per minute, in milliseconds.
const MINUTE_MS: u64 = 60_000;
/// Users whose window has passed are swept each time this many starts were counted.
const SWEEP_EVERY: u32 = 4_096;

/// What each user started in the last minute.
#[derive(Debug, Default)]
pub(crate) struct StartLimits {
    users: Mutex<HashMap<(AppKey, UserId), Recent>>,
    counted: AtomicU32,
}

#[derive(Debug, Default)]
struct Recent {
    /// Starts in the window, oldest first.
    starts: std::collections::VecDeque<Timestamp>,
    /// When each callee was last called.
    callees: BTreeMap<UserId, Timestamp>,
}

impl StartLimits {
    /// Counts what `user` asks of `callees`, a start or an invitation, or says in how many
    /// milliseconds it may come.
    fn count<'a>(
        &self,
        app: &App,
        user: &UserId,
        callees: impl Iterator<Item = &'a UserId> + Clone,
        is_start: bool,
        now: Timestamp,
    ) -> Result<(), u64> {
        let mut users = self.users.lock();
        if self.counted.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            users.retain(|_, recent| recent.callees.values().any(|at| fresh(*at, now)));
        }
        let recent = users.entry((app.key.clone(), user.clone())).or_default();
        recent.starts.retain(|at| fresh(*at, now));
        recent.callees.retain(|_, at| fresh(*at, now));
        let wait = |oldest: Option<Timestamp>| {
            MINUTE_MS.saturating_sub(now.since_ms(oldest.unwrap_or(now))).max(1)
        };
        if is_start && recent.starts.len() >= app.limits.starts_per_minute as usize {
            return Err(wait(recent.starts.front().copied()));
        }
        let new = callees.clone().filter(|u| !recent.callees.contains_key(*u)).count();
        if recent.callees.len() + new > app.limits.callees_per_minute as usize {
            return Err(wait(recent.callees.values().min().copied()));
        }
        if is_start {
            recent.starts.push_back(now);
        }
        recent.callees.extend(callees.map(|u| (u.clone(), now)));
        Ok(())
    }

    /// Forgets an erased user, also as whom others called.
    pub(super) fn forget(&self, app: &AppKey, user: &UserId) {
        let mut users = self.users.lock();
        users.remove(&(app.clone(), user.clone()));
        #[allow(clippy::iter_over_hash_type)] // Each by itself.
        for ((_, _), recent) in users.iter_mut().filter(|((of, _), _)| of == app) {
            recent.callees.remove(user);
        }
    }
}

fn fresh(at: Timestamp, now: Timestamp) -> bool {
    now.since_ms(at) < MINUTE_MS
}

impl Switchboard {
    /// Refuses a start that is over a limit of the app or of the user; else counts it.
    pub(super) fn admit<'a>(
        &self,
        app: &App,
        caller: &UserId,
        callees: impl Iterator<Item = &'a UserId> + Clone,
    ) -> Result<(), Box<WireError>> {
        self.takes_calls()?;
        let overloaded = |text: String| Box::new(WireError::new(ErrorCode::Overloaded, text));
        if self.calls.live(&app.key) >= app.limits.calls_per_app as usize {
            let most = app.limits.calls_per_app;
            return Err(overloaded(format!("the app has {most} calls running; try again later")));
        }
        let own = self.calls.of_user(&app.key, caller);
        let running = own.iter().filter(|c| c.phase != Phase::Ended && c.caller == *caller);
        let most = app.limits.calls_per_user as usize;
        if running.count() >= most {
            return Err(overloaded(format!("you have {most} calls running; finish one first")));
        }
        let counted = self.limits.count(app, caller, callees, true, self.now());
        counted.map_err(|retry_ms| Box::new(WireError::rate_limited(retry_ms)))
    }

    /// Refuses an invitation of more people than a user may call a minute; else counts it.
    pub(crate) fn admit_invited<'a>(
        &self,
        app: &App,
        by: &UserId,
        invited: impl Iterator<Item = &'a UserId> + Clone,
    ) -> Result<(), Box<WireError>> {
        let counted = self.limits.count(app, by, invited, false, self.now());
        counted.map_err(|retry_ms| Box::new(WireError::rate_limited(retry_ms)))
    }
}
