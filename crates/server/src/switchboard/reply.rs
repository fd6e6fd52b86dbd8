//! What a command is answered with.

use std::collections::BTreeSet;

use bellwire_core::{Call, Event, UserId};
use bellwire_protocol::{
    CallInfo, Json,
    reply::{Empty, InviteOk, StartOk},
};

use super::{Asker, Switchboard};
use crate::calls::Change;

/// The form of the reply.
#[derive(Debug, Clone)]
pub(crate) enum ReplyKind {
    /// Nothing but yes.
    Empty,
    /// The call.
    Whole,
    /// Who of those invited was passed over.
    Skipped(Vec<UserId>),
}

impl ReplyKind {
    /// The reply to a command that changed the call: the call as the command's own event left it;
    /// what followed comes as events.
    pub(super) fn changed(
        &self,
        board: &Switchboard,
        change: &Change,
        asker: Option<&Asker>,
    ) -> Json {
        match self {
            Self::Empty => empty(),
            Self::Whole => whole(board, change.first(), asker),
            Self::Skipped(asked) => {
                let new: BTreeSet<&UserId> = change
                    .steps
                    .iter()
                    .filter_map(|s| match &s.entry.event {
                        Event::Added { users, .. } => Some(users.iter().map(|u| &u.user)),
                        _ => None,
                    })
                    .flatten()
                    .collect();
                skipped(asked.iter().filter(|u| !new.contains(u)))
            }
        }
    }

    /// The reply to a command that found the call as it wanted it.
    pub(super) fn unchanged(
        &self,
        board: &Switchboard,
        call: &Call,
        asker: Option<&Asker>,
    ) -> Json {
        match self {
            Self::Empty => empty(),
            Self::Whole => whole(board, call, asker),
            Self::Skipped(asked) => skipped(asked.iter()),
        }
    }
}

pub(super) fn whole(board: &Switchboard, call: &Call, asker: Option<&Asker>) -> Json {
    let (viewer, now) = (asker.and_then(Asker::session), board.now());
    let room = viewer.and_then(|s| board.media.room_for(call, &s.user, &s.device, now));
    let info = Box::new(CallInfo::of(call, viewer.map(|s| &s.user), now, room));
    Json::of(&StartOk { call: call.id, info })
}

pub(super) fn empty() -> Json {
    Json::of(&Empty {})
}

fn skipped<'a>(users: impl Iterator<Item = &'a UserId>) -> Json {
    Json::of(&InviteOk { skipped: users.cloned().collect() })
}
