//! A packed file as the file that was packed.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use lz4_flex::block::decompress_into;
use stage03::{DiskFile, Error, Offset, Result};

use super::PackOptions;
use super::layout::{BlockEntry, ENTRY_BYTES, HEADER_BYTES, Header, TRAILER_BYTES, Trailer};

/// The bytes that were packed, for reading alone.
///
/// Its table is in memory: 16 bytes for each block. Nothing is kept of a block that was read. The operating system has
/// it in its cache, compressed, and to unpack it again costs less than a lock that all readers would share.
#[derive(Debug)]
pub struct PackedFile {
    file: Arc<dyn DiskFile>,
    header: Header,
    trailer: Trailer,
    table: Vec<BlockEntry>,
    stored_bytes: u64,
}

impl PackedFile {
    /// Opens a packed file and reads its header, its table and its trailer, but none of its blocks.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if one of these is not as a [`PackedWriter`](super::PackedWriter) makes it, [`Error::Io`] if
    /// the file cannot be read.
    pub fn open(file: Arc<dyn DiskFile>) -> Result<Arc<PackedFile>> {
        let stored_bytes = file.length().map_err(|e| Error::io("ask the length of", file.path(), e))?;
        if stored_bytes < (HEADER_BYTES + TRAILER_BYTES) as u64 {
            return Err(damaged(&file, 0, format!("{stored_bytes} bytes are too few for a packed file")));
        }
        let mut bytes = [0; HEADER_BYTES];
        read(&file, &mut bytes, 0)?;
        let header = Header::decode(&bytes).map_err(|what| damaged(&file, 0, what))?;
        let trailer_position = stored_bytes - TRAILER_BYTES as u64;
        let mut bytes = [0; TRAILER_BYTES];
        read(&file, &mut bytes, trailer_position)?;
        let trailer = Trailer::decode(&bytes, &header, stored_bytes);
        let trailer = trailer.map_err(|what| damaged(&file, trailer_position, what))?;
        let mut packed = PackedFile { file, header, trailer, table: Vec::new(), stored_bytes };
        let table_sum = packed.read_table()?;
        let checked = Trailer::check(&bytes, table_sum);
        checked.map_err(|what| damaged(&packed.file, trailer.table_position, what))?;
        Ok(Arc::new(packed))
    }

    /// The offset of the first record that it stands for.
    pub fn base(&self) -> Offset {
        self.header.base
    }

    /// The offset behind the last record that it stands for.
    pub fn end(&self) -> Offset {
        self.header.end
    }

    /// The largest timestamp of its records, in milliseconds since the Unix epoch.
    pub fn largest_timestamp_ms(&self) -> u64 {
        self.trailer.largest_timestamp_ms
    }

    /// How it was packed.
    pub fn options(&self) -> PackOptions {
        PackOptions { compression: self.header.compression, block_bytes: self.header.block_bytes }
    }

    /// Bytes that it takes on disk.
    pub fn stored_bytes(&self) -> u64 {
        self.stored_bytes
    }

    /// Fills the table, and gives the sum of its bytes.
    ///
    /// Each entry has to follow from the one before it: the blocks lie back to back between the header and the table,
    /// and no length is out of reach. A checksum only says that the table is the one that somebody wrote. It also ends
    /// a table of zeros, which costs no disk and could be of any length, before it costs memory.
    fn read_table(&mut self) -> Result<crc32fast::Hasher> {
        let Trailer { table_position, blocks, .. } = self.trailer;
        let mut sum = crc32fast::Hasher::new();
        let mut end = HEADER_BYTES as u64;
        let mut portion = [0; ENTRY_BYTES * 256];
        for first in (0..blocks).step_by(256) {
            let entries = (blocks - first).min(256) as usize;
            let portion = &mut portion[..entries * ENTRY_BYTES];
            read(&self.file, portion, table_position + first * ENTRY_BYTES as u64)?;
            sum.update(portion);
            for (number, bytes) in (first..).zip(portion.chunks_exact(ENTRY_BYTES)) {
                let entry = BlockEntry::decode(bytes);
                if !entry.fits(end, self.block_len(number), self.header.compression) {
                    let what = format!("block {number} cannot be {entry:?} behind byte {end}");
                    return Err(damaged(&self.file, table_position + number * ENTRY_BYTES as u64, what));
                }
                end = end.saturating_add(entry.stored_len.into());
                self.table.push(entry);
            }
        }
        match end == table_position {
            true => Ok(sum),
            false => {
                Err(damaged(&self.file, end, format!("the blocks end, the table starts at byte {table_position}")))
            }
        }
    }

