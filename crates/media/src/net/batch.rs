//! Sending many datagrams with few system calls.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};

use super::udp::Udp;

/// Datagrams kept while the system takes no more. Half a second at 100 Mbit/s; what would wait
/// longer is better lost, since media that late is of no use.
const WAITING_MAX: usize = 4_096;

/// The most bytes in one call: the largest UDP payload.
const CALL_MAX_BYTES: usize = 65_000;

/// Datagrams on their way out.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    queue: VecDeque<Waiting>,
    /// Several datagrams in a row, for the system to cut up again (GSO).
    joined: Vec<u8>,
}

#[derive(Debug)]
struct Waiting {
    to: SocketAddr,
    from: Option<IpAddr>,
    bytes: Vec<u8>,
}

impl Batch {
    pub(crate) fn push(&mut self, to: SocketAddr, from: Option<IpAddr>, bytes: Vec<u8>) {
        if self.queue.len() == WAITING_MAX {
            self.queue.pop_front();
        }
        self.queue.push_back(Waiting { to, from, bytes });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Sends what the system takes; the rest stays.
    pub(crate) fn send(&mut self, udp: &Udp) {
        while let Some(first) = self.queue.front() {
            let count = run(&self.queue, udp.segments_max());
            let (to, from, segment) = (first.to, first.from, first.bytes.len());
            let sent = if count == 1 {
                udp.send(to, from, &first.bytes, None)
            } else {
                self.joined.clear();
                for waiting in self.queue.iter().take(count) {
                    self.joined.extend_from_slice(&waiting.bytes);
                }
                udp.send(to, from, &self.joined, Some(segment))
            };
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An address that cannot be reached loses its datagrams, as any network may.
                Ok(()) | Err(_) => drop(self.queue.drain(..count)),
            }
        }
    }
}

/// How many of the first datagrams can go in one call: to one address and of one length, but for a
/// last one that may be shorter.
fn run(queue: &VecDeque<Waiting>, most: usize) -> usize {
    let Some(first) = queue.front() else {
        return 0;
    };
    let length = first.bytes.len();
    let most = most.min(CALL_MAX_BYTES / length.max(1)).max(1);
    let mut count = 1;
    for waiting in queue.iter().take(most).skip(1) {
        let is_same = (waiting.to, waiting.from) == (first.to, first.from);
        if !is_same || waiting.bytes.len() > length {
            break;
        }
        count += 1;
        if waiting.bytes.len() < length {
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
        let queue = |lengths: &[(u16, usize)]| -> VecDeque<Waiting> {
            lengths
                .iter()
                .map(|(port, length)| Waiting {
                    to: SocketAddr::from(([127, 0, 0, 1], *port)),
                    from: None,
                    bytes: vec![0; *length],
                })
                .collect()
        };
        let table: [(&[(u16, usize)], usize); 7] = [
            (&[], 0),
            (&[(1, 9)], 1),
            (&[(1, 9), (1, 9), (2, 9)], 2),
            (&[(1, 9), (1, 9), (1, 4), (1, 9)], 3),
            (&[(1, 9), (1, 10)], 1),
            (&[(1, 9), (1, 9), (1, 9), (1, 9), (1, 9)], 4),
            (&[(1, 40_000), (1, 40_000)], 1),
        ];
        for (lengths, expected) in table {
            assert_eq!(run(&queue(lengths), 4), expected, "{lengths:?}");
        }
    }
}
