//! Everything that is drawn by lot: ids and room numbers. Seeded, it draws the same again.

use bellwire_core::{CallId, RoomId, SessionId, Timestamp, UserId};
use parking_lot::Mutex;
use rand::{
    Rng as _, RngExt as _, SeedableRng as _,
    distr::{Alphanumeric, SampleString},
    rngs::StdRng,
};
use uuid::Builder;

/// The largest room number.
const ROOM_MAX: u32 = i32::MAX.cast_unsigned();

/// A source of numbers that cannot be guessed from one another (`ChaCha`).
#[derive(Debug)]
pub struct Chance(Mutex<StdRng>);

impl Chance {
    /// Seeded by the operating system.
    pub fn from_system() -> Self {
        Self(Mutex::new(StdRng::from_rng(&mut rand::rng())))
    }

    /// Draws the same for the same seed. For simulations: who knows the seed knows every id.
    pub fn from_seed(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// An id for a call that begins at `now`.
    pub(crate) fn call(&self, now: Timestamp) -> CallId {
        let mut random = [0; 10];
        self.0.lock().fill_bytes(&mut random);
        CallId(Builder::from_unix_timestamp_millis(now.0, &random).into_uuid())
    }

    /// A session id: 22 letters and digits, 130 bits.
    pub(crate) fn session(&self) -> SessionId {
        let id = format!("s-{}", Alphanumeric.sample_string(&mut *self.0.lock(), 22));
        // `s-` and letters are a name.
        SessionId::parse(&id).expect("letters and digits are a name")
    }

    /// A name for somebody who is erased, from which nobody is known.
    pub(crate) fn alias(&self) -> UserId {
        let id = format!("erased-{}", Alphanumeric.sample_string(&mut *self.0.lock(), 22));
        UserId::parse(&id).expect("letters and digits are a name")
    }

    /// What only this process knows.
    pub(crate) fn key(&self) -> [u8; 32] {
        let mut key = [0; 32];
        self.0.lock().fill_bytes(&mut key);
        key
    }

    /// A room number, which may be taken.
    pub(crate) fn room(&self) -> RoomId {
        RoomId(self.0.lock().random_range(1..=ROOM_MAX))
    }
}
