//! The library's run loop: when it is called.

use std::time::{Duration, Instant};

use str0m::net::{Receive, Transmit};
use str0m::{Event, Input, Output, Rtc, RtcError};

use super::packet::is_rtp;

/// The library gives one packet and asks to be called again in the next microsecond. That is done
/// at once: a timer would come a millisecond later, for each packet of a picture.
const AT_ONCE: Duration = Duration::from_micros(1);

/// So many calls at once are enough for the key frames that come together, and a bound for the case
/// that it never stops asking.
const CALLS_AT_ONCE_MAX: usize = 1_024;

/// What is next to be done for the library.
#[expect(clippy::large_enum_variant, reason = "it is passed on, and never kept")]
pub(super) enum Step {
    Transmit(Transmit),
    Event(Event),
    /// Nothing, until then.
    Rest(Instant),
}

/// The library with the time that it was told.
pub(super) struct RunLoop {
    pub(super) rtc: Rtc,
    /// The latest time that there was here. The library takes none before those it was told.
    latest: Instant,
    /// Calls at once since it was at rest.
    calls: usize,
}

impl RunLoop {
    pub(super) fn new(rtc: Rtc, now: Instant) -> Self {
        Self { rtc, latest: now, calls: 0 }
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, now: Instant) -> Result<(), RtcError> {
        let now = self.clock(now);
        self.rtc.handle_input(Input::Timeout(now))
    }

    /// Hands in what came from the network.
    pub(super) fn receive(&mut self, now: Instant, receive: Receive<'_>) -> Result<(), RtcError> {
        let now = self.clock(now);
        self.rtc.handle_input(Input::Receive(now, receive))
    }

    /// What is next. All is to be taken, until it is at rest.
    pub(super) fn step(&mut self, now: Instant) -> Result<Step, RtcError> {
        loop {
            let now = self.clock(now);
            match self.rtc.poll_output()? {
                Output::Event(event) => return Ok(Step::Event(event)),
                Output::Transmit(transmit) => {
                    // It would ask for it, as after each packet.
                    if is_rtp(&transmit.contents) && self.calls < CALLS_AT_ONCE_MAX {
                        self.call(now + AT_ONCE)?;
                    }
                    return Ok(Step::Transmit(transmit));
                }
                Output::Timeout(at) if at > now + AT_ONCE => return Ok(self.rest(at)),
                Output::Timeout(_) if self.calls >= CALLS_AT_ONCE_MAX => {
                    return Ok(self.rest(now + Duration::from_millis(1)));
                }
                Output::Timeout(at) => self.call(at)?,
            }
        }
    }

    /// The time to tell the library: not before what it knows.
    pub(super) fn clock(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }

    fn call(&mut self, at: Instant) -> Result<(), RtcError> {
        self.calls += 1;
        self.pass(at)
    }

    fn rest(&mut self, until: Instant) -> Step {
        self.calls = 0;
        Step::Rest(until)
    }
}
