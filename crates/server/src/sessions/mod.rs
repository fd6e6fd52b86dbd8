//! Who is where: every device's login, connected or away within the resume window.

mod outbox;
mod presence;
mod registry;
mod session;

pub(crate) use outbox::Outbox;
pub(crate) use presence::Watches;
pub(crate) use registry::{Attached, Login, Sessions};
pub(crate) use session::Session;
