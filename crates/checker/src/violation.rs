//! What is wrong: the rule that was broken, by whom, and the frames that show it.

use std::fmt;

use bellwire_core::{AppKey, CallId, DeviceId, UserId};

/// What histories are held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// I1: a user holds at most one claim, and it belongs to a live call they are in.
    OneClaim,
    /// I2: every call ends, and no later than its deadlines say.
    Ends,
    /// I3: every stay of a device ends with exactly one terminal event.
    OneEndPerStay,
    /// I4: both sides of a call are told the same outcome.
    OneStory,
    /// I5: at most one device per user is joined.
    OneDeviceJoined,
    /// I6: a call that was acknowledged has exactly one record, and it agrees with the log.
    OneRecord,
    /// I7: each device sees each event once and in order.
    OnceInOrder,
    /// I8: nothing crosses apps.
    AppsApart,
    /// Each request gets exactly one reply, unless its connection was lost.
    OneReply,
    /// R14: a repeated request gets the first answer again and does nothing twice.
    FirstAnswerAgain,
    /// What an accepted reply promised is in the log.
    NothingLost,
    /// What a device is told is what the log says.
    TrueToLog,
    /// A log is whole: it begins once, has no gap, and its time never runs backwards.
    WholeLog,
    /// Frames can be read.
    Readable,
}

impl Rule {
    /// Its short name, as the design has it where it does.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneClaim => "I1 one claim",
            Self::Ends => "I2 every call ends in time",
            Self::OneEndPerStay => "I3 one end per stay",
            Self::OneStory => "I4 one story",
            Self::OneDeviceJoined => "I5 one device joined",
            Self::OneRecord => "I6 one true record",
            Self::OnceInOrder => "I7 once and in order",
            Self::AppsApart => "I8 apps apart",
            Self::OneReply => "one reply",
            Self::FirstAnswerAgain => "R14 the first answer again",
            Self::NothingLost => "nothing acknowledged is lost",
            Self::TrueToLog => "told as logged",
            Self::WholeLog => "whole log",
            Self::Readable => "readable frames",
        }
    }
}

/// A device of a user of an app.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Who {
    /// The app.
    pub app: AppKey,
    /// The user.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.app, self.user, self.device)
    }
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// In which call.
    pub call: Option<CallId>,
    /// Seen by whom; nobody where the server's own books show it.
    pub who: Option<Who>,
    /// What is wrong, for people.
    pub what: String,
    /// The frames or entries that show it, in their order.
    pub shown: Vec<String>,
}

impl Violation {
    /// A broken rule; the rest is added by the methods below.
    pub fn new(rule: Rule, what: impl Into<String>) -> Self {
        Self { rule, call: None, who: None, what: what.into(), shown: Vec::new() }
    }

    /// Names the call.
    #[must_use]
    pub fn of(mut self, call: CallId) -> Self {
        self.call = Some(call);
        self
    }

    /// Names the device.
    #[must_use]
    pub fn by(mut self, who: &Who) -> Self {
        self.who = Some(who.clone());
        self
    }

    /// Shows frames or entries.
    #[must_use]
    pub fn show<T: Into<String>>(mut self, frames: impl IntoIterator<Item = T>) -> Self {
        self.shown.extend(frames.into_iter().map(Into::into));
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule.name(), self.what)?;
        if let Some(call) = self.call {
            write!(f, "\n  call {call}")?;
        }
        if let Some(who) = &self.who {
            write!(f, "\n  device {who}")?;
        }
        self.shown.iter().try_for_each(|frame| write!(f, "\n    {frame}"))
    }
}

/// Everything that is wrong; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Violations(pub Vec<Violation>);

impl Violations {
    /// Good if nothing is wrong.
    pub(crate) fn none_of(found: Vec<Violation>) -> Result<(), Self> {
        if found.is_empty() { Ok(()) } else { Err(Self(found)) }
    }

    /// Whether this rule is among those broken.
    pub fn break_rule(&self, rule: Rule) -> bool {
        self.0.iter().any(|violation| violation.rule == rule)
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} violations", self.0.len())?;
        // The first few tell the story; a thousand of the same kind hide it.
        let most = 20;
        for violation in self.0.iter().take(most) {
            write!(f, "\n{violation}")?;
        }
        if self.0.len() > most {
            write!(f, "\n… and {} more", self.0.len() - most)
        } else {
            Ok(())
        }
    }
}
