//! What every end-to-end test stands on: the real server as a process, devices over real
//! sockets that know nothing but JSON, and the HTTP API.

// Each test binary compiles its own copy and uses its own part of it.
#![allow(dead_code, unused_imports)]

mod authority;
mod business;
mod device;
mod http;
mod ports;
mod raw;
mod scenes;
mod server;
mod shop;

use std::time::Duration;

pub(crate) use authority::{Authority, believing};
pub(crate) use business::{Business, Manner, Post, Receiver};
pub(crate) use device::{Closed, Device};
pub(crate) use http::Api;
pub(crate) use ports::free_address;
pub(crate) use raw::RawSocket;
pub(crate) use scenes::{ask, bring, outcome, ring, start, talk};
pub(crate) use server::{Server, bellwire};
pub(crate) use shop::{KEY, Shop};

/// How long anything awaited may take on a busy machine. Passing tests never wait for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
