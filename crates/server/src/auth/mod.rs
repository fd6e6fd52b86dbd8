//! Who is who: tokens are signed by an app and say which user a device belongs to.

mod keys;
mod mint;
mod verify;

pub use keys::{KeyError, TokenKeys};
pub use mint::{MintError, Minted, mint};
pub use verify::{Claims, DISPLAY_NAME_BYTES, TOKEN_BYTES, TokenError, verify};

#[cfg(test)]
mod tests;
