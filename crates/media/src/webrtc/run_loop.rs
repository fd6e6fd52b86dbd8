//! The library's run loop: when it is called, and when it need not be.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use str0m::net::{Receive, Transmit};
use str0m::rtp::RtpWrite;
use str0m::{Event, Input, Output, Rtc, RtcError};

use super::packet::ssrc_and_number;

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

/// The library with the times that it was told, and those that it asked for.
pub(super) struct RunLoop {
    pub(super) rtc: Rtc,
    /// The latest time that there was here. The library takes none before those it was told.
    latest: Instant,
    /// When the library, having given all it had, last asked to be called.
    next: Instant,
    /// What was written and is not given to be sent yet: SSRCs and sequence numbers.
    unsent: VecDeque<(u32, u16)>,
    /// Whether the last packet given was the last one written.
    is_all_given: bool,
    /// Calls since it was at rest.
    calls: usize,
}

impl RunLoop {
    pub(super) fn new(rtc: Rtc, now: Instant) -> Self {
        Self { rtc, latest: now, next: now, unsent: VecDeque::new(), is_all_given: false, calls: 0 }
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

    /// Hands in a packet to be sent in the stream of that SSRC, if there is one. It goes with the
    /// next [`Self::pass`].
    pub(super) fn write(
        &mut self,
        ssrc: u32,
        number: u16,
        packet: impl FnOnce(Instant) -> RtpWrite,
        now: Instant,
    ) {
        let now = self.clock(now);
        if let Some(stream) = self.rtc.direct_api().stream_tx(&ssrc.into()) {
            self.unsent.push_back((ssrc, number));
            stream.write_rtp(packet(now));
        }
    }

    /// The library may have to be called earlier than it said.
    pub(super) fn hurry(&mut self) {
        self.next = self.latest;
    }

    /// What is next. All is to be taken, until it is at rest.
    pub(super) fn step(&mut self, now: Instant) -> Result<Step, RtcError> {
        loop {
            let now = self.clock(now);
            match self.rtc.poll_output()? {
                Output::Event(event) => return Ok(Step::Event(event)),
                Output::Transmit(transmit) => {
                    let is_written = self.is_written(&transmit.contents);
                    self.is_all_given = is_written && self.unsent.is_empty();
                    if is_written && !self.is_all_given {
                        // It would ask for it, as after each packet.
                        self.call(now + AT_ONCE)?;
                    }
                    return Ok(Step::Transmit(transmit));
                }
                Output::Timeout(at) if at > now + AT_ONCE => {
                    self.unsent.clear();
                    self.next = at;
                    return Ok(self.rest(at));
                }
                // It asks lest a further packet should wait, and that one calls it first. The
                // other things it has to do are due when it said.
                Output::Timeout(_) if self.is_all_given && self.next > now => {
                    return Ok(self.rest(self.next));
                }
                Output::Timeout(_) if self.calls == CALLS_AT_ONCE_MAX => {
                    return Ok(self.rest(now + Duration::from_millis(1)));
                }
                Output::Timeout(at) => self.call(at)?,
            }
        }
    }

    fn rest(&mut self, until: Instant) -> Step {
        self.is_all_given = false;
        self.calls = 0;
        Step::Rest(until)
    }

    fn call(&mut self, at: Instant) -> Result<(), RtcError> {
        self.calls += 1;
        self.pass(at)
    }

    /// Whether a packet is one that was written, and not given yet. Repeated packets, padding and
    /// reports are not.
    fn is_written(&mut self, packet: &[u8]) -> bool {
        let number = ssrc_and_number(packet);
        let place = self.unsent.iter().position(|unsent| Some(*unsent) == number);
        place.and_then(|place| self.unsent.remove(place)).is_some()
    }

    /// The time to tell the library: not before what it knows.
    fn clock(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }
}
