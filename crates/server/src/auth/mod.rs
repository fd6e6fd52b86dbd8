//! Who is who: tokens are signed by an app and say which user a device belongs to.

mod keys;
mod mint;
mod verify;

pub(crate) use keys::TokenKeys;
pub(crate) use mint::{MintError, mint};
pub(crate) use verify::{Claims, verify};

#[cfg(test)]
mod tests;
