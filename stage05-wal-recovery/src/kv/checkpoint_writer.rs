//! Writing a checkpoint's file, block by block.

use stage04::{DiskFile, Error, Offset, Result};

use super::checkpoint_format::{BLOCK_BYTES_LIMIT, Header, TRAILER_BYTES, block_header, trailer};
use super::table::State;

/// Writes all of `state` to an empty file. Nothing is synced.
pub(crate) fn write(file: &dyn DiskFile, state: &State, block_bytes: usize) -> Result<()> {
    let mut writer = Writer { file, offset: state.next, position: 0, blocks: 0, entries: 0, body: Vec::new() };
    let header = Header { offset: state.next, entries: state.map.len() as u64 };
    writer.put(&header.encode())?;
    for (key, value) in &*state.map {
        writer.add(key, value);
        if writer.body.len() >= block_bytes.min(BLOCK_BYTES_LIMIT) {
            writer.end_block()?;
        }
    }
    if writer.entries > 0 {
        writer.end_block()?;
    }
    let length = writer.position + TRAILER_BYTES as u64;
    writer.put(&trailer(state.next, writer.blocks, length))
}

/// A file that grows.
struct Writer<'a> {
    file: &'a dyn DiskFile,
    offset: Offset,
    /// Where the file ends, in bytes.
    position: u64,
    /// Blocks that are written.
    blocks: u32,
    /// The block that is being filled.
    entries: u32,
    body: Vec<u8>,
}

impl Writer<'_> {
    fn add(&mut self, key: &[u8], value: &[u8]) {
        for field in [key, value] {
            // They came in a record, so each of them is small.
            self.body.extend((field.len() as u32).to_le_bytes());
            self.body.extend_from_slice(field);
        }
        self.entries += 1;
    }

    fn end_block(&mut self) -> Result<()> {
        let body = std::mem::take(&mut self.body);
        self.put(&block_header(self.offset, self.blocks, self.entries, &body))?;
        self.put(&body)?;
        self.blocks += 1;
        self.entries = 0;
        // The memory is used again.
        self.body = body;
        self.body.clear();
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_at(bytes, self.position);
        written.map_err(|e| Error::io(format!("write at byte {}", self.position), self.file.path(), e))?;
        self.position += bytes.len() as u64;
        Ok(())
    }
}
