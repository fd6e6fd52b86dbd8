//! The world and the invariants of the core's own tests, which are the one place they stand.

// A part of them is not needed here, and as tests they may unwrap.
#![allow(dead_code, unused_imports, clippy::unwrap_used)]

mod properties;
#[path = "../../../core/tests/rules/support/mod.rs"]
mod support;

pub(crate) use properties::{check_end, check_step};
pub(crate) use support::*;
