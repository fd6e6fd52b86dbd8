//! The Rust SDK of Bellwire.
//!
//! It keeps one connection to a Bellwire server, and with it a session that outlives lost
//! connections: it reconnects, resumes, sends again what was not answered, and hands over each
//! event once and in order. It holds no rule of calls: what may be done and what came of it, the
//! server says.
//!
//! ```no_run
//! use bellwire_client::{Client, Event};
//!
//! # async fn run() -> Result<(), bellwire_client::Error> {
//! let (client, mut events) =
//!     Client::to("ws://127.0.0.1:2355").login("dev", "alice").connect().await?;
//! let call = client.call("bob").video().content("hi").start().await?;
//! while let Some(event) = events.next().await {
//!     match event {
//!         Event::Incoming(incoming) => incoming.busy().await?,
//!         Event::Call(_, event) if event.change.is_terminal() => break,
//!         other => println!("{other:?}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Two things happen by themselves when [`Events`] hands an event over: an invitation is
//! acknowledged with `call.ringing`, and the order to stop ringing with `ack`.

mod action;
mod address;
mod backoff;
mod builder;
mod business;
mod call;
mod client;
mod connection;
mod driver;
mod error;
mod events;
#[doc(hidden)]
pub mod fuzzing;
mod outstanding;
mod resume;
mod start;
mod tls;

pub use action::Action;
pub use builder::Builder;
pub use business::{Business, BusinessBuilder, FromServer, Incomings, Question};
pub use call::{Call, Incoming};
pub use client::{Client, Records};
pub use error::{Closed, Error};
pub use events::{Connection, Event, Events};
pub use start::StartCall;

pub use bellwire_core as core;
pub use bellwire_protocol as protocol;
