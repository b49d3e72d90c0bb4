//! Packing: bytes go in, in any portions; blocks come out.

use std::sync::Arc;

use lz4_flex::block::{compress_into, get_maximum_output_size};
use stage03::{DiskFile, Error, Offset, Result};

use super::layout::{BlockEntry, ENTRY_BYTES, HEADER_BYTES, Header, Trailer};
use super::{BLOCK_BYTES_MAX, Compression, PackOptions};

/// Writes a packed file, from its first byte to its last.
///
/// It takes the memory of two blocks, and 16 bytes for each block that it has written: a thousandth of the segment if
/// the blocks have their usual size. After an error the file is of no use, and the writer has to be dropped.
#[derive(Debug)]
pub struct PackedWriter {
    file: Arc<dyn DiskFile>,
    header: Header,
    /// The bytes of the next block, fewer than a whole one between two calls.
    block: Vec<u8>,
    /// Where a block is compressed.
    scratch: Vec<u8>,
    table: Vec<BlockEntry>,
    /// Where the next block goes.
    position: u64,
    length: u64,
}

/// How large a segment is, and how large it is when it is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedSizes {
    /// Bytes that went in.
    pub length: u64,
    /// Bytes that the file has.
    pub stored_bytes: u64,
}

impl PackedWriter {
    /// Begins to pack the records from `base` up to `end` into `file`, which is empty.
    pub fn new(file: Arc<dyn DiskFile>, options: PackOptions, base: Offset, end: Offset) -> Result<PackedWriter> {
        let PackOptions { compression, block_bytes } = options;
        let block_bytes = block_bytes.clamp(1, BLOCK_BYTES_MAX);
        let header = Header { compression, block_bytes, base, end };
        write(&file, &header.encode(), 0)?;
        let scratch = match compression {
            Compression::None => Vec::new(),
            Compression::Lz4 => vec![0; get_maximum_output_size(block_bytes as usize)],
        };
        let block = Vec::with_capacity(block_bytes as usize);
        Ok(PackedWriter { file, header, block, scratch, table: Vec::new(), position: HEADER_BYTES as u64, length: 0 })
    }

    /// Adds bytes. Those of a whole block go to the file.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        let block_bytes = self.header.block_bytes as usize;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(block_bytes - self.block.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == block_bytes {
                self.write_block()?;
            }
        }
        Ok(())
    }

    /// Writes what is left, and makes the file durable. `largest_timestamp_ms` is that of the records which are packed,
    /// or of those that they stand for.
    pub fn finish(mut self, largest_timestamp_ms: u64) -> Result<PackedSizes> {
        if !self.block.is_empty() {
            self.write_block()?;
        }
        let mut tail = Vec::with_capacity(self.table.len() * ENTRY_BYTES);
        self.table.iter().for_each(|entry| tail.extend(entry.encode()));
        let (table_position, blocks) = (self.position, self.table.len() as u64);
        let mut sum = crc32fast::Hasher::new();
        sum.update(&tail);
        tail.extend(Trailer { table_position, blocks, length: self.length, largest_timestamp_ms }.encode(sum));
        write(&self.file, &tail, self.position)?;
        self.file.sync_data().map_err(|e| Error::io("sync", self.file.path(), e))?;
        Ok(PackedSizes { length: self.length, stored_bytes: self.position + tail.len() as u64 })
    }

    fn write_block(&mut self) -> Result<()> {
        let stored = match self.header.compression {
            Compression::None => None,
            // An error would be one of space, and there is enough for the worst case.
            Compression::Lz4 => compress_into(&self.block, &mut self.scratch).ok().map(|len| &self.scratch[..len]),
        };
        // What does not become smaller is stored as it is: that is how a reader tells the two apart.
        let stored = stored.filter(|stored| stored.len() < self.block.len()).unwrap_or(&self.block);
        write(&self.file, stored, self.position)?;
        let (stored_len, crc) = (stored.len() as u32, crc32fast::hash(stored));
        self.table.push(BlockEntry { position: self.position, stored_len, crc });
        self.position += u64::from(stored_len);
        self.length += self.block.len() as u64;
        self.block.clear();
        Ok(())
    }
}

fn write(file: &Arc<dyn DiskFile>, bytes: &[u8], position: u64) -> Result<()> {
    let written = file.write_at(bytes, position);
    written.map_err(|e| Error::io(format!("write at byte {position}"), file.path(), e))
}
