//! A record batch: the records of one producer as they travel, from the producer through the logs to the consumer.
//!
//! The format is Kafka's, magic 2 (KIP-98). All numbers are big-endian.
//!
//! ```text
//!  0  i64  base offset              stamped when it is served
//!  8  i32  bytes behind this field
//! 12  i32  leader epoch             stamped when it is served
//! 16  u8   magic, 2
//! 17  u32  CRC-32C of all behind this field
//! 21  u16  attributes: codec (0-2), append time (3), transactional (4), control (5)
//! 23  i32  last offset delta
//! 27  i64  base timestamp
//! 35  i64  max timestamp
//! 43  i64  producer id, -1 if it does not count its batches
//! 51  i16  producer epoch
//! 53  i32  base sequence
//! 57  i32  count
//! 61       records, packed by the codec
//! ```
//!
//! The checksum leaves out what only a leader can know. So a broker never unpacks a batch, and a consumer checks the
//! same checksum that the producer has computed. In a log both stamps are 0: all replicas have the same bytes, whoever
//! led when.

use bytes::{BufMut, Bytes, BytesMut};
use stage05::Offset;

use super::batch_error::BatchError;
use crate::batch::{Batch, Sequence};
use crate::ids::LeaderEpoch;

/// The bytes in front of the records.
pub const HEADER_BYTES: usize = 61;

/// The format that is taken.
pub const MAGIC: u8 = 2;

/// The bytes in front of those that the length counts.
const LENGTH_ENDS_AT: usize = 12;

/// Where the bytes start that the checksum covers.
const CHECKED_FROM: usize = 21;

/// The fields of a batch's header that a broker looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// See [`Batch::base_offset`].
    pub base_offset: i64,
    /// The bytes of the whole batch.
    pub bytes: u64,
    /// See [`Batch::epoch`].
    pub epoch: i32,
    /// The format.
    pub magic: u8,
    /// The CRC-32C that it says it has.
    pub crc: u32,
    /// A codec, and bits that say what it is.
    pub attributes: u16,
    /// The offset of the last record, counted from the first.
    pub last_offset_delta: i32,
    /// The timestamp of the first record, in milliseconds since 1970.
    pub base_timestamp: i64,
    /// The largest timestamp.
    pub max_timestamp: i64,
    /// See [`Sequence::producer`].
    pub producer: i64,
    /// See [`Sequence::epoch`].
    pub producer_epoch: i16,
    /// See [`Sequence::first`].
    pub sequence: i32,
    /// How many records there are.
    pub count: i32,
}

impl Header {
    /// The header in front of `bytes`, whatever its fields say.
    ///
    /// # Errors
    ///
    /// [`BatchError::Truncated`] if there is no whole header.
    pub fn read(bytes: &[u8]) -> Result<Header, BatchError> {
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(BatchError::Truncated { expected: HEADER_BYTES as u64, found: bytes.len() });
        };
        let length = i32::from_be_bytes(at(header, 8));
        Ok(Header {
            base_offset: i64::from_be_bytes(at(header, 0)),
            // A negative length is none: shorter than any batch.
            bytes: u64::try_from(length).map_or(0, |length| length + LENGTH_ENDS_AT as u64),
            epoch: i32::from_be_bytes(at(header, 12)),
            magic: header[16],
            crc: u32::from_be_bytes(at(header, 17)),
            attributes: u16::from_be_bytes(at(header, 21)),
            last_offset_delta: i32::from_be_bytes(at(header, 23)),
            base_timestamp: i64::from_be_bytes(at(header, 27)),
            max_timestamp: i64::from_be_bytes(at(header, 35)),
            producer: i64::from_be_bytes(at(header, 43)),
            producer_epoch: i16::from_be_bytes(at(header, 51)),
            sequence: i32::from_be_bytes(at(header, 53)),
            count: i32::from_be_bytes(at(header, 57)),
        })
    }

    /// Where it stands among its producer's batches: `None` if the producer does not count them.
    ///
    /// # Errors
    ///
    /// [`BatchError::Sequence`] if it counts them from a number that cannot be.
    pub fn sequence(&self) -> Result<Option<Sequence>, BatchError> {
        let &Header { producer, producer_epoch: epoch, sequence: first, .. } = self;
        if producer == -1 {
            return Ok(None);
        }
        match (u64::try_from(producer), u16::try_from(epoch), u32::try_from(first)) {
            (Ok(producer), Ok(epoch), Ok(first)) => Ok(Some(Sequence { producer, epoch, first })),
            _ => Err(BatchError::Sequence { producer, epoch, first }),
        }
    }

    /// The timestamps of a batch in a log. A producer that knows no time says -1.
    pub fn timestamps_ms(&self) -> (u64, u64) {
        let base = u64::try_from(self.base_timestamp).unwrap_or(0);
        (base, u64::try_from(self.max_timestamp).unwrap_or(0).max(base))
    }
}

/// The `N` bytes at `position` of a header.
fn at<const N: usize>(header: &[u8; HEADER_BYTES], position: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&header[position..position + N]);
    bytes
}

/// The checksum of a batch, as it has to stand in its header.
///
/// # Errors
///
/// [`BatchError::Checksum`] if another one does.
pub fn check_crc(header: &Header, batch: &[u8]) -> Result<(), BatchError> {
    let found = crc32c::crc32c(batch.get(CHECKED_FROM..).unwrap_or_default());
    match found == header.crc {
        true => Ok(()),
        false => Err(BatchError::Checksum { expected: header.crc, found }),
    }
}

/// Puts a batch behind `out` as it is served, with its offset and the epoch of its leader. A body that is no record batch
/// is put there as it is.
pub fn stamp(body: &[u8], base_offset: Offset, epoch: LeaderEpoch, out: &mut BytesMut) {
    out.reserve(body.len());
    let start = out.len();
    out.put_slice(body);
    stamp_in_place(&mut out[start..], base_offset.0 as i64, epoch.0 as i32);
}

/// Puts a batch of a log behind `out` as it is served.
pub fn stamp_batch(batch: &Batch, out: &mut BytesMut) {
    stamp(&batch.body, batch.base_offset, batch.epoch, out);
}

/// A batch as it lies in a log: without stamps. It is copied only if it has some.
pub fn unstamped(batch: Bytes) -> Bytes {
    let is_stamped = batch.len() >= HEADER_BYTES && (batch[..8] != [0; 8] || batch[12..16] != [0; 4]);
    if !is_stamped {
        return batch;
    }
    let mut copy = BytesMut::from(&batch[..]);
    stamp_in_place(&mut copy, 0, 0);
    copy.freeze()
}

fn stamp_in_place(batch: &mut [u8], base_offset: i64, epoch: i32) {
    if batch.len() >= HEADER_BYTES {
        batch[..8].copy_from_slice(&base_offset.to_be_bytes());
        batch[12..16].copy_from_slice(&epoch.to_be_bytes());
    }
}
