//! The header, the table and the trailer of a packed file: to bytes and back. Each `decode` says what is wrong.

use crc32fast::Hasher;
use stage03::Offset;

use super::{BLOCK_BYTES_MAX, Compression, EXPANSION_MAX};

pub(super) const HEADER_BYTES: usize = 40;
pub(super) const ENTRY_BYTES: usize = 16;
pub(super) const TRAILER_BYTES: usize = 44;

const MAGIC: [u8; 8] = *b"SIXPACK\0";
const END_MAGIC: [u8; 8] = *b"KCAPXIS\0";
const VERSION: u32 = 1;

/// What a file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) compression: Compression,
    pub(super) block_bytes: u32,
    pub(super) base: Offset,
    pub(super) end: Offset,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let codec: u32 = match self.compression {
            Compression::None => 0,
            Compression::Lz4 => 1,
        };
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&codec.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.base.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.end.0.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.block_bytes.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..36]);
        bytes[36..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Header, String> {
        if bytes[..8] != MAGIC {
            return Err("this is not the start of a packed file".to_string());
        }
        let crc = crc32fast::hash(&bytes[..36]);
        if crc != u32_at(bytes, 36) {
            return Err(format!("the header's checksum is {:08x}, its bytes give {crc:08x}", u32_at(bytes, 36)));
        }
        let compression = match (u32_at(bytes, 8), u32_at(bytes, 12)) {
            (VERSION, 0) => Compression::None,
            (VERSION, 1) => Compression::Lz4,
            (VERSION, codec) => return Err(format!("there is no codec {codec}")),
            (version, _) => return Err(format!("version {version} of the format is unknown; this is {VERSION}")),
        };
        let (base, end) = (Offset(u64_at(bytes, 16)), Offset(u64_at(bytes, 24)));
        let block_bytes = u32_at(bytes, 32);
        match block_bytes {
            _ if base > end => Err(format!("the records end at {end}, in front of their start {base}")),
            1..=BLOCK_BYTES_MAX => Ok(Header { compression, block_bytes, base, end }),
            _ => Err(format!("blocks of {block_bytes} bytes are not between 1 and {BLOCK_BYTES_MAX}")),
        }
    }
}

/// Where a block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockEntry {
    pub(super) position: u64,
    pub(super) stored_len: u32,
    pub(super) crc: u32,
}

impl BlockEntry {
    pub(super) fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.position.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.stored_len.to_le_bytes());
        bytes[12..].copy_from_slice(&self.crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> BlockEntry {
        BlockEntry { position: u64_at(bytes, 0), stored_len: u32_at(bytes, 8), crc: u32_at(bytes, 12) }
    }

    /// Whether a block of `length` bytes can lie here, behind what ends at `position`.
    pub(super) fn fits(&self, position: u64, length: u32, compression: Compression) -> bool {
        let shrunk = match compression {
            Compression::None => false,
            Compression::Lz4 => {
                self.stored_len < length && u64::from(length) <= u64::from(self.stored_len) * EXPANSION_MAX
            }
        };
        self.position == position && (self.stored_len == length || shrunk)
    }
}

/// What a file ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trailer {
    pub(super) table_position: u64,
    pub(super) blocks: u64,
    pub(super) length: u64,
    pub(super) largest_timestamp_ms: u64,
}

impl Trailer {
    /// The trailer behind a table whose bytes have this sum.
    pub(super) fn encode(&self, table_sum: Hasher) -> [u8; TRAILER_BYTES] {
        let mut bytes = [0; TRAILER_BYTES];
        bytes[..8].copy_from_slice(&self.table_position.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.blocks.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.length.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.largest_timestamp_ms.to_le_bytes());
        let crc = checksum(table_sum, &bytes);
        bytes[32..36].copy_from_slice(&crc.to_le_bytes());
        bytes[36..].copy_from_slice(&END_MAGIC);
        bytes
    }

    /// The trailer of a file of `stored_bytes` bytes. Its numbers agree with each other and with the file's length, so
    /// that the table may be read; but no checksum was looked at, which takes the table.
    pub(super) fn decode(bytes: &[u8; TRAILER_BYTES], header: &Header, stored_bytes: u64) -> Result<Trailer, String> {
        if bytes[36..] != END_MAGIC {
            return Err("this is not the end of a packed file".to_string());
        }
        let trailer = Trailer {
            table_position: u64_at(bytes, 0),
            blocks: u64_at(bytes, 8),
            length: u64_at(bytes, 16),
            largest_timestamp_ms: u64_at(bytes, 24),
        };
        let Trailer { table_position, blocks, length, .. } = trailer;
        let table_bytes = blocks.checked_mul(ENTRY_BYTES as u64);
        let end = table_bytes.and_then(|bytes| bytes.checked_add(table_position)?.checked_add(TRAILER_BYTES as u64));
        if end != Some(stored_bytes) {
            return Err(format!("a table of {blocks} blocks at byte {table_position} does not end here"));
        }
        match length.div_ceil(header.block_bytes.into()) == blocks {
            true => Ok(trailer),
            false => Err(format!("{length} bytes do not make {blocks} blocks of {} bytes", header.block_bytes)),
        }
    }

    /// Holds the checksum in the trailer's `bytes` against them and the sum of the table.
    pub(super) fn check(bytes: &[u8; TRAILER_BYTES], table_sum: Hasher) -> Result<(), String> {
        let (stated, found) = (u32_at(bytes, 32), checksum(table_sum, bytes));
        match stated == found {
            true => Ok(()),
            false => Err(format!("the checksum of table and trailer is {stated:08x}, their bytes give {found:08x}")),
        }
    }
}

/// The checksum over the table and the numbers of the trailer.
fn checksum(table_sum: Hasher, trailer: &[u8; TRAILER_BYTES]) -> u32 {
    let mut sum = table_sum;
    sum.update(&trailer[..32]);
    sum.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("a slice of four bytes is four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("a slice of eight bytes is eight bytes"))
}
