//! One device's connection: its socket, and what has not gone out or not come in whole.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::wire::{
    frame::{self, Opcode},
    mask::Masks,
};

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The upgrade is asked for.
    Upgrading,
    /// The hello is said.
    Greeting,
    /// Logged in.
    Ready,
    Closed,
}

/// A device's connection.
#[derive(Debug)]
pub(crate) struct Line {
    pub(super) socket: TcpStream,
    pub(super) stage: Stage,
    /// The user, with whom the hello is said.
    pub(super) user: String,
    /// The part of a frame that has come.
    pub(super) inbound: Vec<u8>,
    /// What the socket has not taken yet.
    outbound: Vec<u8>,
    masks: Masks,
    last_id: u64,
}

impl Line {
    /// Connects, from `source` if that matters.
    pub(super) fn connect(
        server: SocketAddr,
        source: Option<Ipv4Addr>,
        user: String,
        seed: u32,
    ) -> io::Result<Self> {
        let socket = connect(server, source)?;
        Ok(Self {
            socket,
            stage: Stage::Upgrading,
            user,
            inbound: Vec::new(),
            outbound: Vec::new(),
            masks: Masks::new(seed),
            last_id: 0,
        })
    }

    /// Sends bytes that are no frame.
    pub(super) fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.outbound.extend_from_slice(bytes);
        self.flush()
    }

    /// Sends a frame.
    pub(crate) fn send(&mut self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mask = self.masks.next();
        frame::push(&mut self.outbound, opcode, payload, Some(mask));
        self.flush()
    }

    /// Sends a request: an object with these fields after the `id`, which is returned.
    pub(crate) fn request(&mut self, fields: &[&[u8]]) -> io::Result<u64> {
        self.last_id += 1;
        let mut text = Vec::with_capacity(160);
        // Writing to a `Vec` cannot fail.
        let _ = write!(text, r#"{{"id":{},"#, self.last_id);
        for field in fields {
            text.extend_from_slice(field);
        }
        text.push(b'}');
        self.send(Opcode::Text, &text)?;
        Ok(self.last_id)
    }

    /// Sends what waits, as far as the socket takes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        let done = loop {
            if sent == self.outbound.len() {
                break Ok(());
            }
            match (&self.socket).write(&self.outbound[sent..]) {
                Ok(more) => sent += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.outbound.drain(..sent);
        done
    }

    /// Reads once into `buffer`: `None` when nothing is there, 0 when the other side has closed.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            return match (&self.socket).read(buffer) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
        }
    }

    /// The user who is logged in here.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }
}

/// A connected socket that does not block and sends at once.
fn connect(server: SocketAddr, source: Option<Ipv4Addr>) -> io::Result<TcpStream> {
    let socket = match source {
        None => TcpStream::connect(server)?,
        Some(source) => {
            let flags = SocketFlags::CLOEXEC;
            let socket =
                rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
            rustix::net::bind(&socket, &SocketAddr::from((source, 0)))?;
            rustix::net::connect(&socket, &server)?;
            TcpStream::from(socket)
        }
    };
    socket.set_nonblocking(true)?;
    socket.set_nodelay(true)?;
    Ok(socket)
}
