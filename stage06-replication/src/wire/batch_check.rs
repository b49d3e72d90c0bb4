//! What comes in: a producer's batch, and the batches that a leader sends to its followers.
//!
//! A producer's batch is checked before it is appended, as far as that is possible without unpacking it. A consumer that met
//! a bad one would stop there for ever: it cannot read it, and must not pass over it.

use bytes::Bytes;
use stage05::Offset;

use super::batch_error::BatchError;
use super::record_batch::{HEADER_BYTES, Header, MAGIC, check_crc, unstamped};
use super::records::{CODEC_MASK, RECORD_BYTES_MIN, check_records};
use crate::batch::Batch;
use crate::broker::NewBatch;
use crate::ids::LeaderEpoch;

/// The most bytes of a batch (`message.max.bytes`): a mebibyte, and what is around it.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024 + 12;

/// The last codec there is: 1 gzip, 2 snappy, 3 lz4, 4 zstd.
const CODEC_MAX: u16 = 4;
/// The codec that came last, and that old clients do not know.
pub const ZSTD: u16 = 4;

/// The timestamps are not the producer's.
const IS_APPEND_TIME: u16 = 1 << 3;
const IS_TRANSACTIONAL: u16 = 1 << 4;
const IS_CONTROL: u16 = 1 << 5;

/// Takes a producer's records for one partition: exactly one batch.
///
/// # Errors
///
/// If it is not whole, damaged, or something that this broker does not append.
pub fn new_batch(records: Option<Bytes>) -> Result<NewBatch, BatchError> {
    let records = records.filter(|records| !records.is_empty()).ok_or(BatchError::NotOne { bytes: 0, found: 0 })?;
    let header = whole_header(&records)?;
    let bytes = header.bytes as usize;
    if records.len() > bytes {
        return Err(BatchError::NotOne { bytes, found: records.len() - bytes });
    }
    if bytes > BATCH_BYTES_MAX {
        return Err(BatchError::TooLarge { bytes_max: BATCH_BYTES_MAX, found: bytes });
    }
    check_crc(&header, &records)?;
    let count = check_fields(&header)?;
    if header.attributes & CODEC_MASK == 0 {
        check_records(&header, &records)?;
    }
    let (base_timestamp_ms, max_timestamp_ms) = header.timestamps_ms();
    let sequence = header.sequence()?;
    Ok(NewBatch { count, base_timestamp_ms, max_timestamp_ms, sequence, body: unstamped(records) })
}

/// The codec of a batch that was checked.
pub fn codec_of(body: &[u8]) -> u16 {
    Header::read(body).map_or(0, |header| header.attributes & CODEC_MASK)
}

/// Takes the batches that a leader has sent, of which the first has to start at `from`.
///
/// # Errors
///
/// If one of them is damaged, or does not start where the one in front of it ends. None is taken then.
pub fn fetched_batches(mut records: Bytes, from: Offset) -> Result<Vec<Batch>, BatchError> {
    let (mut batches, mut expected): (Vec<Batch>, u64) = (Vec::new(), from.0);
    while !records.is_empty() {
        let header = whole_header(&records)?;
        let body = records.split_to(header.bytes as usize);
        check_crc(&header, &body)?;
        let count = check_count(&header)?;
        if u64::try_from(header.base_offset) != Ok(expected) {
            return Err(BatchError::Order { expected, found: header.base_offset });
        }
        let epoch =
            u32::try_from(header.epoch).map_err(|_| BatchError::Epoch { offset: expected, found: header.epoch })?;
        let (base_timestamp_ms, max_timestamp_ms) = header.timestamps_ms();
        let batch = Batch {
            base_offset: Offset(expected),
            epoch: LeaderEpoch(epoch),
            count,
            base_timestamp_ms,
            max_timestamp_ms,
            sequence: header.sequence()?,
            body: unstamped(body),
        };
        expected =
            expected.checked_add(count.into()).ok_or(BatchError::Order { expected, found: header.base_offset })?;
        batches.push(batch);
    }
    Ok(batches)
}

/// The header of the batch in front of `records`, if all of the batch is there.
fn whole_header(records: &Bytes) -> Result<Header, BatchError> {
    let header = Header::read(records)?;
    if header.magic != MAGIC {
        return Err(BatchError::Format { found: header.magic });
    }
    // A length that does not even count the header is as wrong as one that counts what is not there.
    let expected = header.bytes.max(HEADER_BYTES as u64);
    match header.bytes {
        bytes if bytes >= HEADER_BYTES as u64 && bytes <= records.len() as u64 => Ok(header),
        bytes => Err(BatchError::Truncated { expected, found: records.len().min(bytes as usize) }),
    }
}

/// What the fields of a producer's batch may say. Returns how many records it has.
fn check_fields(header: &Header) -> Result<u32, BatchError> {
    let &Header { attributes, base_timestamp: base, max_timestamp: max, .. } = header;
    let is_append_time = attributes & IS_APPEND_TIME != 0;
    match attributes & CODEC_MASK {
        codec if codec > CODEC_MAX => return Err(BatchError::Codec { found: codec }),
        _ if attributes & (IS_TRANSACTIONAL | IS_CONTROL) != 0 => {
            return Err(BatchError::Attributes { found: attributes });
        }
        // -1 stands for no time at all.
        _ if is_append_time || base < -1 || max < -1 => {
            return Err(BatchError::Timestamps { base, max, is_append_time });
        }
        _ => {}
    }
    check_count(header)
}

fn check_count(header: &Header) -> Result<u32, BatchError> {
    let &Header { count, last_offset_delta, attributes, .. } = header;
    let bytes = header.bytes as usize - HEADER_BYTES;
    let failed = BatchError::Count { count, last_offset_delta, bytes };
    let records = u32::try_from(count).map_err(|_| failed.clone())?;
    // Compressed records take no room of their own.
    let has_room = attributes & CODEC_MASK != 0 || records as usize <= bytes / RECORD_BYTES_MIN;
    match last_offset_delta.checked_add(1) == Some(count) && records > 0 && has_room {
        true => Ok(records),
        false => Err(failed),
    }
}
