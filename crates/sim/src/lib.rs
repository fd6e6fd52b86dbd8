//! Proof by trying: histories of users, devices and time, carried out by the production rules and
//! judged after each step.
//!
//! [`model`] walks through every history there is in a small world.

pub mod model;
