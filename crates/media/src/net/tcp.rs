//! ICE over TCP: connections that clients open to us (RFC 6544), with packets framed by RFC 4571.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;

use super::rfc4571::{Frames, frame};
use super::stun::binding_username;

/// A connection must say so soon whose it is, by its first packet.
const INTRODUCE_WITHIN: Duration = Duration::from_secs(10);

/// Packets kept for a connection that takes them too slowly. What would come after them is lost,
/// which tells the estimate of its bandwidth as it does with datagrams.
const WAITING_MAX: usize = 256;

/// Read at once.
const READ_BYTES: usize = 16 * 1024;

/// After a failure to accept (such as too many open files) this long a rest.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// A connection whose first packet named its peer's connection, to be given to the worker of it.
#[derive(Debug)]
pub(crate) struct Introduced {
    pub(crate) stream: std::net::TcpStream,
    pub(crate) from: SocketAddr,
    /// Which names the worker and the peer.
    pub(crate) ufrag: String,
    first: Vec<u8>,
    permit: OwnedSemaphorePermit,
}

/// A packet of a connection in use; an empty one is the connection's end.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) from: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

/// A connection in use. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Link {
    packets: mpsc::Sender<Vec<u8>>,
    reader: AbortHandle,
}

impl Link {
    /// Takes a connection over. Each packet goes to `packets`, and in the end an empty one.
    pub(crate) fn new<T: From<Packet> + Send + 'static>(
        introduced: Introduced,
        packets: mpsc::Sender<T>,
    ) -> io::Result<Self> {
        let Introduced { stream, from, first, permit, .. } = introduced;
        let (read, write) = TcpStream::from_std(stream)?.into_split();
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        tokio::spawn(send(write, receiver));
        let reader = tokio::spawn(async move {
            let _permit = permit;
            receive(read, first, from, &packets).await;
            // The worker may be gone itself.
            let bytes = Vec::new();
            let _ = packets.send(Packet { from, bytes }.into()).await;
        });
        Ok(Self { packets: sender, reader: reader.abort_handle() })
    }

    /// Sends a packet, unless too many wait.
    pub(crate) fn send(&self, packet: Vec<u8>) {
        // Full or closed, it is lost as on any network.
        let _ = self.packets.try_send(packet);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Takes connections for ever, and gives those that introduce themselves to `each`.
pub(crate) async fn accept(
    listener: TcpListener,
    most: usize,
    each: impl Fn(Introduced) + Clone + Send + 'static,
) {
    let places = Arc::new(Semaphore::new(most));
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_REST).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let each = each.clone();
        tokio::spawn(async move {
            let introduction = introduce(stream, from, permit);
            if let Ok(Ok(introduced)) = tokio::time::timeout(INTRODUCE_WITHIN, introduction).await {
                each(introduced);
            }
        });
    }
}

async fn introduce(
    mut stream: TcpStream,
    from: SocketAddr,
    permit: OwnedSemaphorePermit,
) -> io::Result<Introduced> {
    stream.set_nodelay(true)?;
    let mut frames = Frames::default();
    let mut taken = Vec::new();
    let mut buffer = [0; 1_024];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        taken.extend_from_slice(&buffer[..length]);
        frames.push(&buffer[..length]);
        let packet = frames.next().map_err(|_| io::ErrorKind::InvalidData)?;
        let Some(packet) = packet else {
            continue;
        };
        let ufrag = binding_username(packet).ok_or(io::ErrorKind::InvalidData)?.to_owned();
        return Ok(Introduced {
            stream: stream.into_std()?,
            from: SocketAddr::new(from.ip().to_canonical(), from.port()),
            ufrag,
            first: taken,
            permit,
        });
    }
}

/// Reads packets, beginning with the bytes already read, until the connection ends or does not
/// follow its framing.
async fn receive<T: From<Packet>>(
    mut read: OwnedReadHalf,
    first: Vec<u8>,
    from: SocketAddr,
    packets: &mpsc::Sender<T>,
) -> Option<()> {
    let mut frames = Frames::default();
    frames.push(&first);
    drop(first);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        while let Some(packet) = frames.next().ok()? {
            let bytes = packet.to_vec();
            packets.send(Packet { from, bytes }.into()).await.ok()?;
        }
        let length = read.read(&mut buffer).await.ok()?;
        if length == 0 {
            return None;
        }
        frames.push(&buffer[..length]);
    }
}

/// Writes packets, all that wait in one call.
async fn send(mut write: OwnedWriteHalf, mut packets: mpsc::Receiver<Vec<u8>>) {
    let mut waiting = Vec::with_capacity(WAITING_MAX);
    let mut stream = Vec::new();
    while packets.recv_many(&mut waiting, WAITING_MAX).await > 0 {
        stream.clear();
        for packet in waiting.drain(..) {
            frame(&packet, &mut stream);
        }
        if write.write_all(&stream).await.is_err() {
            return;
        }
    }
}
