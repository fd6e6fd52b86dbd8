//! What the rules need to know about users: their number, their claim, how they can be reached.

use std::sync::Arc;

use bellwire_core::{AppKey, Call, CallId, Callee, Unavailable, UserId};
use bellwire_protocol::{Target, WireError, command::Push};

use super::Switchboard;
use crate::availability::{Unwanted, unwanted};

/// How callees are invited, as far as it decides what can be reached of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inviting<'a> {
    /// Who invites.
    pub(crate) caller: &'a UserId,
    /// How long each is rung, in milliseconds; the call's own time where none.
    pub(crate) ring_ms: Option<u64>,
    /// Whether sleeping devices may be woken.
    pub(crate) wakes: bool,
}

impl<'a> Inviting<'a> {
    /// As a command asks.
    pub(crate) fn of(caller: &'a UserId, ring_s: Option<u64>, push: Option<&Push>) -> Self {
        let ring_ms = ring_s.map(|s| s.saturating_mul(1000));
        let wakes = push.is_none_or(|push| push.enabled.unwrap_or(true));
        Self { caller, ring_ms, wakes }
    }
}

impl Switchboard {
    /// The callees as a command names them, resolved to users.
    pub(crate) fn resolve(
        &self,
        app: &AppKey,
        targets: &[Target],
    ) -> Result<Vec<(UserId, Target)>, Box<WireError>> {
        let named = targets.iter().enumerate().map(|(i, target)| {
            let user = self.directory.resolve(app, &target.user, || format!("to[{i}]"))?;
            Ok((user, target.clone()))
        });
        named.collect()
    }

    /// What is known of the callees at this moment.
    pub(crate) fn callees(
        &self,
        app: &AppKey,
        targets: &[(UserId, Target)],
        how: &Inviting<'_>,
    ) -> Vec<Callee> {
        let claims = self.calls.claims(app, targets.iter().map(|(user, _)| user));
        self.callees_claimed(app, targets, how, &claims)
    }

    /// Likewise, when it is known which calls claim them.
    pub(super) fn callees_claimed(
        &self,
        app: &AppKey,
        targets: &[(UserId, Target)],
        how: &Inviting<'_>,
        claims: &[Option<Arc<Call>>],
    ) -> Vec<Callee> {
        let callee = |((user, target), claim): (&(UserId, Target), &Option<Arc<Call>>)| Callee {
            uid: self.directory.uid(app, user),
            ring: target.ring.unwrap_or_default(),
            ring_ms: target.ring_time.map(|s| s.saturating_mul(1000)).or(how.ring_ms),
            claimed: claim.as_ref().map(|call| call.id),
            reach: self.reach(app, user, target.ring.unwrap_or_default(), how.wakes),
            pending_invites: self.calls.pending_invites(app, user).1,
            unavailable: self.unavailable(app, user, how.caller),
            user: user.clone(),
        };
        targets.iter().zip(claims).map(callee).collect()
    }

    /// That the user does not want to be rung by `caller` now.
    pub(crate) fn unavailable(
        &self,
        app: &AppKey,
        user: &UserId,
        caller: &UserId,
    ) -> Option<Unavailable> {
        let own = self.directory.availability(app, user)?;
        let unwanted = unwanted(&own, caller, self.now())?;
        let shown_as = self.apps.get(app).map(|app| app.unavailable_as).unwrap_or_default();
        Some(Unavailable { shown_as, blocked: unwanted == Unwanted::Blocked })
    }

    /// The call that claims a user.
    pub(crate) fn claimed(&self, app: &AppKey, user: &UserId) -> Option<CallId> {
        self.calls.claim(app, user).map(|call| call.id)
    }
}
