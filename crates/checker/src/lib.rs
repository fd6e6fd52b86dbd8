//! One judge of histories: what devices saw and did against what the server kept.
//!
//! A [`History`] is one device's story in its own order: connections, frames sent, frames that
//! came. It takes the frames as text, so a simulated device and one on a real WebSocket hand in the
//! same. A [`Ledger`] is what the server holds: logs and records. Three looks are taken:
//!
//! - [`History::record`] looks at each step as it happens, with what this device alone can know:
//!   one reply to each request, the first answer again, events in order, stays that end once.
//! - [`Watch::check_step`] looks at new frames of all devices together and at the server's claims
//!   and live calls at a moment. It costs what is new, not what has been.
//! - [`check_end`] holds everything against the logs and records, event by event.
//!
//! What is wrong is a [`Violation`], which names the [`Rule`] that is broken, the call, the device,
//! and shows the frames. No I/O, no clock: time is an argument.
//!
//! ```
//! use bellwire_checker::{History, Ledger, Limits, Step, check_end};
//! use bellwire_core::{AppKey, DeviceId, Timestamp, UserId};
//!
//! let name = |text| UserId::parse(text).expect("a name");
//! let (app, device) = (AppKey::parse("dev").expect("a key"), DeviceId::parse("a1").expect("a name"));
//! let mut alice = History::new(app, name("alice"), device);
//! alice.record(Timestamp(1), Step::Opened)?;
//! alice.record(Timestamp(1), Step::Sent(r#"{"id":1,"do":"hello","device":{"id":"a1"}}"#))?;
//! let answered = alice.record(Timestamp(2), Step::Got(r#"{"id":2,"ok":{}}"#));
//! assert!(answered.is_err(), "nobody asked 2");
//! assert!(check_end(&[alice], &Ledger::default(), &Limits::default()).is_ok());
//! # Ok::<(), Box<bellwire_checker::Violation>>(())
//! ```

mod end;
mod frame;
mod history;
mod ledger;
mod limits;
mod requests;
mod stay;
#[cfg(test)]
mod tests;
mod violation;
mod watch;

pub use end::check_end;
pub use history::{History, Step};
pub use ledger::Ledger;
pub use limits::Limits;
pub use violation::{Rule, Violation, Violations, Who};
pub use watch::{Standing, Watch};
