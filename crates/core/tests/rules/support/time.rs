//! Time: deadlines fire when they are due, and audits look after connections.

use bellwire_core::{AUDIT_MS, Call, Command, DeviceId, Timestamp};

use super::World;

impl World {
    /// Lets seconds pass.
    pub(crate) fn pass_s(&mut self, seconds: u64) {
        self.pass_ms(seconds * 1000);
    }

    /// Lets milliseconds pass; every deadline on the way fires at its time.
    pub(crate) fn pass_ms(&mut self, ms: u64) {
        let until = self.now.after_ms(ms);
        while let Some(due) = self.next_due().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.fire();
        }
        self.now = until;
    }

    /// The clock stands still for every deadline, then all of them fire at once: what a server
    /// that was down finds when it comes back.
    pub(crate) fn jump_ms(&mut self, ms: u64) {
        self.now = self.now.after_ms(ms);
        self.fire();
    }

    fn next_due(&self) -> Option<Timestamp> {
        let audit = self.live().any(Call::needs_audit).then_some(self.next_audit);
        self.live().filter_map(Call::next_deadline).chain(audit).min()
    }

    fn fire(&mut self) {
        if self.next_audit <= self.now {
            self.next_audit = self.now.after_ms(AUDIT_MS);
            self.audit();
        }
        let now = self.now;
        let due = |c: &&Call| c.next_deadline().is_some_and(|at| at <= now);
        let calls: Vec<_> = self.live().filter(due).map(|c| c.id).collect();
        for call in calls {
            self.command(call, Command::Tick).expect("a tick is never refused");
            let next = self.calls[&call].call.next_deadline();
            assert!(next.is_none_or(|at| at > now), "a tick leaves no deadline behind");
        }
    }

    fn audit(&mut self) {
        let joined = self.live().flat_map(Call::inside).filter_map(|p| p.device.clone());
        let lost: Vec<DeviceId> = joined.filter(|d| !self.online.contains(d)).collect();
        for device in lost {
            self.lose(&device);
            self.media_lost(&device);
        }
    }
}
