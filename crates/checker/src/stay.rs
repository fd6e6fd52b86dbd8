//! A device's stays in one call, as the device alone can know them.
//!
//! ```text
//!   unknown ──invited, entered──▶ open ──terminal event──▶ over
//!                                  ▲                        │
//!                                  └───invited, entered─────┘
//! ```
//!
//! This look is quick and forgiving: where an answer was lost the device cannot know whether it was
//! in the call. The log knows, and the look at the end is exact.

use crate::{frame::Name, violation::Rule};

/// The stays of a device in a call, one after another.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stay {
    state: State,
    /// The last event seen, or the cursor the device came back with.
    last: u64,
    /// Up to here the call was shown whole; events up to there only repeat what was shown.
    shown: u64,
    /// Whether the present connection named a cursor of the call.
    named: bool,
    offer: Offer,
}

/// How far the device is with its first offer of media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Offer {
    #[default]
    None,
    /// Sent on the present connection, which has not brought the answer yet.
    Waiting,
    /// Answered, or sent on an earlier connection, which may have lost the answer.
    Answered,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Nothing is known; what a resumed session is told is believed.
    #[default]
    Unknown,
    Open,
    Over,
    /// The device may be in a stay: it was only listed, or entered by an answer that came late.
    Either,
}

impl Stay {
    /// An event of the call. `forgiving` where an answer may be missing that began a stay.
    pub(crate) fn event(
        &mut self,
        name: Name,
        seq: u64,
        forgiving: bool,
    ) -> Result<(), (Rule, &'static str)> {
        if seq <= self.last {
            return Err((Rule::OnceInOrder, "an event that was seen before, or out of order"));
        }
        let repeats = seq <= self.shown;
        let wrong = match (self.state, name) {
            (State::Open, Name::Invited) if !repeats => Some("invited within a stay"),
            (State::Over, name) if name != Name::Invited && !forgiving => {
                Some("told of a call after the stay in it had ended")
            }
            (State::Unknown, name) if name != Name::Invited && !forgiving => {
                Some("told of a call it is not in")
            }
            (State::Unknown | State::Open | State::Over | State::Either, _) => None,
        };
        if let Some(what) = wrong {
            return Err((Rule::OneEndPerStay, what));
        }
        self.last = seq;
        if name.is_terminal() {
            // What was shown at `shown` is later than this end.
            self.state = if repeats && seq < self.shown { self.state } else { State::Over };
        } else if self.state != State::Either {
            self.state = State::Open;
        }
        Ok(())
    }

    /// Something goes on in the call's room, which only those are told who are in it and have had
    /// an answer to their offer.
    pub(crate) fn room(&self, forgiving: bool) -> Result<(), (Rule, &'static str)> {
        if self.state == State::Over && !forgiving {
            return Err((
                Rule::OneEndPerStay,
                "told of a room after the stay in the call had ended",
            ));
        }
        match self.offer {
            Offer::None => Err((Rule::TrueToLog, "told of a room it made no offer to")),
            Offer::Waiting => Err((Rule::OneReply, "told of a room before its offer was answered")),
            Offer::Answered => Ok(()),
        }
    }

    /// The device offers media.
    pub(crate) fn offers(&mut self) {
        if self.offer == Offer::None {
            self.offer = Offer::Waiting;
        }
    }

    /// An offer was answered.
    pub(crate) fn offered(&mut self) {
        self.offer = Offer::Answered;
    }

    /// The device has another connection, or none.
    pub(crate) fn connection_changed(&mut self) {
        if self.offer == Offer::Waiting {
            self.offer = Offer::Answered;
        }
    }

    /// The device came back and said how far it had read.
    pub(crate) fn cursor(&mut self, seq: u64) {
        // One that goes back on what it saw is told it again. One that claims more than it saw is
        // not told the part between, and goes on with what comes.
        if seq < self.last {
            (self.last, self.state) = (seq, State::Unknown);
        }
        self.named = true;
    }

    /// The device came back and said nothing of the call: the server cannot know what it has seen,
    /// and may tell it again.
    pub(crate) fn forget(&mut self) {
        *self = Self { offer: self.offer, ..Self::default() };
    }

    /// A hello listed the call, of which the device had `named` a cursor.
    pub(crate) fn listed(&mut self, seq: u64, is_stay: bool, named: bool) {
        if is_stay && (!named || self.state == State::Unknown) && seq > self.last {
            // One that refused for itself alone is listed although it has no stay.
            self.state = State::Either;
            self.shown = seq;
        }
    }

