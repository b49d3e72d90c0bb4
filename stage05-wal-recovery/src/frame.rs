//! A frame: the records of one append, or a part of them, in one piece with two checksums.
//!
//! ```text
//! bytes  0..4    header checksum: bytes 4..56, the segment's salt, the frame's position     CRC-32 (IEEE)
//! bytes  4..8    length of the body, without padding     u32, little-endian as all
//! bytes  8..16   offset of the first record              u64
//! bytes 16..20   number of records                       u32
//! bytes 20..24   epoch: 0, but for a batch of stage 6    u32
//! bytes 24..32   synced through: the records in front of this offset were durable when the frame was written   u64
//! bytes 32..40   timestamp of the first record           u64
//! bytes 40..48   largest timestamp                       u64
//! bytes 48..52   attributes: bit 0, offsets have gaps; bit 1, the body is a batch    u32
//! bytes 52..56   body checksum: number of records, both timestamps, attributes, body        CRC-32 (IEEE)
//! bytes 56..     the body, then zeros up to a multiple of 8
//! ```
//!
//! **Two checksums, for two questions.** The header's asks: does this header belong *here*? It covers the length, so
//! that the length is believed before it is used, and the salt and the position, so that a frame that was copied,
//! left over from another file, or sits in the value of a record is none. The body's asks: is this what the producer
//! wrote? It leaves out the offset, the epoch and the watermark, which the log stamps on later, so it can be computed
//! before the log's lock is taken, and it goes with the records from file to file, and from machine to machine.
//! Kafka's batch has the second one; Redpanda adds the first.
//!
//! A header of zeros is the end of what was written: a frame has at least one record, and a body.

use stage04::{FormatError, Offset};

use crate::body::RECORD_BYTES_MIN;
use crate::header::{u32_at, u64_at};

/// The size of a frame's header.
pub const FRAME_HEADER_BYTES: usize = 56;

/// A frame starts at a multiple of this, and so does its body.
pub const FRAME_ALIGNMENT_BYTES: u64 = 8;

/// The most bytes that a body has. Whoever appends more gets several frames, and a reader believes no more: a length
/// that lies costs no memory.
pub const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The attribute of a frame whose records carry their offsets, since some in between are gone.
pub const HAS_GAPS: u32 = 1;

/// The attribute of a frame whose body is a producer's batch, in the producer's own encoding: see
/// [`batch_frame`](crate::batch_frame).
pub const IS_BATCH: u32 = 2;

/// A frame's header, without its own checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes of the body, without padding.
    pub body_bytes: u32,
    /// The offset of the first record.
    pub base_offset: Offset,
    /// How many records there are.
    pub count: u32,
    /// The leader's epoch: 0, but for a batch of stage 6.
    pub epoch: u32,
    /// Every record in front of this one was durable when the frame was written.
    pub synced_through: Offset,
    /// The timestamp of the first record.
    pub base_timestamp_ms: u64,
    /// The largest timestamp.
    pub max_timestamp_ms: u64,
    /// [`HAS_GAPS`], [`IS_BATCH`] or 0.
    pub attributes: u32,
    /// The checksum of the body and of what the producer said about it: see [`FrameHeader::body_crc_of`].
    pub body_crc: u32,
}

