//! The bytes of a checkpoint.
//!
//! ```text
//! header, 40 bytes
//!    0  magic     "SIXLOG\0K"
//!    8  version   u32   1
//!   12  zero      u32
//!   16  offset    u64   the records in front of it are in this checkpoint
//!   24  entries   u64   keys in the whole file
//!   32  zero      u32
//!   36  crc       u32   over bytes 0 to 35
//! blocks, each
//!    0  bytes     u32   of the entries, at least 1
//!    4  entries   u32
//!    8  crc       u32   over the offset, the block's number (u64), bytes, entries, and the entries themselves
//!   12  entries: key length u32, key, value length u32, value; keys ascend through the whole file
//! trailer, 20 bytes
//!    0  zero      u32   where a block has its bytes
//!    4  blocks    u32
//!    8  length    u64   of the file
//!   16  crc       u32   over the offset and bytes 0 to 15
//! ```
//!
//! Numbers are little-endian, the checksum is CRC-32 (IEEE). Each checksum covers the offset, and a block's covers its
//! number: a block of another checkpoint, or of another place in this one, does not pass.

use stage04::{Offset, RECORD_BYTES_MAX};

pub(crate) const MAGIC: [u8; 8] = *b"SIXLOG\0K";
pub(crate) const VERSION: u32 = 1;
pub(crate) const HEADER_BYTES: usize = 40;
pub(crate) const BLOCK_HEADER_BYTES: usize = 12;
pub(crate) const TRAILER_BYTES: usize = 20;

/// A block is complete at the latest when it has this many bytes.
pub(crate) const BLOCK_BYTES_LIMIT: usize = 1024 * 1024;
/// No block has more: one that was nearly complete, and the largest entry. A reader sets no more memory aside.
pub(crate) const BLOCK_BYTES_MAX: usize = BLOCK_BYTES_LIMIT + 8 + RECORD_BYTES_MAX;

/// The header's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) offset: Offset,
    pub(crate) entries: u64,
}

impl Header {
    pub(crate) fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.offset.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.entries.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..36]);
        bytes[36..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The numbers, or what is wrong with the bytes. The checksum is looked at last: what is no checkpoint at all, or
    /// one of a later version, is called that.
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Header, String> {
        if bytes[..8] != MAGIC {
            return Err("the header's magic is not that of a checkpoint".to_string());
        }
        match u32_at(bytes, 8) {
            VERSION => {}
            version => return Err(format!("a checkpoint of version {version}, expected {VERSION}")),
        }
        if crc32fast::hash(&bytes[..36]) != u32_at(bytes, 36) {
            return Err("the header's checksum does not fit".to_string());
        }
        if u32_at(bytes, 12) != 0 || u32_at(bytes, 32) != 0 {
            return Err("the header has something where zeros belong".to_string());
        }
        Ok(Header { offset: Offset(u64_at(bytes, 16)), entries: u64_at(bytes, 24) })
    }
}

/// The header of a block of `entries` entries, which are encoded in `body`.
pub(crate) fn block_header(offset: Offset, block: u32, entries: u32, body: &[u8]) -> [u8; BLOCK_HEADER_BYTES] {
    let mut bytes = [0; BLOCK_HEADER_BYTES];
    bytes[..4].copy_from_slice(&(body.len() as u32).to_le_bytes());
    bytes[4..8].copy_from_slice(&entries.to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&offset.0.to_le_bytes());
    crc.update(&u64::from(block).to_le_bytes());
    crc.update(&bytes[..8]);
    crc.update(body);
    bytes[8..].copy_from_slice(&crc.finalize().to_le_bytes());
    bytes
}

/// The end of a file of `length` bytes with `blocks` blocks.
pub(crate) fn trailer(offset: Offset, blocks: u32, length: u64) -> [u8; TRAILER_BYTES] {
    let mut bytes = [0; TRAILER_BYTES];
    bytes[4..8].copy_from_slice(&blocks.to_le_bytes());
    bytes[8..16].copy_from_slice(&length.to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&offset.0.to_le_bytes());
    crc.update(&bytes[..16]);
    bytes[16..].copy_from_slice(&crc.finalize().to_le_bytes());
    bytes
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
