//! Addresses for servers that others know beforehand, or that come back at the same one.

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// The kernel hands out ports from 32 768 on (`net.ipv4.ip_local_port_range`) to whoever asks for
/// any, so one of those may be taken while a server is away. Nobody gets one of these by chance.
const FIRST: u32 = 10_000;
const BLOCKS: u32 = 10_000;
/// A server's own port, and the one after it for media over TCP.
const BLOCK: u32 = 2;

/// An address on this machine where nobody listens, given to nobody else in this process; the port
/// after it is free too, and so are both for UDP.
pub(crate) fn free_address() -> SocketAddr {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    for _ in 0..BLOCKS {
        let nth = GIVEN.fetch_add(1, Ordering::Relaxed);
        // Test programs that run side by side begin far from each other.
        let block = (process::id().wrapping_mul(61).wrapping_add(nth)) % BLOCKS;
        let port = u16::try_from(FIRST + BLOCK * block).expect("below 32 768");
        let free = |port| {
            let address = ("127.0.0.1", port);
            TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
        };
        if free(port) && free(port + 1) {
            return SocketAddr::from(([127, 0, 0, 1], port));
        }
    }
    panic!("no free port from {FIRST} on");
}
