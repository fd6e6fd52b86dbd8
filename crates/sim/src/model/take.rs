//! A step, carried out as a server does: facts come from the claims and the connections, the rules
//! decide, and what they decide is appended together.

use bellwire_core::{
    Call, Command, DeviceId, Event, Note, Opening, Order, Refusal, State, Timestamp, UserId,
    decide, start,
};

use super::{
    append::append,
    cast::{By, DeviceNo, UserNo},
    invariants, races,
    step::{Ask, Step, Wish},
    violation::Violation,
    world::{Presence, UNIT_MS, World},
};

/// How a step went: the world after it, or none where it changed nothing or leads out of the scope.
pub(crate) type Taken<'c> = Result<Option<World<'c>>, Violation>;

impl<'c> World<'c> {
    /// The world after `step`.
    pub(crate) fn after(&self, step: Step) -> Taken<'c> {
        let next = match step {
            Step::Start { by, ask } => self.started(by, ask)?,
            Step::Order { call, by, wish } => self.ordered(call, by, wish)?,
            Step::Entered { call, user } => {
                let user = self.cast.user(user).clone();
                self.commanded(call, &Command::Entered { user })?
            }
            Step::MediaUp { call, user } => {
                self.media(call, user, |user, device| Command::MediaUp { user, device })?
            }
            Step::MediaLost { call, user } => {
                self.media(call, user, |user, device| Command::MediaLost { user, device })?
            }
            Step::Kill { call } => {
                self.commanded(call, &Command::Kill { code: 9, note: Note::default() })?
            }
            Step::Remove { call, user } => {
                let user = self.cast.user(user).clone();
                self.commanded(call, &Command::Remove { user, note: Note::default() })?
            }
            Step::Tick { call } => self.ticked(call)?,
            Step::Connect(device) => Some(self.connected(device)?),
            Step::Lose(device) => Some(self.lost(device, Presence::Asleep)?),
            Step::Replace(device) => Some(self.lost(device, Presence::Connected)?),
            Step::Vanish(device) => Some(self.with(device, Presence::Asleep)),
            Step::Expire(device) => Some(self.with(device, Presence::Away)),
            Step::Logout(device) => Some(self.logged_out(device)?),
            Step::Audit => Some(self.after_audit()?),
            Step::Restart { late } => Some(self.restarted(late)?),
            Step::Wait => Some(Self { now: self.now.after_ms(UNIT_MS), ..self.clone() }),
        };
        Ok(next.map(Self::settled))
    }

    fn settled(mut self) -> Self {
        self.calls.retain(|call| call.ended.is_none());
        self.settle();
        self
    }

    fn started(&self, by: By, ask: Ask) -> Taken<'c> {
        let wanted = self.start(by, ask);
        let opening = match start(wanted, self.claim(by.user), self.now) {
            Ok(opening) => opening,
            Err(refusal) => return self.refused_start(by, ask, &refusal).map(|()| None),
        };
        races::opened(self, by, ask, &opening)?;
        let mut next = self.clone();
        match opening {
            Opening::Glare { call, order } => {
                let call = self.place(call).ok_or_else(|| {
                    Violation::of("I1", format!("{by} meets {call}, which does not live"))
                })?;
                let answer = Command::User { by: self.cast.actor(by), order };
                let next = self.commanded(call, &answer)?;
                // A device that refused the call for itself alone is told so.
                let silenced = self.is_silenced(call, by);
                if next.is_some() == silenced {
                    return Err(Violation::of("R4", "a start that is an answer was refused"));
                }
                return Ok(next);
            }
            Opening::New(events) | Opening::Denied { events, .. } => {
                next.calls.push(append(next.cast, None, events, next.now, by.device)?);
            }
            Opening::Recall { old, ending, events } => {
                let old = self.place(old).ok_or_else(|| {
                    Violation::of("R5", format!("{by} replaces {old}, which does not live"))
                })?;
                next.append(old, ending, None)?;
                next.calls.push(append(next.cast, None, events, next.now, by.device)?);
            }
        }
        next.calls.retain(|call| call.ended.is_none());
        invariants::one_claim(&next)?;
        // A call more than the scope allows leads out of it.
        Ok((next.calls.len() <= usize::from(self.scope.calls)).then_some(next))
    }

    fn is_silenced(&self, call: usize, by: By) -> bool {
        let device = by.device.map(|device| self.cast.device(device));
        let part = self.part(call, by.user);
        part.zip(device).is_some_and(|(p, device)| p.silenced.contains(device))
    }

    /// The only start of the model that may be refused is that of one who is taken.
    fn refused_start(&self, by: By, ask: Ask, refusal: &Refusal) -> Result<(), Violation> {
        let claim = self.claim(by.user).map(|call| call.id);
        let crosses = races::crossing(self, by, ask).is_some();
        match refusal {
            Refusal::BusySelf(call) if claim == Some(*call) && !crosses => Ok(()),
            other => Err(Violation::of("R6", format!("{by} may not start: {other:?}"))),
        }
    }

    fn ordered(&self, call: usize, by: By, wish: Wish) -> Taken<'c> {
        let order = self.order(by.user, wish);
        self.commanded(call, &Command::User { by: self.cast.actor(by), order })
    }

    fn order(&self, user: UserNo, wish: Wish) -> Order {
        let claimed = || self.claim(user).map(|call| call.id);
        let note = Note::default();
        match wish {
            Wish::Ringing => Order::Ringing,
            Wish::Accept { media } => Order::Accept { media, claimed: claimed(), note },
            Wish::Reject { how, only_me } => Order::Reject { how, only_me, note },
            Wish::Cancel { only } => {
                Order::Cancel { to: only.map(|user| vec![self.cast.user(user).clone()]), note }
            }
            Wish::Hangup => Order::Hangup { note },
            Wish::End => Order::End { note },
            Wish::Invite { user, ring } => {
                Order::Invite { to: vec![self.callee(user, ring)], note, push: None }
            }
            Wish::Join => Order::Join { claimed: claimed() },
            Wish::Move { from } => Order::Move { from: self.cast.device(from).clone() },
            Wish::Media(media) => Order::Media { media },
            Wish::MediaAnswer { accept } => Order::MediaAnswer { accept },
        }
    }

    /// Decides a command and appends what it leads to; none where it leads to nothing.
    fn commanded(&self, call: usize, command: &Command) -> Taken<'c> {
        let before = &self.calls[call];
        let events = match decide(before, command, self.now) {
            Ok(events) => events,
            Err(refusal) => return stranger(before, command, &refusal).map(|()| None),
        };
        if events.is_empty() {
            return Ok(None);
        }
        let mut next = self.clone();
        next.append(call, events, entering(self, command))?;
        Ok(Some(next))
    }

    /// What the media router says of the device that a participant is in with.
    fn media(
        &self,
        call: usize,
        user: UserNo,
        command: impl FnOnce(UserId, DeviceId) -> Command,
    ) -> Taken<'c> {
        let part = self.part(call, user);
        let Some((p, device)) = part.and_then(|p| Some((p, p.device.clone()?))) else {
            return Ok(None);
        };
        self.commanded(call, &command(p.user.clone(), device))
    }

    fn ticked(&self, call: usize) -> Taken<'c> {
        let Some(next) = self.commanded(call, &Command::Tick)? else {
            return Err(Violation::of("I2", "a deadline has come and nothing happens"));
        };
        if next.calls[call].ended.is_none() && next.is_due(call) {
            return Err(Violation::of("I2", "a tick leaves a deadline behind"));
        }
        Ok(Some(next))
    }

    fn with(&self, device: DeviceNo, presence: Presence) -> Self {
        let mut next = self.clone();
        next.set_presence(device, presence);
        next
    }

    /// As the server does for every call of the user when a device says hello.
    fn connected(&self, device: DeviceNo) -> Result<Self, Violation> {
        let mut next = self.with(device, Presence::Connected);
        for call in 0..next.calls.len() {
            let Some(me) = next.part(call, device.user) else { continue };
            let (user, device) = (me.user.clone(), self.cast.device(device).clone());
            let command = if me.state.is_pending() {
                Command::Reached { user }
            } else if me.state == State::Dropped {
                Command::Back { user, device }
            } else {
                continue;
            };
            next.act(call, &command)?;
        }
        Ok(next)
    }

    fn lost(&self, device: DeviceNo, presence: Presence) -> Result<Self, Violation> {
        let mut next = self.with(device, presence);
        for call in 0..next.calls.len() {
            next.gone(call, device)?;
        }
        Ok(next)
    }

    pub(crate) fn gone(&mut self, call: usize, device: DeviceNo) -> Result<(), Violation> {
        let user = self.cast.user(device.user).clone();
        self.act(call, &Command::Gone { user, device: self.cast.device(device).clone() })
    }

    /// The media of a device is lost, where there was any.
    pub(crate) fn silent(&mut self, call: usize, device: DeviceNo) -> Result<(), Violation> {
        let user = self.cast.user(device.user).clone();
        self.act(call, &Command::MediaLost { user, device: self.cast.device(device).clone() })
    }

    fn logged_out(&self, device: DeviceNo) -> Result<Self, Violation> {
        let mut next = self.with(device, Presence::Away);
        let by = self.cast.actor(By::device(device));
        for call in 0..next.calls.len() {
            if next.part(call, device.user).is_some_and(|p| !p.held) {
                next.act(call, &Command::User { by: by.clone(), order: Order::Logout })?;
            }
        }
        Ok(next)
    }

    fn after_audit(&self) -> Result<Self, Violation> {
        let mut next = self.clone();
        for call in 0..self.calls.len() {
            for (device, connected) in self.calls[call].inside().filter_map(|p| self.audited(p)) {
                let user = self.cast.user(device.user).clone();
                let device = self.cast.device(device).clone();
                let command = if connected {
                    Command::Back { user, device }
                } else {
                    Command::Gone { user, device }
                };
                next.act(call, &command)?;
            }
        }
        Ok(next)
    }

    fn restarted(&self, late: bool) -> Result<Self, Violation> {
        let mut next = self.clone();
        if late {
            next.now = next.now.after_ms(UNIT_MS);
        }
        for presence in &mut next.presence {
            *presence = (*presence).max(Presence::Asleep);
        }
        for call in 0..next.calls.len() {
            next.act(call, &Command::Restarted)?;
        }
        Ok(next)
    }

    /// What the server itself does to a call, which is never refused.
    pub(crate) fn act(&mut self, call: usize, command: &Command) -> Result<(), Violation> {
        let events = decide(&self.calls[call], command, self.now).map_err(|refusal| {
            Violation::of("I2", format!("{command:?} of the server is refused: {refusal:?}"))
        })?;
        self.append(call, events, None)
    }

    fn append(
        &mut self,
        call: usize,
        events: Vec<Event>,
        enters: Option<DeviceNo>,
    ) -> Result<(), Violation> {
        let before = self.calls[call].clone();
        self.calls[call] = append(self.cast, Some(before), events, self.now, enters)?;
        Ok(())
    }

    fn place(&self, call: bellwire_core::CallId) -> Option<usize> {
        self.calls.iter().position(|found| found.id == call)
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.calls.iter().filter_map(Call::next_deadline).min()
    }
}

/// R13: one who is in no such call learns nothing of it.
fn stranger(call: &Call, command: &Command, refusal: &Refusal) -> Result<(), Violation> {
    let Command::User { by, .. } = command else { return Ok(()) };
    if call.participant(&by.user).is_some_and(|p| !p.held) {
        return Ok(());
    }
    match refusal {
        Refusal::NotInCall(None) => Ok(()),
        other => Err(Violation::of("R13", format!("{} is told {other:?}", by.user))),
    }
}

/// The device that a command, if it is taken, brings into the call.
fn entering(world: &World<'_>, command: &Command) -> Option<DeviceNo> {
    let Command::User { by, order } = command else { return None };
    let device: Option<&DeviceId> = match order {
        Order::Accept { .. } | Order::Join { .. } | Order::Move { .. } => by.device.as_ref(),
        Order::Ringing
        | Order::Reject { .. }
        | Order::Cancel { .. }
        | Order::Hangup { .. }
        | Order::Logout
        | Order::End { .. }
        | Order::Invite { .. }
        | Order::Media { .. }
        | Order::MediaAnswer { .. }
        | Order::Report(_)
        | Order::Acknowledge { .. } => None,
    };
    world.cast.device_number(device?)
}
