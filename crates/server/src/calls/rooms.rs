//! Room numbers: random, so that they cannot be guessed from one another, and unique among live
//! calls.

use ahash::HashSet;
use bellwire_core::RoomId;
use parking_lot::Mutex;

use crate::chance::Chance;

/// The rooms of all live calls.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Mutex<HashSet<RoomId>>);

impl Rooms {
    /// Takes a free number.
    pub(crate) fn take(&self, chance: &Chance) -> RoomId {
        let mut taken = self.0.lock();
        // Live calls are few against 2^31 numbers, so this ends at once.
        loop {
            let room = chance.room();
            if taken.insert(room) {
                return room;
            }
        }
    }

    /// Keeps a number that a recovered call has.
    pub(crate) fn keep(&self, room: RoomId) {
        self.0.lock().insert(room);
    }

    /// Gives a number back.
    pub(crate) fn free(&self, room: RoomId) {
        self.0.lock().remove(&room);
    }
}
