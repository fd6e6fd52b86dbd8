//! Room on the disk that is given up when there is no other.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::PathBuf,
};

/// A file of zeros. While it exists, a full disk stops others before it stops the journal.
#[derive(Clone)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
}

/// Written at once, in bytes.
const PIECE: usize = 1024 * 1024;

impl Reserve {
    pub(super) fn new(path: PathBuf, bytes: u64) -> Self {
        Self { path, bytes }
    }

    /// Makes the file unless it is whole. If it cannot be made whole, what was made of it is
    /// removed again. Blocks for as long as the disk takes.
    pub(super) fn make(&self) -> io::Result<()> {
        if self.bytes == 0 {
            return self.give_up();
        }
        if fs::metadata(&self.path).is_ok_and(|found| found.len() == self.bytes) {
            return Ok(());
        }
        let made = self.fill();
        if made.is_err() {
            self.give_up()?;
        }
        made
    }

    /// Removes the file.
    pub(super) fn give_up(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes real zeros: a file that is only set to its length takes no room.
    fn fill(&self) -> io::Result<()> {
        let zeros = vec![0_u8; PIECE];
        let mut file = File::create(&self.path)?;
        let mut left = self.bytes;
        while left > 0 {
            let now = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            file.write_all(&zeros[..now])?;
            left -= now as u64;
        }
        // Some file systems find out only now that there is no room.
        file.sync_all()
    }
}
