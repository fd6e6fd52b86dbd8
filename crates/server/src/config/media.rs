//! The settings of media that the server routes itself.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
};

use bellwire_protocol::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Media that the server routes itself. Packets are forwarded as they come, never decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Media {
    /// Whether the server routes media at all. Without it every call's media is the app's own.
    pub enabled: bool,
    /// The address and UDP port for media. Without it: those of `server.listen`. The port has to
    /// be open for clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"0.0.0.0:2355")]
    pub udp: Option<SocketAddr>,
    /// Whether each thread takes a UDP port of its own: that of `udp` and those after it, as many
    /// as `threads`. Packets need not be passed from thread to thread then; all these ports have
    /// to be open for clients.
    pub udp_per_thread: bool,
    /// The address and TCP port for media of clients whose network lets no UDP through. Without
    /// it: the port after that of `server.listen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"0.0.0.0:2356")]
    pub tcp: Option<SocketAddr>,
    /// The addresses under which clients reach this machine, where they are not its own: behind
    /// NAT or in a container. Without it: the address it listens on, or all of the machine's.
    pub announce: Vec<IpAddr>,
    /// Threads that route media (1 to 64); a room is always on one. Without it: as many as the
    /// machine has cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 4)]
    pub threads: Option<NonZeroUsize>,
    /// A relay for clients that can reach the server by neither, such as coturn.
    pub turn: Turn,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            enabled: true,
            udp: None,
            udp_per_thread: false,
            tcp: None,
            announce: Vec::new(),
            threads: None,
            turn: Turn::default(),
        }
    }
}

/// A TURN server that shares a secret with this one, from which credentials for some hours are
/// made (coturn's `use-auth-secret`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Turn {
    /// Where it is, in every way that clients may try.
    #[schemars(example = ["turn:turn.example.com:3478", "turns:turn.example.com:5349?transport=tcp"])]
    pub urls: Vec<String>,
    /// The secret it shares with this server (coturn's `static-auth-secret`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"`openssl rand -hex 32` is one")]
    pub secret: Option<Secret>,
    /// How long a credential is good for, in seconds (600 to 604800). Running connections outlive
    /// it.
    pub ttl_s: u64,
}

impl Default for Turn {
    fn default() -> Self {
        Self { urls: Vec::new(), secret: None, ttl_s: 12 * 3_600 }
    }
}
