//! The wire of Bellwire.
//!
//! What devices and server say to each other over a WebSocket, as types: a [`Request`] carries
//! one [`Command`], a [`Reply`] answers it, a [`ServerEvent`] comes unasked. Records and logs
//! have the same form here and over HTTP. The types are both read and written, so that server
//! and SDK cannot differ; the JSON Schema of [`schema()`] is made from them.
//!
//! Nothing here decides anything about a call: that is `bellwire-core`.

mod availability;
mod body;
pub mod business;
mod call;
mod check;
mod close;
pub mod command;
mod cursor;
mod erase;
mod error;
pub mod event;
mod forbid;
mod frame;
mod hello;
pub mod limits;
mod log;
pub mod media;
mod open;
mod policy;
mod proposal;
mod push;
mod record;
mod reference;
pub mod reply;
mod request;
mod schema;
mod secret;
mod user;

pub use availability::{
    Availability, ClockTime, Day, NoClockTime, QuietHours, QuietSpan, SetAvailability,
};
pub use bellwire_core::RoomMedia;
pub use body::Body;
pub use call::{CallInfo, Ended, ParticipantInfo, RoomInfo, Scope};
pub use check::Fault;
pub use close::CloseCode;
pub use command::Command;
pub use cursor::{Cursor, FeedCursor, RecordCursor};
pub use erase::erase_from_answer;
pub use error::{ErrorCode, ErrorRow, WireError, error_reference};
pub use event::{CallEvent, Change, ServerEvent};
pub use forbid::{Forbidden, Forbids};
pub use frame::{Json, record_frame, reply_frame};
pub use log::LogEntry;
pub use open::Open;
pub use record::{Leg, Record};
pub use reference::{business_reference, reference};
pub use reply::Reply;
pub use request::{ParseError, Request};
pub use schema::{business_schema, schema};
pub use secret::Secret;
pub use user::{Recipients, Target, UserRef};

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "bellwire.v1";

/// The path of the WebSocket.
pub const PATH: &str = "/v1/ws";

/// The port for HTTP and WebSocket where none is given: B-E-L-L on a phone's keys.
pub const PORT: u16 = 2355;
