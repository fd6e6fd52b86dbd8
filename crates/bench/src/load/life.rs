//! One call life as its two devices see it: what is to be said next, and which frame is expected.
//!
//! ```text
//!           start              ringing         accept               hangup
//! caller ──────────┐ reply     ┌─ told ┐      accepted, started ┐ ───────┐ reply, ended ┐
//! callee  invited ◀┘ ──────────┘ reply ┴────▶ reply, started    ┘        └ ended        ┴▶ over
//!            Starting (both lines of it)   Answering           Active      Ending
//! ```

use std::time::Instant;

use super::latencies::Latencies;
use crate::wire::said::{CallId, LifeEvent};

/// Which of the two devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Caller,
    Callee,
}

/// A frame that belongs to the life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The reply to this side's last request.
    Reply,
    Event(LifeEvent),
}

/// What one side says next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: more frames are expected.
    Wait,
    /// The callee sends `call.ringing`.
    Ring,
    /// The callee sends `call.accept`.
    Accept,
    /// Both have been told that the call started: the caller may hang up.
    Talk,
    /// All frames of the life have come.
    Over,
}

/// A frame that does not belong here now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Surprise {
    #[error("{0:?} is told {1:?}, unexpected while {2:?}")]
    Frame(Side, Heard, Step),
    #[error("{0:?} is told of another call")]
    Call(Side),
}

/// How far the life is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// No life is being lived.
    Idle,
    Starting,
    Answering,
    /// Started, and not hung up yet.
    Active,
    Ending,
}

/// A call life.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    step: Step,
    /// The frames of this step that have come, one bit each.
    heard: u8,
    /// From when on the step's latency counts.
    since: Instant,
    /// When the life began; a life that takes too long is given up.
    begun: Instant,
    call: Option<CallId>,
}

// The frames of a step, each with its bit.
const REPLY_CALLER: u8 = 1;
const REPLY_CALLEE: u8 = 1 << 1;
const INVITED: u8 = 1 << 2;
const RINGING: u8 = 1 << 3;
const ACCEPTED: u8 = 1 << 4;
const BOTH_CALLER: u8 = 1 << 5;
const BOTH_CALLEE: u8 = 1 << 6;
const BOTH: u8 = BOTH_CALLER | BOTH_CALLEE;

impl Step {
    /// The frames that end the step.
    fn all(self) -> u8 {
        match self {
            Self::Idle | Self::Active => 0,
            Self::Starting => REPLY_CALLER | INVITED | REPLY_CALLEE | RINGING,
            Self::Answering => REPLY_CALLEE | ACCEPTED | BOTH,
            Self::Ending => REPLY_CALLER | BOTH,
        }
    }

    fn bit(self, side: Side, heard: Heard) -> Option<u8> {
        let bit = match (heard, side) {
            (Heard::Reply, Side::Caller) => REPLY_CALLER,
            (Heard::Reply, Side::Callee) => REPLY_CALLEE,
            (Heard::Event(LifeEvent::Invited), Side::Callee) => INVITED,
            (Heard::Event(LifeEvent::Ringing), Side::Caller) => RINGING,
            (Heard::Event(LifeEvent::Accepted), Side::Caller) => ACCEPTED,
            (Heard::Event(event @ (LifeEvent::Started | LifeEvent::Ended)), _) => {
                let now = if self == Self::Ending { LifeEvent::Ended } else { LifeEvent::Started };
                match side {
                    _ if event != now => return None,
                    Side::Caller => BOTH_CALLER,
                    Side::Callee => BOTH_CALLEE,
                }
            }
            (Heard::Event(_), _) => return None,
        };
        (self.all() & bit != 0).then_some(bit)
    }
}

impl Life {
    /// Two devices in no call.
    pub(crate) fn idle(now: Instant) -> Self {
        Self { step: Step::Idle, heard: 0, since: now, begun: now, call: None }
    }

    /// The caller sends `call.start` now; it was `due` then, and latencies count from there.
    pub(crate) fn start(&mut self, due: Instant, now: Instant) {
        *self = Self { step: Step::Starting, heard: 0, since: due, begun: now, call: None };
    }

    /// The callee sends `call.accept`.
    pub(crate) fn accept(&mut self, now: Instant) {
        self.enter(Step::Answering, now);
    }

    /// The caller sends `call.hangup`.
    pub(crate) fn hang_up(&mut self, now: Instant) {
        self.enter(Step::Ending, now);
    }

    /// Gives the life up, whatever may still come.
    pub(crate) fn give_up(&mut self) {
        self.step = Step::Idle;
    }

