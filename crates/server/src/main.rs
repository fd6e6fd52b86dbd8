//! The Bellwire call server and its command line.

#[cfg_attr(not(test), expect(dead_code, reason = "not served from yet"))]
#[expect(unused_imports, reason = "not served from yet")]
mod auth;
#[expect(dead_code, reason = "not served from yet")]
mod cli;
#[expect(dead_code, unused_imports, reason = "not served from yet")]
mod config;

fn main() {}
