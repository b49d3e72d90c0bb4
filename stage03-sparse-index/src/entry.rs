//! One index entry: eight bytes that say where one record starts.
//!
//! ```text
//! bytes 0..4   the record's offset, less the base offset of its file   u32, little-endian
//! bytes 4..8   the position of its first byte in the file              u32, little-endian
//! ```
//!
//! Kafka's offset index has the same eight bytes, in the other byte order. Two numbers of 64 bits would say the same
//! in twice the space. Half the space is twice as many entries in each page that the search touches.

use stage02::{Offset, Place};

/// The size of an entry in the index file.
pub const ENTRY_BYTES: usize = 8;

/// Where one record starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// The record's offset, counted from the base offset of its file.
    pub relative_offset: u32,
    /// The position of the record's first byte, counted from the start of its file.
    pub position: u32,
}

impl IndexEntry {
    /// The entry for a record that starts at `place`, or `None` if it is too far from the start for 32 bits.
    pub fn new(base: Offset, place: Place) -> Option<IndexEntry> {
        let relative_offset = place.offset.0.checked_sub(base.0)?;
        Some(IndexEntry {
            relative_offset: u32::try_from(relative_offset).ok()?,
            position: u32::try_from(place.position).ok()?,
        })
    }

    /// The place that the entry names, in a file that begins with the offset `base`.
    pub fn place(self, base: Offset) -> Place {
        Place { offset: base.plus(self.relative_offset.into()), position: self.position.into() }
    }

    /// The entry as it lies in the file.
    pub fn encode(self) -> [u8; ENTRY_BYTES] {
        let [a, b, c, d] = self.relative_offset.to_le_bytes();
        let [e, f, g, h] = self.position.to_le_bytes();
        [a, b, c, d, e, f, g, h]
    }

    /// The entry in these bytes. Any eight bytes are an entry: whether it is true, only the log can say.
    pub fn decode(bytes: [u8; ENTRY_BYTES]) -> IndexEntry {
        let [a, b, c, d, e, f, g, h] = bytes;
        IndexEntry { relative_offset: u32::from_le_bytes([a, b, c, d]), position: u32::from_le_bytes([e, f, g, h]) }
    }
}
