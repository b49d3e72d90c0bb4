//! What a segment's file begins with: one block that says what the file is.
//!
//! ```text
//! bytes  0..8    "SIXLOG\0\x05"                                    the format
//! bytes  8..12   1                                                 its version         u32, little-endian as all
//! bytes 12..16   0                                                 flags               u32
//! bytes 16..24   the offset of the segment's first record                              u64
//! bytes 24..32   the salt: a random number of this file alone                          u64
//! bytes 32..40   when the file was made, in milliseconds since the Unix epoch          u64
//! bytes 40..60   zeros
//! bytes 60..64   the checksum of bytes 0..60                       CRC-32 (IEEE)       u32
//! bytes 64..4096 zeros
//! ```
//!
//! The salt goes into the checksum of every frame's header. A frame that comes from another file, because a disk wrote
//! it to the wrong place or because the file's blocks had been another log's, is no frame here. SQLite's write-ahead
//! log has two such numbers.

use std::time::{SystemTime, UNIX_EPOCH};

use stage04::{FormatError, Offset};

/// The size of the block, and the position of the first frame. A whole page, so that the frames of a segment never
/// share a sector with its header.
pub const SEGMENT_HEADER_BYTES: usize = 4096;

/// What the file begins with: the format's name, a zero that keeps text tools off, and the stage.
pub const MAGIC: [u8; 8] = *b"SIXLOG\0\x05";

/// The version that this code writes, and the only one that it reads.
const VERSION: u32 = 1;

/// Where the checksum is, and how many bytes it covers.
const CRC_AT: usize = 60;

/// The end of the fields.
const FIELDS_BYTES: usize = 64;

/// The header of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The offset of the first record, or the first that it may have.
    pub base: Offset,
    /// The random number of this file.
    pub salt: u64,
    /// When the file was made, in milliseconds since the Unix epoch. For people: nothing depends on it.
    pub created_ms: u64,
}

impl SegmentHeader {
    /// The header of a file that is made now.
    pub fn new(base: Offset, salt: u64) -> SegmentHeader {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        SegmentHeader { base, salt, created_ms: since_epoch.as_millis() as u64 }
    }

    /// The whole block, [`SEGMENT_HEADER_BYTES`] long.
    pub fn encode(&self) -> Vec<u8> {
        let mut block = vec![0; SEGMENT_HEADER_BYTES];
        block[0..8].copy_from_slice(&MAGIC);
        block[8..12].copy_from_slice(&VERSION.to_le_bytes());
        block[16..24].copy_from_slice(&self.base.0.to_le_bytes());
        block[24..32].copy_from_slice(&self.salt.to_le_bytes());
        block[32..40].copy_from_slice(&self.created_ms.to_le_bytes());
        let crc = crc32fast::hash(&block[..CRC_AT]);
        block[CRC_AT..FIELDS_BYTES].copy_from_slice(&crc.to_le_bytes());
        block
    }

    /// The header in `block`, which is as much of the block as the file has.
    ///
    /// # Errors
    ///
    /// If the block is not whole, if its checksum does not fit, if it is another format or version, or if anything is
    /// set that this version leaves zero.
    pub fn decode(block: &[u8]) -> Result<SegmentHeader, FormatError> {
        if block.len() < SEGMENT_HEADER_BYTES {
            return Err(FormatError::Unfinished { bytes: block.len() as u64 });
        }
        if block[0..8] != MAGIC {
            let found = String::from_utf8_lossy(&block[0..8]).into_owned();
            return Err(FormatError::Malformed(format!("not a segment: it begins with {found:?}")));
        }
        let (expected, found) = (u32_at(block, CRC_AT), crc32fast::hash(&block[..CRC_AT]));
        if expected != found {
            return Err(FormatError::HeaderChecksum { expected, found });
        }
        let (version, flags) = (u32_at(block, 8), u32_at(block, 12));
        if version != VERSION {
            return Err(FormatError::Malformed(format!("version {version} of the format; this is version {VERSION}")));
        }
        if flags != 0 {
            return Err(FormatError::UnknownAttributes { found: flags, known: 0 });
        }
        let padding = &block[FIELDS_BYTES..SEGMENT_HEADER_BYTES];
        // To compare all of it is quicker than to search.
        if padding != [0; SEGMENT_HEADER_BYTES - FIELDS_BYTES] {
            let found = padding.iter().copied().find(|&byte| byte != 0).unwrap_or_default();
            return Err(FormatError::Padding { found });
        }
        let base = Offset(u64_at(block, 16));
        Ok(SegmentHeader { base, salt: u64_at(block, 24), created_ms: u64_at(block, 32) })
    }

    /// Whether `block`, which is not whole, may be the front of the header of the segment that starts at `base`, as far
    /// as it goes.
    pub fn may_begin_with(block: &[u8], base: Offset) -> bool {
        let expected = SegmentHeader { base, salt: 0, created_ms: 0 }.encode();
        let is_fixed = |at: usize| !(24..40).contains(&at) && !(CRC_AT..FIELDS_BYTES).contains(&at);
        block.iter().zip(&expected).enumerate().all(|(at, (found, expected))| !is_fixed(at) || found == expected)
    }
}

/// The little-endian number at `at`.
///
/// # Panics
///
/// If `bytes` ends in front of it, as for every slice.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("a slice of four bytes is four bytes"))
}

/// The same for eight bytes.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("a slice of eight bytes is eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: SegmentHeader = SegmentHeader { base: Offset(1000), salt: 0x1234_5678_9abc_def0, created_ms: 7 };

    #[test]
    fn a_header_comes_back() {
        assert_eq!(SegmentHeader::decode(&HEADER.encode()).unwrap(), HEADER);
    }

    #[test]
    fn no_flipped_bit_of_the_block_passes() {
        let block = HEADER.encode();
        for bit in 0..block.len() * 8 {
            let mut flipped = block.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&flipped).is_err(), "bit {} of byte {}", bit % 8, bit / 8);
        }
    }

    #[test]
    fn a_header_that_is_cut_anywhere_does_not_pass() {
        let block = HEADER.encode();
        for bytes in 0..block.len() {
            assert!(SegmentHeader::decode(&block[..bytes]).is_err(), "{bytes} bytes");
        }
    }

    #[test]
    fn another_version_is_refused_by_its_number() {
        let mut block = HEADER.encode();
        block[8] = 2;
        let crc = crc32fast::hash(&block[..CRC_AT]);
        block[CRC_AT..FIELDS_BYTES].copy_from_slice(&crc.to_le_bytes());
        assert!(SegmentHeader::decode(&block).unwrap_err().to_string().contains("version 2"));
    }
}
