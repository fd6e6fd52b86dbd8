//! What happened, as one number and, if wanted, as lines.

use std::fmt::Write as _;

/// The trace of a history.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// A trace that keeps its lines if `kept`.
    pub(crate) fn new(kept: bool) -> Self {
        Self { hash: 0, lines: kept.then(Vec::new) }
    }

    /// Takes note of something that happened at `now` (milliseconds from the beginning).
    pub(crate) fn note(&mut self, now: u64, who: &str, what: &str) {
        self.mix(now);
        self.mix_text(who);
        self.mix_text(what);
        if let Some(lines) = &mut self.lines {
            let mut line = String::with_capacity(what.len() + 40);
            // Writing to a `String` cannot fail.
            let _ = write!(line, "{:6}.{:03} {who:<22} {what}", now / 1000, now % 1000);
            lines.push(line);
        }
    }

    /// Whether lines are kept, so that making them is worth the while.
    pub(crate) fn is_kept(&self) -> bool {
        self.lines.is_some()
    }

    /// The number of all that was noted: the same for the same history.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.hash
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }

    pub(crate) fn mix(&mut self, number: u64) {
        self.hash = (self.hash.rotate_left(5) ^ number).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn mix_text(&mut self, text: &str) {
        let mut chunks = text.as_bytes().chunks_exact(8);
        for chunk in &mut chunks {
            // The chunks are eight bytes long.
            self.mix(u64::from_le_bytes(chunk.try_into().unwrap_or_default()));
        }
        for byte in chunks.remainder() {
            self.mix(u64::from(*byte));
        }
        self.mix(text.len() as u64);
    }
}
