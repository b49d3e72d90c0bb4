//! The records of a batch that is not compressed: where each one is, and that each one is whole.
//!
//! ```text
//! varint   bytes behind this field
//! u8       attributes, unused
//! varint   timestamp, minus the batch's base timestamp
//! varint   offset, minus the batch's base offset: 0, 1, 2 ...
//! varint   bytes of the key, -1 if there is none, and the key
//! varint   bytes of the value, -1 if there is none, and the value
//! varint   number of headers; of each the bytes of its key, the key, the bytes of its value or -1, the value
//! ```
//!
//! The numbers are in zigzag, as in Protocol Buffers. What is in a compressed batch, only its consumers see: unpacking it
//! here would cost more than everything else that a broker does with it.

use super::batch_error::BatchError;
use super::record_batch::{HEADER_BYTES, Header};

/// The codec of a batch: 0 if it is not compressed.
pub const CODEC_MASK: u16 = 0b111;

/// The bytes of the smallest record.
pub const RECORD_BYTES_MIN: usize = 7;

/// Walks through the records of a batch that is not compressed.
///
/// # Errors
///
/// [`BatchError::Record`] if one of them is not whole, is not the next one, or something is behind the last.
pub fn check_records(header: &Header, batch: &[u8]) -> Result<(), BatchError> {
    let count = u32::try_from(header.count).unwrap_or(0);
    let mut rest = batch.get(HEADER_BYTES..).unwrap_or_default();
    for record in 0..count {
        let failed = |what| BatchError::Record { record, count, what };
        let (_, offset_delta) = next_record(&mut rest).map_err(failed)?;
        if offset_delta != i64::from(record) {
            return Err(failed("its offset is not the next one"));
        }
    }
    match rest.is_empty() {
        true => Ok(()),
        false => Err(BatchError::Record { record: count, count, what: "there is something behind the last one" }),
    }
}

/// The first record of a batch of a log that is not older than `timestamp_ms`: how many are in front of it, and its
/// timestamp. `None` if the batch is compressed, or has none.
pub fn first_since(batch: &[u8], timestamp_ms: u64) -> Option<(u32, u64)> {
    let header = Header::read(batch).ok()?;
    if header.attributes & CODEC_MASK != 0 {
        return None;
    }
    let mut rest = batch.get(HEADER_BYTES..)?;
    for record in 0..u32::try_from(header.count).ok()? {
        let (timestamp_delta, _) = next_record(&mut rest).ok()?;
        let timestamp = u64::try_from(header.base_timestamp.saturating_add(timestamp_delta)).unwrap_or(0);
        if timestamp >= timestamp_ms {
            return Some((record, timestamp));
        }
    }
    None
}

/// Takes the record in front of `rest`, and returns what it adds to the batch's timestamp and to its offset.
fn next_record(rest: &mut &[u8]) -> Result<(i64, i64), &'static str> {
    let bytes = length(rest)?.ok_or("it has no length")?;
    let mut record = take(rest, bytes)?;
    take(&mut record, 1)?;
    let timestamp_delta = varint(&mut record)?;
    let offset_delta = varint(&mut record)?;
    for _key_and_value in 0..2 {
        skip_bytes(&mut record)?;
    }
    // Each header has two bytes at least, so a count that is too large ends soon.
    for _header in 0..length(&mut record)?.ok_or("it has fewer than no headers")? {
        let key = length(&mut record)?.ok_or("it has a header without a key")?;
        take(&mut record, key)?;
        skip_bytes(&mut record)?;
    }
    match record.is_empty() {
        true => Ok((timestamp_delta, offset_delta)),
        false => Err("it is longer than what is in it"),
    }
}

fn skip_bytes(from: &mut &[u8]) -> Result<(), &'static str> {
    let bytes = length(from)?.unwrap_or(0);
    take(from, bytes).map(drop)
}

/// A length; -1 is none.
fn length(from: &mut &[u8]) -> Result<Option<usize>, &'static str> {
    match varint(from)? {
        -1 => Ok(None),
        length => usize::try_from(length).map(Some).map_err(|_| "it has a negative length"),
    }
}

fn take<'a>(from: &mut &'a [u8], bytes: usize) -> Result<&'a [u8], &'static str> {
    let (taken, rest) = from.split_at_checked(bytes).ok_or("it ends early")?;
    *from = rest;
    Ok(taken)
}

/// A number of up to 64 bits, seven in a byte, the sign in its lowest bit.
fn varint(from: &mut &[u8]) -> Result<i64, &'static str> {
    let mut zigzag = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = from.split_first().ok_or("it ends early")?;
        *from = rest;
        zigzag |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
        }
    }
    Err("it has a number of more than ten bytes")
}
