//! Sending many datagrams with few system calls.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::packed::Packed;
use super::udp::Udp;

/// Datagrams kept while the system takes no more. Half a second at 100 Mbit/s; what would wait
/// longer is better lost, since media that late is of no use.
const WAITING_MAX: usize = 4_096;

/// The most bytes in one call: the largest UDP payload.
const CALL_MAX_BYTES: usize = 65_000;

/// Where a datagram goes, and from which of our addresses.
type Addresses = (SocketAddr, Option<IpAddr>);

/// Datagrams that the system did not take yet.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    waiting: Packed<Addresses>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Sends what the system takes of what waits and of these; the rest waits. `from` tells from
    /// which of our addresses one is reached.
    pub(crate) fn send(
        &mut self,
        udp: &Udp,
        datagrams: &Packed<SocketAddr>,
        from: impl Fn(SocketAddr) -> Option<IpAddr>,
    ) {
        if !self.waiting.is_empty() {
            let sent = send(udp, &self.waiting, |addresses| addresses);
            self.waiting.drop_first(sent);
        }
        let sent =
            if self.waiting.is_empty() { send(udp, datagrams, |to| (to, from(to))) } else { 0 };
        let lost = datagrams.len().saturating_sub(WAITING_MAX);
        for (to, bytes) in datagrams.iter().skip(sent.max(lost)) {
            self.waiting.push((to, from(to)), bytes);
        }
        self.waiting.drop_first(self.waiting.len().saturating_sub(WAITING_MAX));
    }
}

/// Sends datagrams until the system takes no more. How many it took.
fn send<T: Copy + PartialEq>(
    udp: &Udp,
    datagrams: &Packed<T>,
    addresses: impl Fn(T) -> Addresses,
) -> usize {
    let mut at = 0;
    while at < datagrams.len() {
        let count = run(datagrams, at, udp.segments_max());
        let (to, from) = addresses(datagrams.of(at));
        let segment = (count > 1).then(|| datagrams.bytes(at..at + 1).len());
        match udp.send(to, from, datagrams.bytes(at..at + count), segment) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            // An address that cannot be reached loses its datagrams, as any network may.
            Ok(()) | Err(_) => at += count,
        }
    }
    at
}

/// How many from that one on can go in one call, for the system to cut up again (GSO): to one
/// address and of one length, but for a last one that may be shorter.
fn run<T: Copy + PartialEq>(datagrams: &Packed<T>, first: usize, most: usize) -> usize {
    let length = datagrams.bytes(first..first + 1).len();
    let most = most.min(CALL_MAX_BYTES / length.max(1)).max(1);
    let mut count = 1;
    for at in (first + 1..datagrams.len()).take(most - 1) {
        let bytes = datagrams.bytes(at..at + 1);
        if datagrams.of(at) != datagrams.of(first) || bytes.len() > length {
            break;
        }
        count += 1;
        if bytes.len() < length {
            break;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_of_one_address_and_length() {
        let table: [(&[(u16, usize)], usize); 6] = [
            (&[(1, 9)], 1),
            (&[(1, 9), (1, 9), (2, 9)], 2),
            (&[(1, 9), (1, 9), (1, 4), (1, 9)], 3),
            (&[(1, 9), (1, 10)], 1),
            (&[(1, 9), (1, 9), (1, 9), (1, 9), (1, 9)], 4),
            (&[(1, 40_000), (1, 40_000)], 1),
        ];
        for (lengths, expected) in table {
            let mut datagrams = Packed::default();
            datagrams.push(0, b"sent before");
            for (port, length) in lengths {
                datagrams.push(*port, &vec![0; *length]);
            }
            assert_eq!(run(&datagrams, 1, 4), expected, "{lengths:?}");
        }
    }
}
