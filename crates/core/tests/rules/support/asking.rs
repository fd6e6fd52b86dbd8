//! Asking for calls.

use bellwire_core::{
    Actor, CallId, Callee, Changes, Command, DeviceId, Forbid, Kind, Media, Mode, Note, Origin,
    Reach, Refusal, RingMode, Start, UserId, Verdict,
};

use super::{World, owner};

/// Someone who acts: `alice.1` with that device, `alice` through the business server.
pub(crate) fn actor(name: &str) -> Actor {
    if name.contains('.') {
        let device = DeviceId::parse(name).unwrap();
        return Actor { user: owner(&device), device: Some(device) };
    }
    Actor { user: user(name), device: None }
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub(crate) fn device(name: &str) -> DeviceId {
    DeviceId::parse(name).unwrap()
}

/// A callee by name; `bob?` is only notified, `bob-` is listed silently.
pub(crate) fn callee(name: &str) -> Callee {
    let ring = match name.as_bytes().last() {
        Some(b'?') => RingMode::Notify,
        Some(b'-') => RingMode::Silent,
        _ => RingMode::Ring,
    };
    Callee {
        user: user(name.trim_end_matches(['?', '-'])),
        uid: None,
        ring,
        ring_ms: None,
        claimed: None,
        reach: Reach::Online,
        pending_invites: 0,
        unavailable: None,
    }
}

impl World {
    /// A call to ask for, as `by` would with nothing set; change it, then [`World::start`] it.
    pub(crate) fn ask(&mut self, by: &str, to: &[&str]) -> Start {
        let (call, room) = self.fresh_call();
        let caller = actor(by);
        let origin = if caller.device.is_some() { Origin::User } else { Origin::Server };
        Start {
            app: self.app.clone(),
            call,
            room,
            origin,
            caller,
            uid: None,
            reach: Reach::Online,
            pending_invites: 0,
            mode: Mode::Call,
            kind: None,
            media: Media::Video,
            callees: to.iter().map(|name| callee(name)).collect(),
            note: Note::default(),
            forbid: Forbid::default(),
            settings: self.settings.clone(),
            group: None,
            channel: None,
            verdict: Verdict::Allow(Box::<Changes>::default()),
            asked: None,
            push: None,
        }
    }

    /// Starts a call that must not be refused: direct to one, a group to several.
    pub(crate) fn call(&mut self, by: &str, to: &[&str]) -> CallId {
        let ask = self.ask(by, to);
        self.start(ask).expect("the call is not refused")
    }

    /// Starts a group call, also to a single callee.
    pub(crate) fn group(&mut self, by: &str, to: &[&str]) -> CallId {
        let ask = Start { kind: Some(Kind::Group), ..self.ask(by, to) };
        self.start(ask).expect("the call is not refused")
    }

    /// Sends an invitation without a call.
    pub(crate) fn invitation(&mut self, by: &str, to: &str) -> CallId {
        let ask = Start { mode: Mode::Invite, ..self.ask(by, &[to]) };
        self.start(ask).expect("the invitation is not refused")
    }

    /// A direct call that has been rung and answered.
    pub(crate) fn talking(&mut self, by: &str, to: &str) -> CallId {
        let (callee, _) = to.split_once('.').expect("name the device that answers");
        let call = self.call(by, &[callee]);
        self.ringing(to, call).unwrap();
        self.accept(to, call).unwrap();
        call
    }

    /// A user's request about a call.
    pub(crate) fn order(
        &mut self,
        by: &str,
        call: CallId,
        order: bellwire_core::Order,
    ) -> Result<(), Refusal> {
        self.command(call, Command::User { by: actor(by), order })
    }
}
