//! A worker's UDP socket: many datagrams to a system call, in both directions.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::packed::Packed;

/// Buffers read into at once; each may hold many datagrams of one sender (GRO).
const BUFFERS: usize = 16;

/// The most a buffer holds: the most GRO puts together.
const BUFFER_BYTES: usize = 64 * 1024;

/// What the system may hold for us. 4 MiB is a third of a second at 100 Mbit/s, and less where the
/// system's own bound is lower.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Where a datagram came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) from: SocketAddr,
    /// Which of our addresses it was sent to; the answer must come from it.
    pub(crate) to: Option<IpAddr>,
}

pub(crate) struct Udp {
    socket: UdpSocket,
    state: UdpSocketState,
    is_v6: bool,
    buffers: Vec<Vec<u8>>,
}

impl Udp {
    /// Opens so many sockets on one port, among which the system spreads the senders.
    pub(crate) fn open_shared(
        addr: SocketAddr,
        count: usize,
    ) -> io::Result<Vec<std::net::UdpSocket>> {
        // Sockets that share a port would share it with another program as well, unnoticed.
        let alone = bind(addr, false)?;
        if count == 1 {
            return Ok(vec![alone]);
        }
        let addr = alone.local_addr()?;
        drop(alone);
        (0..count).map(|_| bind(addr, true)).collect()
    }

    /// Opens so many sockets on a port each, one after another; port 0 lets the system choose each.
    pub(crate) fn open_apart(
        addr: SocketAddr,
        count: usize,
    ) -> io::Result<Vec<std::net::UdpSocket>> {
        let ports: Vec<u16> = match addr.port() {
            0 => vec![0; count],
            first => (first..=u16::MAX).take(count).collect(),
        };
        if ports.len() < count {
            let text = format!("{addr} is too high for {count} ports one after another");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let open = |port| {
            let at = SocketAddr::new(addr.ip(), port);
            bind(at, false).map_err(|error| io::Error::new(error.kind(), format!("{at}: {error}")))
        };
        ports.into_iter().map(open).collect()
    }

    /// To be called within the runtime that is to drive it.
    pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let is_v6 = socket.local_addr()?.is_ipv6();
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self {
            socket: UdpSocket::from_std(socket)?,
            state,
            is_v6,
            buffers: vec![vec![0; BUFFER_BYTES]; BUFFERS],
        })
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.socket.writable().await
    }

    /// Reads what there is, up to a bound. Whether there may be more.
    pub(crate) fn receive(&mut self, read: &mut Packed<Origin>) -> bool {
        let mut metas = [RecvMeta::default(); BUFFERS];
        let mut slices: Vec<IoSliceMut<'_>> =
            self.buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let (socket, state) = (&self.socket, &self.state);
        let result = socket
            .try_io(Interest::READABLE, || state.recv(socket.into(), &mut slices, &mut metas));
        // Errors of a socket that is not connected are of earlier sends (ICMP).
        let Ok(count) = result else {
            return false;
        };
        let is_more = count == BUFFERS;
        if !is_more {
            // All is taken. To say so here saves the call that would find nothing.
            let _ = socket.try_io(Interest::READABLE, || -> io::Result<()> {
                Err(io::ErrorKind::WouldBlock.into())
            });
        }
        for (buffer, meta) in self.buffers.iter().zip(metas).take(count) {
            let from = SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port());
            let to = meta.dst_ip.map(|ip| ip.to_canonical());
            for bytes in buffer[..meta.len].chunks(meta.stride.max(1)) {
                read.push(Origin { from, to }, bytes);
            }
        }
        is_more
    }

    /// Sends one datagram, or several of `segment` bytes each to the same address.
    pub(crate) fn send(
        &self,
        to: SocketAddr,
        from: Option<IpAddr>,
        contents: &[u8],
        segment: Option<usize>,
    ) -> io::Result<()> {
        let transmit = Transmit {
            destination: if self.is_v6 { mapped(to) } else { to },
            ecn: None,
            contents,
            segment_size: segment,
            src_ip: from,
        };
        self.socket
            .try_io(Interest::WRITABLE, || self.state.try_send((&self.socket).into(), &transmit))
    }

    /// How many datagrams one call may send.
    pub(crate) fn segments_max(&self) -> usize {
        self.state.max_gso_segments()
    }
}

fn bind(addr: SocketAddr, is_shared: bool) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    if is_shared {
        socket.set_reuse_port(true)?;
    }
    // The system may allow less, which is no reason not to start.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

/// An IPv6 socket sends to IPv4 addresses in their mapped form.
fn mapped(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(v4) => {
            let ip: Ipv6Addr = v4.ip().to_ipv6_mapped();
            SocketAddr::V6(SocketAddrV6::new(ip, v4.port(), 0, 0))
        }
        SocketAddr::V6(_) => addr,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_socket_has_a_port_of_its_own() {
        let sockets = Udp::open_apart(([127, 0, 0, 1], 0).into(), 3).unwrap();
        let mut ports: Vec<u16> = sockets.iter().map(|s| s.local_addr().unwrap().port()).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 3);
    }

    #[test]
    fn ports_beyond_the_last_are_refused() {
        let error = Udp::open_apart(([127, 0, 0, 1], u16::MAX).into(), 2).unwrap_err();
        assert_eq!(error.to_string(), "127.0.0.1:65535 is too high for 2 ports one after another");
    }
}