    /// The device repeated a request of an earlier connection. Unless it said how far it had read,
    /// the server takes it that what followed was lost with the answer, and tells it again.
    pub(crate) fn repeated(&mut self) {
        if !self.named {
            (self.last, self.state) = (0, State::Either);
        }
    }

    /// The business server may have put the device into the call, or is about to.
    pub(crate) fn placed(&mut self) {
        if self.state != State::Open {
            self.state = State::Either;
        }
    }

    /// An answer put the device into the call, as of `seq` if it says so. `fresh` is false where
    /// the request was sent before and its effect may be long past.
    pub(crate) fn entered(&mut self, seq: Option<u64>, fresh: bool) {
        let later = seq.is_some_and(|seq| seq > self.last);
        match self.state {
            State::Unknown => self.state = State::Open,
            State::Over if fresh || later => self.state = State::Open,
            State::Over if seq.is_none() => self.state = State::Either,
            State::Over | State::Open | State::Either => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Name = Name::Within;

    fn told(events: &[(Name, u64)]) -> Result<Stay, Rule> {
        let mut stay = Stay::default();
        for &(name, seq) in events {
            stay.event(name, seq, false).map_err(|(rule, _)| rule)?;
        }
        Ok(stay)
    }

    #[test]
    fn a_stay_begins_and_ends_and_another_may_begin() {
        let twice = [(Name::Invited, 1), (Name::Stopped, 4), (Name::Invited, 6), (Name::Ended, 9)];
        assert!(told(&twice).is_ok());
    }

    #[test]
    fn what_comes_after_the_end_or_twice_is_found() {
        let ended = [(Name::Invited, 1), (Name::Ended, 4)];
        for (more, rule) in [
            ((Name::Ended, 5), Rule::OneEndPerStay),
            ((WITHIN, 5), Rule::OneEndPerStay),
            ((WITHIN, 4), Rule::OnceInOrder),
            ((WITHIN, 2), Rule::OnceInOrder),
        ] {
            let all = [ended[0], ended[1], more];
            assert_eq!(told(&all).err(), Some(rule), "{more:?}");
        }
        assert_eq!(told(&[(WITHIN, 1)]).err(), Some(Rule::OneEndPerStay));
        assert_eq!(
            told(&[(Name::Invited, 1), (Name::Invited, 2)]).err(),
            Some(Rule::OneEndPerStay)
        );
    }

    #[test]
    fn what_was_listed_may_be_told_again_in_full() {
        let mut stay = Stay::default();
        stay.event(Name::Invited, 1, false).unwrap();
        stay.cursor(1);
        stay.listed(7, true, true);
        // Canceled and invited again while it was away; the listing shows the second stay.
        for (name, seq) in [(Name::Stopped, 4), (Name::Invited, 6)] {
            stay.event(name, seq, false).unwrap();
        }
        let mut unnamed = Stay::default();
        unnamed.listed(7, true, false);
        for (name, seq) in [(Name::Stopped, 4), (Name::Invited, 6), (WITHIN, 8), (Name::Ended, 9)] {
            unnamed.event(name, seq, false).unwrap();
        }
        assert!(unnamed.event(WITHIN, 10, false).is_err());
    }

    #[test]
    fn an_answer_that_came_late_leaves_it_open_what_became_of_the_stay() {
        let mut stay = told(&[(Name::Invited, 1), (Name::Stopped, 4)]).unwrap();
        stay.entered(None, false);
        stay.event(WITHIN, 5, false).unwrap();
        stay.event(Name::Ended, 6, false).unwrap();
        assert!(stay.event(Name::Ended, 7, false).is_err());
    }

    #[test]
    fn a_room_is_told_of_after_the_answer_to_an_offer_and_within_the_stay() {
        let mut stay = told(&[(Name::Invited, 1), (WITHIN, 2)]).unwrap();
        let rule = |stay: &Stay| stay.room(false).err().map(|(rule, _)| rule);
        assert_eq!(rule(&stay), Some(Rule::TrueToLog));
        stay.offers();
        assert_eq!(rule(&stay), Some(Rule::OneReply));
        let mut torn = stay;
        torn.connection_changed();
        assert_eq!(rule(&torn), None, "the answer may have been lost");
        stay.offered();
        assert_eq!(rule(&stay), None);
        stay.event(Name::Ended, 3, false).unwrap();
        assert_eq!(rule(&stay), Some(Rule::OneEndPerStay));
        assert!(stay.room(true).is_ok(), "it may have come in again");
    }
}