    /// How many bytes of the segment a block holds.
    fn block_len(&self, number: u64) -> u32 {
        let left = self.trailer.length - number * u64::from(self.header.block_bytes);
        // No more than `block_bytes`, so it fits.
        left.min(self.header.block_bytes.into()) as u32
    }

    /// Reads a whole block into `target`, which is as long as the block.
    fn read_block(&self, number: usize, target: &mut [u8]) -> io::Result<()> {
        let BlockEntry { position, stored_len, crc } = self.table[number];
        if stored_len as usize == target.len() {
            read_exactly(&self.file, target, position)?;
            return self.check_sum(target, crc, number);
        }
        let mut stored = vec![0; stored_len as usize];
        read_exactly(&self.file, &mut stored, position)?;
        self.check_sum(&stored, crc, number)?;
        match decompress_into(&stored, target) {
            Ok(length) if length == target.len() => Ok(()),
            Ok(length) => Err(self.damage(number, format!("unpacks to {length} bytes, not to {}", target.len()))),
            Err(e) => Err(self.damage(number, format!("cannot be unpacked: {e}"))),
        }
    }

    fn check_sum(&self, stored: &[u8], crc: u32, number: usize) -> io::Result<()> {
        match crc32fast::hash(stored) {
            found if found == crc => Ok(()),
            found => Err(self.damage(number, format!("has the checksum {found:08x} and should have {crc:08x}"))),
        }
    }

    fn damage(&self, number: usize, what: String) -> io::Error {
        let position = self.table[number].position;
        io::Error::new(ErrorKind::InvalidData, format!("block {number}, which lies at byte {position}, {what}"))
    }
}

impl DiskFile for PackedFile {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let block_bytes = u64::from(self.header.block_bytes);
        let left = usize::try_from(self.trailer.length.saturating_sub(position)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let mut scratch = Vec::new();
        let mut read = 0;
        while read < wanted {
            let at = position + read as u64;
            let (number, skip) = (at / block_bytes, (at % block_bytes) as usize);
            let length = self.block_len(number) as usize;
            // A block of the table, which is in memory.
            let number = number as usize;
            let part = (length - skip).min(wanted - read);
            let target = &mut buffer[read..read + part];
            if part == length {
                self.read_block(number, target)?;
            } else {
                scratch.resize(length, 0);
                self.read_block(number, &mut scratch)?;
                target.copy_from_slice(&scratch[skip..skip + part]);
            }
            read += part;
        }
        Ok(wanted)
    }

    fn write_at(&self, _bytes: &[u8], _position: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.trailer.length)
    }

    fn truncate(&self, _length: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(read_only())
    }

    fn os_file(&self) -> Option<&File> {
        // Its bytes are not those of this file: a map of it would be wrong.
        None
    }
}

fn read_only() -> io::Error {
    io::Error::new(ErrorKind::Unsupported, "a packed file is for reading alone")
}

fn damaged(file: &Arc<dyn DiskFile>, position: u64, what: String) -> Error {
    Error::Damaged { path: file.path().to_owned(), position, what }
}

fn read(file: &Arc<dyn DiskFile>, buffer: &mut [u8], position: u64) -> Result<()> {
    let read = read_exactly(file, buffer, position);
    read.map_err(|e| Error::io(format!("read at byte {position}"), file.path(), e))
}

fn read_exactly(file: &Arc<dyn DiskFile>, buffer: &mut [u8], position: u64) -> io::Result<()> {
    match file.read_at(buffer, position)? {
        read if read == buffer.len() => Ok(()),
        read => {
            let what = format!("the file ends at byte {}: it was cut while it was open", position + read as u64);
            Err(io::Error::new(ErrorKind::UnexpectedEof, what))
        }
    }
}
