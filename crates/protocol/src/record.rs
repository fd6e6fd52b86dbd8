//! What is kept of a finished call.

use bellwire_core::{
    Alias, Call, CallId, Cause, DeviceId, Kind, Label, Media, Mode, Note, Participant, Reason,
    State, Timestamp, UserId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Open, RecordCursor};

/// A finished call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// The call.
    pub call: CallId,
    /// Its place among all records, rising.
    pub serial: u64,
    /// What it was for.
    pub mode: Open<Mode>,
    /// How many it was between.
    pub kind: Open<Kind>,
    /// What it carried at its end.
    pub media: Media,
    /// The caller.
    pub caller: UserId,
    /// The app's group.
    pub group: Option<Label>,
    /// The app's channel.
    pub channel: Option<Label>,
    /// Why it ended.
    pub reason: Open<Reason>,
    /// The number for it.
    pub code: u32,
    /// What lies behind the reason.
    pub cause: Option<Open<Cause>>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it became active.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Who ended it.
    pub ended_by: Option<UserId>,
    /// How long it was active, in milliseconds.
    pub duration_ms: u64,
    /// The words of the start.
    #[serde(flatten)]
    pub note: Note,
    /// The words of the end.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub end_note: Note,
    /// Everybody in it, the caller first.
    pub legs: Vec<Leg>,
}

/// A participant's part in a finished call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Leg {
    /// Who.
    pub user: UserId,
    /// The device that joined, or that answered.
    pub device: Option<DeviceId>,
    /// How it ended for them.
    pub outcome: Open<State>,
    /// When invited; for the caller, when the call was asked for.
    pub invited_at: Timestamp,
    /// When a device first acknowledged.
    pub ringing_at: Option<Timestamp>,
    /// When they last joined.
    pub joined_at: Option<Timestamp>,
    /// When their part was over.
    pub left_at: Option<Timestamp>,
    /// How long they were in the conversation, in milliseconds.
    pub duration_ms: u64,
    /// What lies behind the outcome.
    pub cause: Option<Open<Cause>>,
}

fn is_empty(note: &Note) -> bool {
    *note == Note::default()
}

impl Record {
    /// The record of `call`; none while it lives.
    pub fn of(call: &Call, serial: u64) -> Option<Self> {
        let outcome = call.ended.as_ref()?;
        Some(Self {
            call: call.id,
            serial,
            mode: call.mode.into(),
            kind: call.kind.into(),
            media: call.media,
            caller: call.caller.clone(),
            group: call.group.clone(),
            channel: call.channel.clone(),
            reason: outcome.reason.into(),
            code: outcome.code,
            cause: outcome.cause.map(Open::from),
            created_at: call.created_at,
            started_at: call.started_at,
            ended_at: outcome.at,
            ended_by: outcome.by.clone(),
            duration_ms: call.duration_ms(outcome.at),
            note: call.note.clone(),
            end_note: outcome.note.clone(),
            legs: call.participants.iter().map(Leg::of).collect(),
        })
    }

    /// The record as `user` is told it: that somebody else did not want to be rung is left out.
    #[must_use]
    pub fn told(mut self, user: &UserId) -> Self {
        let is_private = |cause: &Option<Open<Cause>>| {
            cause.as_ref().and_then(Open::known).is_some_and(|cause| cause.is_private())
        };
        let mut is_own = false;
        for leg in self.legs.iter_mut().filter(|leg| is_private(&leg.cause)) {
            if leg.user == *user {
                is_own = true;
            } else {
                leg.cause = None;
            }
        }
        if !is_own && is_private(&self.cause) {
            self.cause = None;
        }
        self
    }

    /// Takes an erased user out of it; `notes` are what they wrote in the call.
    pub fn erase(&mut self, alias: &Alias, notes: &[Note]) {
        if alias.put(&mut self.caller) {
            self.note = Note::default();
        }
        if alias.put_maybe(&mut self.ended_by) || notes.contains(&self.end_note) {
            self.end_note = Note::default();
        }
        for leg in &mut self.legs {
            if alias.put(&mut leg.user) {
                leg.device = leg.device.as_ref().map(|_| Alias::device());
            }
        }
    }

    /// Whether somebody in it did not want to be rung, so that not everybody is told the same.
    pub fn has_secrets(call: &Call) -> bool {
        call.participants.iter().any(|p| p.cause.is_some_and(Cause::is_private))
    }

    /// Whether `user` was called, and neither answered nor refused.
    pub fn is_missed_by(&self, user: &str) -> bool {
        let leg = self.legs.iter().find(|leg| leg.user.as_str() == user);
        leg.is_some_and(|leg| {
            leg.user != self.caller
                && leg.joined_at.is_none()
                && match leg.outcome.known() {
                    Some(State::Offline | State::TimedOut | State::Canceled) => true,
                    // Taken by another call; who was rung and said so has not missed it.
                    Some(State::Busy) => leg.ringing_at.is_none(),
                    Some(
                        State::Invited
                        | State::Ringing
                        | State::Joined
                        | State::Dropped
                        | State::Left
                        | State::Rejected
                        | State::Denied
                        | State::Lost,
                    )
                    | None => false,
                }
        })
    }
}

impl Leg {
    fn of(p: &Participant) -> Self {
        Self {
            user: p.user.clone(),
            device: p.device.clone(),
            outcome: p.state.into(),
            invited_at: p.invited_at,
            ringing_at: p.ringing_at,
            joined_at: p.joined_at,
            left_at: p.left_at,
            duration_ms: p.talked_ms,
            cause: p.cause.map(Open::from),
        }
    }
}
/// `record.list`: the user's own records, newest first.
///
/// A call's record can be read when its `call.ended` arrives.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ListRecords {
    /// Those older than the record with this serial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<RecordCursor>,
    /// At most so many; 50 where none, 200 at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Only calls the user was rung for and did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<bool>,
}

/// `record.read`: missed calls have been seen.
///
/// They count as read on all devices of the user; the event `record.read` tells the others.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ReadRecords {
    /// The newest that was seen, which includes those before it; all there are where none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upto: Option<RecordCursor>,
}