    /// Takes a frame that `side` received, and says what follows from it.
    pub(crate) fn hear(
        &mut self,
        side: Side,
        heard: Heard,
        call: Option<CallId>,
        now: Instant,
        latencies: &mut Latencies,
    ) -> Result<Next, Surprise> {
        if let Some(call) = call
            && *self.call.get_or_insert(call) != call
        {
            return Err(Surprise::Call(side));
        }
        let bit = self.step.bit(side, heard).filter(|bit| self.heard & bit == 0);
        self.heard |= bit.ok_or(Surprise::Frame(side, heard, self.step))?;
        let took = || now.saturating_duration_since(self.since);
        match bit {
            Some(INVITED) => latencies.invited.record(took()),
            Some(RINGING) => latencies.ringing.record(took()),
            Some(BOTH_CALLER | BOTH_CALLEE) if self.heard & BOTH == BOTH => match self.step {
                Step::Ending => latencies.ended.record(took()),
                _ => latencies.started.record(took()),
            },
            _ => {}
        }
        if self.heard != self.step.all() {
            return Ok(if bit == Some(INVITED) { Next::Ring } else { Next::Wait });
        }
        Ok(match self.step {
            Step::Starting => Next::Accept,
            Step::Answering => {
                self.enter(Step::Active, now);
                Next::Talk
            }
            Step::Ending => {
                self.enter(Step::Idle, now);
                Next::Over
            }
            Step::Idle | Step::Active => Next::Wait,
        })
    }

    /// How far it is.
    pub(crate) fn step(&self) -> Step {
        self.step
    }

    /// When it began.
    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    /// When its last request was sent.
    pub(crate) fn waits_since(&self) -> Instant {
        self.since.max(self.begun)
    }

    /// The call, once a frame has named it.
    pub(crate) fn call(&self) -> Option<CallId> {
        self.call
    }

    fn enter(&mut self, step: Step, now: Instant) {
        (self.step, self.heard, self.since) = (step, 0, now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const CALL: CallId = [b'c'; 36];

    struct Lived {
        life: Life,
        now: Instant,
        latencies: Latencies,
    }

    impl Lived {
        fn begin() -> Self {
            let now = Instant::now();
            let mut life = Life::idle(now);
            life.start(now, now);
            Self { life, now, latencies: Latencies::default() }
        }

        /// Each frame comes a millisecond after the one before.
        fn hears(&mut self, side: Side, heard: Heard) -> Result<Next, Surprise> {
            self.now += Duration::from_millis(1);
            self.life.hear(side, heard, Some(CALL), self.now, &mut self.latencies)
        }

        fn event(&mut self, side: Side, event: LifeEvent) -> Result<Next, Surprise> {
            self.hears(side, Heard::Event(event))
        }
    }

    #[test]
    fn a_whole_life_wants_eleven_frames_and_measures_four_latencies() {
        use {LifeEvent as E, Side::*};
        let mut lived = Lived::begin();
        assert_eq!(lived.event(Callee, E::Invited), Ok(Next::Ring));
        assert_eq!(lived.hears(Caller, Heard::Reply), Ok(Next::Wait));
        assert_eq!(lived.event(Caller, E::Ringing), Ok(Next::Wait));
        assert_eq!(lived.hears(Callee, Heard::Reply), Ok(Next::Accept));
        lived.life.accept(lived.now);
        assert_eq!(lived.hears(Callee, Heard::Reply), Ok(Next::Wait));
        assert_eq!(lived.event(Callee, E::Started), Ok(Next::Wait));
        assert_eq!(lived.event(Caller, E::Accepted), Ok(Next::Wait));
        assert_eq!(lived.event(Caller, E::Started), Ok(Next::Talk));
        assert_eq!(lived.life.step(), Step::Active);
        lived.life.hang_up(lived.now);
        assert_eq!(lived.event(Callee, E::Ended), Ok(Next::Wait));
        assert_eq!(lived.hears(Caller, Heard::Reply), Ok(Next::Wait));
        assert_eq!(lived.event(Caller, E::Ended), Ok(Next::Over));
        assert_eq!(lived.life.step(), Step::Idle);
        let Latencies { invited, ringing, started, ended } = &lived.latencies;
        for (stage, ms) in [(invited, 1.0), (ringing, 3.0), (started, 4.0), (ended, 3.0)] {
            assert!((stage.at(0.5) - ms).abs() < 0.01, "{} ms instead of {ms}", stage.at(0.5));
        }
    }

    #[test]
    fn a_frame_too_early_twice_or_of_another_call_is_a_surprise() {
        use {LifeEvent as E, Side::*};
        let mut lived = Lived::begin();
        assert!(lived.event(Caller, E::Invited).is_err(), "the caller is not invited");
        assert!(lived.event(Caller, E::Started).is_err(), "nobody has accepted");
        assert!(lived.event(Callee, E::Ended).is_err(), "nobody has hung up");
        assert_eq!(lived.event(Callee, E::Invited), Ok(Next::Ring));
        let twice = Surprise::Frame(Callee, Heard::Event(E::Invited), Step::Starting);
        assert_eq!(lived.event(Callee, E::Invited), Err(twice));
        let (now, other) = (lived.now, Some([b'd'; 36]));
        let heard = lived.life.hear(Caller, Heard::Reply, other, now, &mut lived.latencies);
        assert_eq!(heard, Err(Surprise::Call(Caller)));
    }
}
