//! Starts the SFU on its ports.

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    num::NonZeroUsize,
    sync::Arc,
    thread,
};

use bellwire_media::{Limits, Settings, Sfu};
use tokio::sync::mpsc;

use super::MediaGround;
use crate::config;

/// The SFU cannot start.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot route media: {0}; give it other ports with media.udp and media.tcp, or turn it off with media.enabled = false"
)]
pub(crate) struct MediaError(#[from] bellwire_media::Error);

/// Starts an SFU beside a server that listens on `server`, of which `asked` was asked for; none
/// where the settings turn it off.
pub(crate) fn start(
    settings: &config::Media,
    asked: SocketAddr,
    server: SocketAddr,
) -> Result<Option<MediaGround>, MediaError> {
    if !settings.enabled {
        return Ok(None);
    }
    let threads = settings.threads.or_else(|| thread::available_parallelism().ok());
    let ports = Ports::of(settings, asked, server);
    let (say, events) = mpsc::unbounded_channel();
    let settings = Settings {
        udp: ports.udp,
        udp_per_thread: settings.udp_per_thread,
        tcp: Some(ports.tcp),
        announce: settings.announce.clone(),
        threads: threads.map_or(1, NonZeroUsize::get),
        limits: Limits::default(),
    };
    // Nobody listens any more when the server goes away.
    let sfu = Sfu::start(&settings, move |event| drop(say.send(event)))?;
    Ok(Some(MediaGround { forwarder: Arc::new(sfu), events }))
}

/// Where the SFU listens.
struct Ports {
    udp: SocketAddr,
    tcp: SocketAddr,
}

impl Ports {
    /// As set, else the server's port and the next one. Where the server's own port was chosen by
    /// the system, one that is taken is no mistake, and the system chooses again; where more UDP
    /// ports than one are needed in a row, it chooses them all.
    fn of(settings: &config::Media, asked: SocketAddr, server: SocketAddr) -> Self {
        let next = SocketAddr::new(server.ip(), server.port().wrapping_add(1));
        let usual = |wanted: SocketAddr, is_free: &dyn Fn() -> bool| {
            if asked.port() == 0 && !is_free() {
                return SocketAddr::new(wanted.ip(), 0);
            }
            wanted
        };
        let are_udp_free = || !settings.udp_per_thread && UdpSocket::bind(server).is_ok();
        let is_tcp_free = || TcpListener::bind(next).is_ok();
        Self {
            udp: settings.udp.unwrap_or_else(|| usual(server, &are_udp_free)),
            tcp: settings.tcp.unwrap_or_else(|| usual(next, &is_tcp_free)),
        }
    }
}
