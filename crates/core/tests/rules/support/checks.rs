//! Looking at what became of a call.

use bellwire_core::{
    Call, CallId, Cause, Event, How, Participant, Reason, Refusal, Scope, State, Tell,
};

use super::{Lived, World, device};

/// What a device is told when its invitation is taken back, and the like: the ends of stays.
pub(crate) fn elsewhere(how: How) -> Tell {
    Tell::Elsewhere(how)
}

/// The call is over.
pub(crate) fn over(reason: Reason) -> Tell {
    Tell::Ended(Scope::All, reason)
}

/// The call goes on without the device's user.
pub(crate) fn out(reason: Reason) -> Tell {
    Tell::Ended(Scope::You, reason)
}

/// Asserts that the command was refused because the call, or the sender's part, is over so.
#[track_caller]
pub(crate) fn assert_over(answer: Result<(), Refusal>, reason: Reason) {
    let told = answer.map_err(|refusal| match refusal {
        Refusal::NotInCall(over) => over.map(|over| over.reason),
        other => panic!("expected not_in_call ({reason:?}), got {other:?}"),
    });
    assert_eq!(told, Err(Some(reason)));
}

/// Asserts that the command was refused without a word about the call.
#[track_caller]
pub(crate) fn assert_unknown(answer: Result<(), Refusal>) {
    let refusal = answer.expect_err("the command is refused");
    assert_eq!(refusal, Refusal::NotInCall(None));
}

/// Asserts that the command was refused for this field.
#[track_caller]
pub(crate) fn assert_invalid<T: std::fmt::Debug>(answer: Result<T, Refusal>, at: &str) {
    match answer {
        Err(Refusal::Invalid { field, text }) => {
            assert_eq!(field, at);
            assert!(!text.is_empty(), "a refusal says what to do");
        }
        other => panic!("expected {at} to be invalid, got {other:?}"),
    }
}

impl World {
    /// All a device was told of a call.
    pub(crate) fn told(&self, name: &str, call: CallId) -> Vec<Tell> {
        let story = self.story(&device(name), call).iter();
        let told = story.filter_map(|lived| match lived {
            Lived::Entered => None,
            Lived::Told(_, tell) => Some(tell.clone()),
        });
        told.collect()
    }

    /// The last thing a device was told of a call.
    pub(crate) fn last(&self, name: &str, call: CallId) -> Option<Tell> {
        self.told(name, call).pop()
    }

    pub(crate) fn at(&self, call: CallId) -> &Call {
        &self.calls[&call].call
    }

    pub(crate) fn part(&self, call: CallId, user: &str) -> &Participant {
        self.at(call).participant(user).expect("the user is in the call")
    }

    pub(crate) fn state(&self, call: CallId, user: &str) -> State {
        self.part(call, user).state
    }

    /// Why a call ended; none while it lives.
    pub(crate) fn reason(&self, call: CallId) -> Option<Reason> {
        self.at(call).ended.as_ref().map(|o| o.reason)
    }

    pub(crate) fn cause(&self, call: CallId) -> Option<Cause> {
        self.at(call).ended.as_ref().and_then(|o| o.cause)
    }

    /// Who ended a call.
    pub(crate) fn ended_by(&self, call: CallId) -> Option<&str> {
        self.at(call).ended.as_ref().and_then(|o| o.by.as_deref())
    }

    /// The events of a call after the first `skip`.
    pub(crate) fn events(&self, call: CallId, skip: usize) -> Vec<&Event> {
        self.calls[&call].log.iter().skip(skip).map(|e| &e.event).collect()
    }
}