impl FrameHeader {
    /// The header as it lies at `position` of a file with this salt.
    pub fn encode(&self, salt: u64, position: u64) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        bytes[4..8].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.base_offset.0.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.count.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.synced_through.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.base_timestamp_ms.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.max_timestamp_ms.to_le_bytes());
        bytes[48..52].copy_from_slice(&self.attributes.to_le_bytes());
        bytes[52..56].copy_from_slice(&self.body_crc.to_le_bytes());
        let crc = header_crc(&bytes, salt, position);
        bytes[0..4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header in `bytes`, which lie at `position` of a file with this salt. The checksum comes first: nothing that
    /// a header says is looked at before it is known to be what was written here.
    ///
    /// # Errors
    ///
    /// [`FormatError::Zeros`] at the end of what was written, and whatever else is wrong with the header. What follows
    /// it has not been looked at: [`FrameHeader::check_fits`] and [`FrameHeader::check_body`] do that.
    #[inline]
    pub fn decode(bytes: &[u8; FRAME_HEADER_BYTES], salt: u64, position: u64) -> Result<FrameHeader, FormatError> {
        let (expected, found) = (u32_at(bytes, 0), header_crc(bytes, salt, position));
        if expected != found {
            let zeros = bytes.iter().all(|&byte| byte == 0);
            return Err(if zeros { FormatError::Zeros } else { FormatError::HeaderChecksum { expected, found } });
        }
        let header = FrameHeader {
            body_bytes: u32_at(bytes, 4),
            base_offset: Offset(u64_at(bytes, 8)),
            count: u32_at(bytes, 16),
            epoch: u32_at(bytes, 20),
            synced_through: Offset(u64_at(bytes, 24)),
            base_timestamp_ms: u64_at(bytes, 32),
            max_timestamp_ms: u64_at(bytes, 40),
            attributes: u32_at(bytes, 48),
            body_crc: u32_at(bytes, 52),
        };
        header.check_fields().map(|()| header)
    }

    /// What a writer never writes, whatever its checksum says: a header of zeros has a checksum of zero for one salt
    /// in four thousand million, and another program may write anything.
    pub(crate) fn check_fields(&self) -> Result<(), FormatError> {
        let bytes = self.body_bytes;
        if bytes == 0 || bytes as usize > BATCH_BYTES_MAX {
            return Err(FormatError::ImpossibleLength { bytes: bytes.into(), bytes_max: BATCH_BYTES_MAX as u64 });
        }
        if !matches!(self.attributes, 0 | HAS_GAPS | IS_BATCH) {
            return Err(FormatError::UnknownAttributes { found: self.attributes, known: HAS_GAPS | IS_BATCH });
        }
        let has_offsets = self.base_offset.0.checked_add(self.count.into()).is_some();
        // A batch may be compressed: its records take no room of their own.
        let has_room = self.is_batch() || self.count <= bytes / RECORD_BYTES_MIN;
        if self.count == 0 || !has_room || !has_offsets {
            return Err(FormatError::ImpossibleCount { count: self.count, base_offset: self.base_offset, bytes });
        }
        Ok(())
    }

    /// Refuses a frame that is longer than what is left of the file.
    #[inline]
    pub fn check_fits(&self, bytes_left: u64) -> Result<(), FormatError> {
        match self.frame_bytes() {
            bytes if bytes <= bytes_left => Ok(()),
            _ => {
                let bytes_max = bytes_left.saturating_sub(FRAME_HEADER_BYTES as u64);
                Err(FormatError::ImpossibleLength { bytes: self.body_bytes.into(), bytes_max })
            }
        }
    }

    /// Refuses a body that is not the one that was written. `bytes` are those from behind the header to the frame's
    /// end, padding included.
    ///
    /// # Panics
    ///
    /// If `bytes` is shorter than the body.
    #[inline]
    pub fn check_body(&self, bytes: &[u8]) -> Result<(), FormatError> {
        let (body, padding) = bytes.split_at(self.body_bytes as usize);
        let found = self.body_crc_of(body);
        if found != self.body_crc {
            return Err(FormatError::BodyChecksum { expected: self.body_crc, found });
        }
        match padding.iter().find(|&&byte| byte != 0) {
            Some(&found) => Err(FormatError::Padding { found }),
            None => Ok(()),
        }
    }

    /// The checksum of a body together with the fields that say how to read it.
    #[inline]
    pub fn body_crc_of(&self, body: &[u8]) -> u32 {
        let mut fields = [0; 24];
        fields[0..4].copy_from_slice(&self.count.to_le_bytes());
        fields[4..12].copy_from_slice(&self.base_timestamp_ms.to_le_bytes());
        fields[12..20].copy_from_slice(&self.max_timestamp_ms.to_le_bytes());
        fields[20..24].copy_from_slice(&self.attributes.to_le_bytes());
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&fields);
        hasher.update(body);
        hasher.finalize()
    }

    /// Bytes of the whole frame: header, body and padding.
    pub fn frame_bytes(&self) -> u64 {
        (FRAME_HEADER_BYTES as u64 + u64::from(self.body_bytes)).next_multiple_of(FRAME_ALIGNMENT_BYTES)
    }

    /// Whether the records carry their offsets.
    pub fn has_gaps(&self) -> bool {
        self.attributes & HAS_GAPS != 0
    }

    /// Whether the body is a producer's batch, and no records that the log could tell.
    pub fn is_batch(&self) -> bool {
        self.attributes & IS_BATCH != 0
    }

    /// The offset behind the last record, or `None` if there are gaps: then only the body says it.
    pub fn end_offset(&self) -> Option<Offset> {
        (!self.has_gaps()).then(|| self.base_offset.plus(self.count.into()))
    }
}

/// The checksum of a header at its place.
#[inline]
fn header_crc(bytes: &[u8; FRAME_HEADER_BYTES], salt: u64, position: u64) -> u32 {
    let mut covered = [0; FRAME_HEADER_BYTES - 4 + 16];
    covered[..52].copy_from_slice(&bytes[4..]);
    covered[52..60].copy_from_slice(&salt.to_le_bytes());
    covered[60..].copy_from_slice(&position.to_le_bytes());
    crc32fast::hash(&covered)
}
