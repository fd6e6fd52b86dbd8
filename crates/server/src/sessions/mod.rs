//! Who is where: every device's login, connected or away within the resume window.

mod outbox;
mod presence;
mod registry;
mod session;

pub(crate) use outbox::{Outbox, OutboxClosed};
pub(crate) use presence::Watches;
pub(crate) use registry::{Attached, Login, Sessions, TooManyDevices};
pub(crate) use session::Session;
