//! What the rules need to know about users: their number, their claim, how they can be reached.

use std::sync::Arc;

use bellwire_core::{AppKey, Call, CallId, Callee, UserId};
use bellwire_protocol::{Target, WireError};

use super::Switchboard;

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

    /// What is known of the callees at this moment; `wakes`: whether their sleeping devices may be
    /// woken.
    pub(crate) fn callees(
        &self,
        app: &AppKey,
        targets: &[(UserId, Target)],
        ring_ms: Option<u64>,
        wakes: bool,
    ) -> Vec<Callee> {
        let claims = self.calls.claims(app, targets.iter().map(|(user, _)| user));
        self.callees_claimed(app, targets, ring_ms, &claims, wakes)
    }

    /// Likewise, when it is known which calls claim them.
    pub(super) fn callees_claimed(
        &self,
        app: &AppKey,
        targets: &[(UserId, Target)],
        ring_ms: Option<u64>,
        claims: &[Option<Arc<Call>>],
        wakes: bool,
    ) -> Vec<Callee> {
        let callee = |((user, target), claim): (&(UserId, Target), &Option<Arc<Call>>)| Callee {
            uid: self.directory.get(app, user).map(|u| u.uid),
            ring: target.ring.unwrap_or_default(),
            ring_ms: target.ring_time.map(|s| s.saturating_mul(1000)).or(ring_ms),
            claimed: claim.as_ref().map(|call| call.id),
            reach: self.reach(app, user, target.ring.unwrap_or_default(), wakes),
            pending_invites: self.calls.pending_invites(app, user).1,
            user: user.clone(),
        };
        targets.iter().zip(claims).map(callee).collect()
    }

    /// The call that claims a user.
    pub(crate) fn claimed(&self, app: &AppKey, user: &UserId) -> Option<CallId> {
        self.calls.claim(app, user).map(|call| call.id)
    }
}
