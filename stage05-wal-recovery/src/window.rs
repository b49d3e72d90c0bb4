//! Reading a file at any place, a large piece at a time.

use std::sync::Arc;

use stage04::{DiskFile, Error, Result};

/// How much is read at a time.
const READ_BYTES: usize = 64 * 1024;

/// A piece of a file in memory. It is as large as the largest piece that was asked for, and at least 64 KiB.
#[derive(Debug)]
pub(crate) struct Window {
    file: Arc<dyn DiskFile>,
    /// The file's length when the window was made. What is written behind it later is not seen.
    length: u64,
    /// Where in the file the piece starts.
    position: u64,
    bytes: Vec<u8>,
}

impl Window {
    pub(crate) fn new(file: &Arc<dyn DiskFile>) -> Result<Window> {
        let length = file.length().map_err(|e| Error::io("ask for the length", file.path(), e))?;
        Ok(Window { file: Arc::clone(file), length, position: 0, bytes: Vec::new() })
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn file(&self) -> &Arc<dyn DiskFile> {
        &self.file
    }

    /// The file's bytes from `position` on: `count` of them, or fewer if the file ends.
    pub(crate) fn at(&mut self, position: u64, count: usize) -> Result<&[u8]> {
        let left = self.length.saturating_sub(position);
        let count = count.min(usize::try_from(left).unwrap_or(usize::MAX));
        let end = self.position + self.bytes.len() as u64;
        if position < self.position || position + count as u64 > end {
            self.read(position, count.max(READ_BYTES.min(left as usize)))?;
        }
        let start = (position - self.position) as usize;
        Ok(&self.bytes[start..self.bytes.len().min(start + count)])
    }

    fn read(&mut self, position: u64, count: usize) -> Result<()> {
        match self.bytes.len() < count {
            true => self.bytes = vec![0; count],
            false => self.bytes.truncate(count),
        }
        self.position = position;
        let read = self.file.read_at(&mut self.bytes, position);
        let read = read.map_err(|e| Error::io(format!("read at byte {position}"), self.file.path(), e))?;
        // Fewer bytes than the file had: somebody cut it just now.
        self.bytes.truncate(read);
        Ok(())
    }
}

/// The first `count` bytes of a file, or all of it, and nothing more is read.
pub(crate) fn read_front(file: &Arc<dyn DiskFile>, count: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let read = file.read_at(&mut bytes, 0).map_err(|e| Error::io("read at byte 0", file.path(), e))?;
    bytes.truncate(read);
    Ok(bytes)
}
