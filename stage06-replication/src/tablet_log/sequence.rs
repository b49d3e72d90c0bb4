//! The one thing that this log looks for in a batch: where it stands among its producer's.
//!
//! It is in the header of a Kafka record batch of magic 2, whose other fields the log has in its own frame:
//!
//! ```text
//!  8  i32  bytes behind this field
//! 16  u8   magic, 2
//! 43  i64  producer id, -1 if it does not count its batches
//! 51  i16  producer epoch
//! 53  i32  base sequence
//! ```

use crate::batch::Sequence;

const HEADER_BYTES: usize = 61;
const MAGIC: u8 = 2;
/// The bytes in front of those that the length counts.
const LENGTH_ENDS_AT: usize = 12;

/// The sequence of a batch. `None` if its producer does not count, and for a body that is no record batch.
pub fn sequence_of(body: &[u8]) -> Option<Sequence> {
    let header: &[u8; HEADER_BYTES] = body.first_chunk()?;
    let length = usize::try_from(i32::from_be_bytes(at(header, 8))).ok()?;
    if header[16] != MAGIC || length + LENGTH_ENDS_AT != body.len() {
        return None;
    }
    let producer = u64::try_from(i64::from_be_bytes(at(header, 43))).ok()?;
    let epoch = u16::try_from(i16::from_be_bytes(at(header, 51))).ok()?;
    let first = u32::try_from(i32::from_be_bytes(at(header, 53))).ok()?;
    Some(Sequence { producer, epoch, first })
}

/// The `N` bytes at `position` of a header.
fn at<const N: usize>(header: &[u8; HEADER_BYTES], position: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&header[position..position + N]);
    bytes
}
