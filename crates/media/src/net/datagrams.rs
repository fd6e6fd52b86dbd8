//! Datagrams that came together, in one piece of memory.

use std::net::{IpAddr, SocketAddr};

/// A datagram that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datagram<'a> {
    pub(crate) from: SocketAddr,
    /// Which of our addresses it was sent to; the answer must come from it.
    pub(crate) to: Option<IpAddr>,
    pub(crate) bytes: &'a [u8],
}

/// Some datagrams, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Datagrams {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    from: SocketAddr,
    to: Option<IpAddr>,
    /// Where its bytes end; they begin where those of the one before do.
    end: usize,
}

impl Datagrams {
    pub(crate) fn push(&mut self, datagram: Datagram<'_>) {
        let Datagram { from, to, bytes } = datagram;
        self.bytes.extend_from_slice(bytes);
        self.entries.push(Entry { from, to, end: self.bytes.len() });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        let mut start = 0;
        self.entries.iter().map(move |&Entry { from, to, end }| {
            let bytes = &self.bytes[start..end];
            start = end;
            Datagram { from, to, bytes }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_out_as_they_went_in() {
        let of = |port: u16, bytes| {
            let from = SocketAddr::from(([192, 0, 2, 1], port));
            Datagram { from, to: (port == 1).then(|| [192, 0, 2, 2].into()), bytes }
        };
        let all: [Datagram<'_>; 3] = [of(1, b"one"), of(2, b""), of(1, b"three")];
        let mut datagrams = Datagrams::default();
        for _ in 0..2 {
            for datagram in all {
                datagrams.push(datagram);
            }
            assert!(datagrams.iter().eq(all));
            datagrams.clear();
            assert!(datagrams.is_empty());
        }
    }
}
