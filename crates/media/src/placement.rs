//! Which worker has which room.

use std::sync::{Arc, Weak};

use ahash::AHashMap;
use parking_lot::Mutex;

use crate::keys::RoomKey;

/// Where the rooms are. A room stays where it is while anybody holds its [`Place`].
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    table: Arc<Mutex<Table>>,
}

#[derive(Debug)]
struct Table {
    rooms: AHashMap<RoomKey, Weak<Held>>,
    /// How many rooms each worker has.
    loads: Vec<usize>,
}

/// A hold on a room's place: of the room itself, and of an offer on its way there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    room: RoomKey,
    worker: usize,
    table: Arc<Mutex<Table>>,
}

impl Placement {
    pub(crate) fn new(workers: usize) -> Self {
        let table = Table { rooms: AHashMap::new(), loads: vec![0; workers] };
        Self { table: Arc::new(Mutex::new(table)) }
    }

    /// The place of a room; a new room gets the worker with the fewest. None if there are `most`
    /// rooms already.
    pub(crate) fn place(&self, room: RoomKey, most: usize) -> Option<Place> {
        let mut table = self.table.lock();
        if let Some(held) = table.rooms.get(&room).and_then(Weak::upgrade) {
            return Some(Place { held });
        }
        if table.loads.iter().sum::<usize>() >= most {
            return None;
        }
        let lightest = table.loads.iter().enumerate().min_by_key(|(_, load)| **load);
        let worker = lightest.map_or(0, |(worker, _)| worker);
        table.loads[worker] += 1;
        let held = Arc::new(Held { room, worker, table: Arc::clone(&self.table) });
        table.rooms.insert(room, Arc::downgrade(&held));
        Some(Place { held })
    }

    /// The worker that has the room now.
    pub(crate) fn worker(&self, room: RoomKey) -> Option<usize> {
        // Dropping the last hold takes the lock, so that it must not happen under it.
        let held = {
            let table = self.table.lock();
            table.rooms.get(&room).and_then(Weak::upgrade)
        };
        held.map(|held| held.worker)
    }
}

impl Place {
    pub(crate) fn worker(&self) -> usize {
        self.held.worker
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut table = self.table.lock();
        table.loads[self.worker] -= 1;
        // The room may have been placed anew since its last hold ended.
        if table.rooms.get(&self.room).is_some_and(|held| held.strong_count() == 0) {
            table.rooms.remove(&self.room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_spread_and_stay_while_held() {
        let placement = Placement::new(2);
        let first = placement.place(RoomKey(1), 10).unwrap();
        let second = placement.place(RoomKey(2), 10).unwrap();
        assert_ne!(first.worker(), second.worker());
        let again = placement.place(RoomKey(1), 10).unwrap();
        assert_eq!(again.worker(), first.worker());
        drop(first);
        assert_eq!(placement.worker(RoomKey(1)), Some(again.worker()));
        drop(again);
        assert_eq!(placement.worker(RoomKey(1)), None);
        let third = placement.place(RoomKey(3), 10).unwrap();
        assert_ne!(third.worker(), second.worker(), "the freed worker is the lighter one");
    }

    #[test]
    fn rooms_are_bounded() {
        let placement = Placement::new(1);
        let only = placement.place(RoomKey(1), 1);
        assert!(only.is_some());
        assert!(placement.place(RoomKey(2), 1).is_none());
        assert!(placement.place(RoomKey(1), 1).is_some(), "it is there already");
        drop(only);
        assert!(placement.place(RoomKey(2), 1).is_some());
    }
}
