//! Who talks to whom.

use clap::ValueEnum;
use serde::Serialize;

/// What is forwarded to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scenario {
    /// Rooms of two who both send sound and picture: the usual call
    Pairs,
    /// Rooms of four who all send to all
    Groups,
    /// Rooms in which one sends and all others receive
    Broadcast,
}

/// Rooms all alike. Every member receives all that the others send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Shape {
    pub(crate) rooms: usize,
    /// Participants of a room.
    pub(crate) members: usize,
    /// How many of them send; the first ones.
    pub(crate) senders: usize,
}

impl Scenario {
    /// Rooms of `members`, or else of as many as the scenario has by itself.
    pub(crate) fn shape(self, rooms: Option<usize>, members: Option<usize>) -> Shape {
        let (usual_rooms, usual_members) = match self {
            Self::Pairs => (40, 2),
            Self::Groups => (8, 4),
            Self::Broadcast => (1, 60),
        };
        let members = members.unwrap_or(usual_members);
        let senders = match self {
            Self::Pairs | Self::Groups => members,
            Self::Broadcast => 1,
        };
        Shape { rooms: rooms.unwrap_or(usual_rooms), members, senders }
    }
}

impl Shape {
    pub(crate) fn participants(self) -> usize {
        self.rooms * self.members
    }

    /// Participants who send; each sends a sound and a picture.
    pub(crate) fn sending(self) -> usize {
        self.rooms * self.senders
    }

    /// How often a participant's sound and picture go to another one.
    pub(crate) fn forwarded(self) -> usize {
        self.sending() * (self.members - 1)
    }

    /// The same with fewer rooms.
    pub(crate) fn with_rooms(self, rooms: usize) -> Self {
        Self { rooms, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_hears_everybody_else() {
        let pairs = Scenario::Pairs.shape(Some(10), None);
        assert_eq!((pairs.participants(), pairs.sending(), pairs.forwarded()), (20, 20, 20));
        let groups = Scenario::Groups.shape(Some(2), None);
        assert_eq!((groups.participants(), groups.sending(), groups.forwarded()), (8, 8, 24));
        let many = Scenario::Broadcast.shape(None, Some(11));
        assert_eq!((many.participants(), many.sending(), many.forwarded()), (11, 1, 10));
    }
}
