//! A connection that keeps to no rule: it sends what it likes and reads only if it wants to.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use crate::wire::{
    frame::{self, Opcode},
    handshake,
};

/// How long a blocked attacker waits before it goes on with something else.
const PATIENCE: Duration = Duration::from_millis(500);

/// An attacker's connection.
#[derive(Debug)]
pub(super) struct Rude(TcpStream);

impl Rude {
    /// Connects and says nothing.
    pub(super) fn connect(server: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(server)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(socket))
    }

    /// Connects and upgrades.
    pub(super) fn upgrade(server: SocketAddr) -> io::Result<Self> {
        let mut rude = Self::connect(server)?;
        rude.say(handshake::request(server, "/v1/ws", handshake::BELLWIRE).as_bytes())?;
        let mut head = Vec::new();
        let mut byte = [0; 512];
        while handshake::head_end(&head).is_none() {
            let read = rude.0.read(&mut byte)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            head.extend_from_slice(&byte[..read]);
        }
        Ok(rude)
    }

    /// Connects, upgrades and logs `user` in by name.
    pub(super) fn log_in(server: SocketAddr, user: &str) -> io::Result<Self> {
        let mut rude = Self::upgrade(server)?;
        let login = format!(r#""login":{{"app":"dev","user":"{user}"}}"#);
        rude.text(&format!(r#"{{"id":1,"do":"hello","device":{{"id":"d"}},{login}}}"#))?;
        rude.hear()?;
        Ok(rude)
    }

    /// Sends bytes.
    pub(super) fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Sends a text frame.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(text.len() + 14);
        frame::push(&mut bytes, Opcode::Text, text.as_bytes(), Some([1, 2, 3, 4]));
        self.say(&bytes)
    }

    /// Waits for something and drops it; an error when the server has closed.
    pub(super) fn hear(&mut self) -> io::Result<()> {
        match self.0.read(&mut [0; 4096])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Drops what has come, without waiting; an error when the server has closed.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        self.0.set_nonblocking(true)?;
        let drained = loop {
            match self.0.read(&mut [0; 4096]) {
                Ok(0) => break Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.0.set_nonblocking(false)?;
        drained
    }

    /// Whether the server has closed or dropped the connection; nothing is read for it.
    pub(super) fn is_over(&self) -> bool {
        // A closed connection still gives what came before the end: only its failure shows.
        self.0.take_error().map_or(true, |error| error.is_some())
    }
}

impl Drop for Rude {
    fn drop(&mut self) {
        // It may be closed already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
