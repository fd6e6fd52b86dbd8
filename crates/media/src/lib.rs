//! A selective forwarding unit: the media server of Bellwire.
//!
//! The peers of a room each have one WebRTC connection to it, over which they send tracks and
//! receive those of others, forwarded as they are and never transcoded. What a peer receives is
//! laid out in *slots*: an m-line of its offer that receives is one continuous stream, whose source
//! can be switched at any time without a new offer.
//!
//! The library knows nothing of calls or users. Its embedder passes offers and answers between
//! clients and [`Sfu`], says what may flow ([`Grant`]), and is told what happens ([`Event`]).
//!
//! ```text
//!  Sfu ──commands──▶ worker ──▶ rooms ──▶ webrtc (ICE, DTLS, SRTP, RTCP)
//!   ▲                 │  ▲         │ layers, slots, speakers, quality
//!   └─────events──────┘  └── net ──┘ UDP, TCP
//! ```
//!
//! [`Sfu`] finds the worker of a room; a worker has a thread, a socket and its rooms; the rooms do
//! no I/O; the WebRTC library is wrapped in one module.

mod allocate;
mod error;
mod event;
#[doc(hidden)]
pub mod fuzzing;
mod keys;
mod net;
mod placement;
mod rewrite;
mod room;
mod settings;
mod sfu;
mod webrtc;
mod worker;

pub use error::{Error, OfferError, OfferField};
pub use event::{CloseReason, Event, Grade, Quality, Transport};
pub use keys::{Grant, Kind, MID_MAX_BYTES, Mid, PeerKey, RoomKey, Source, Want};
pub use room::Offer;
pub use settings::{
    CONNECT_WITHIN, IDLE_AFTER, LINES_MAX, LOST_AFTER, Limits, QUALITY_INTERVAL, SDP_MAX_BYTES,
    Settings, THREADS_MAX,
};
pub use sfu::Sfu;
