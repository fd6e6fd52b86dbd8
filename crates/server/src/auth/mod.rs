//! Who is who: tokens are signed by an app and say which user a device belongs to.

mod keys;
mod mint;
mod verify;

pub(crate) use keys::TokenKeys;
pub(crate) use mint::{MintError, Minted, mint};
pub(crate) use verify::{Claims, TokenError, verify};

#[cfg(test)]
mod tests;
