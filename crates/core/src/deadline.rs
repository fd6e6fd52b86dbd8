//! When time alone changes a call: a function of its state, so that no timer is ever stored.

use crate::{
    call::{Call, Participant, Phase, Reach, State},
    id::Timestamp,
};

impl Call {
    /// When the longest time of an active call is over.
    pub fn ends_by(&self) -> Option<Timestamp> {
        Some(self.started_at?.after_ms(self.settings.max_ms?))
    }

    /// When the call must be looked at again with [`Command::Tick`](crate::Command::Tick); none
    /// when only a command can change it.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        if self.phase == Phase::Ended {
            return None;
        }
        let answers = self.pending().filter_map(|p| self.answer_due(p));
        let grace = self.settings.grace_ms;
        let losses = self.inside().filter_map(|p| Some(p.gone_at?.after_ms(grace)));
        let consent = self.proposal.as_ref().map(|p| p.until);
        answers.chain(losses).chain(consent).chain(self.ends_by()).min()
    }

    /// When a pending participant's invitation lapses; none while it is held back.
    pub(crate) fn answer_due(&self, p: &Participant) -> Option<Timestamp> {
        if !p.is_waited_for() {
            return None;
        }
        let due = p.ring_until.min(self.ack_until(p).unwrap_or(p.ring_until));
        Some(match p.reach {
            Reach::Absent if p.unavailable.is_none() => {
                due.min(invited_at(p).after_ms(self.settings.reach_ms))
            }
            Reach::Absent | Reach::Online | Reach::Asleep => due,
        })
    }

    /// When a connected callee who has not acknowledged counts as silent. The time runs from the
    /// invitation, or from the login of one who was not connected then.
    pub(crate) fn ack_until(&self, p: &Participant) -> Option<Timestamp> {
        let waits = p.state == State::Invited && p.told && p.reach == Reach::Online;
        waits.then(|| match self.settings.ack_ms {
            Some(ms) => {
                let since = p.reached_at.map_or(invited_at(p), |at| at.max(invited_at(p)));
                p.ring_until.min(since.after_ms(ms))
            }
            None => p.ring_until,
        })
    }

    /// Whether sessions and media must be asked after each
    /// [`AUDIT_MS`](crate::AUDIT_MS).
    pub fn needs_audit(&self) -> bool {
        self.phase != Phase::Ended && self.inside().next().is_some()
    }
}

/// When the ring time began: at the invitation, or when a held one was released.
fn invited_at(p: &Participant) -> Timestamp {
    Timestamp(p.ring_until.0.saturating_sub(p.ring_ms))
}
