//! The Bellwire call server and its command line.

mod auth;
mod config;

fn main() {}
