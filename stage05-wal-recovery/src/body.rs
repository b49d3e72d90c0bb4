//! A frame's body: its records, one behind the other.
//!
//! ```text
//! for each record:
//!     offset, counted from the record before it            varint; only in a frame whose offsets have gaps
//!     timestamp, counted from the frame's first timestamp  zigzag varint
//!     length of the key plus 1, or 0 without a key         varint
//!     the key
//!     length of the value                                  varint
//!     the value
//! ```
//!
//! The first record's offset counts from the frame's own base offset, so it is 0 there, and at least 1 for all others.

use std::borrow::Cow;

use stage04::{FormatError, Offset, Record};

use crate::frame::FrameHeader;
use crate::varint::{put, take, unzigzag, zigzag};

/// The fewest bytes that a record takes: three numbers.
pub(crate) const RECORD_BYTES_MIN: u32 = 3;

/// Where no record starts.
const BEHIND_ALL: usize = usize::MAX;

/// The most bytes that a record takes beside its key and value: four numbers, two of which are lengths of at most five
/// bytes.
pub(crate) const RECORD_OVERHEAD_BYTES_MAX: usize = 30;

/// Appends one record to a body. `gap` is what to write of its offset, if the frame has gaps.
#[inline]
pub fn put_record(gap: Option<u64>, base_timestamp_ms: u64, record: &Record<'_>, body: &mut Vec<u8>) {
    body.reserve(RECORD_OVERHEAD_BYTES_MAX + record.bytes());
    if let Some(gap) = gap {
        put(gap, body);
    }
    // Any two timestamps have a difference of 64 bits, if it may wrap around.
    put(zigzag(record.timestamp_ms.wrapping_sub(base_timestamp_ms) as i64), body);
    match &record.key {
        None => body.push(0),
        Some(key) => {
            put(key.len() as u64 + 1, body);
            body.extend_from_slice(key);
        }
    }
    put(record.value.len() as u64, body);
    body.extend_from_slice(&record.value);
}

/// A place between two records of a body. It owns nothing of the body, so that whoever has the bytes in a buffer can
/// keep it beside them.
#[derive(Clone, Copy, Debug)]
pub struct BodyCursor {
    /// Where the next record starts in the body.
    at: usize,
    /// How many records were passed.
    passed: u32,
    count: u32,
    /// The offset that the next record's is counted from.
    offset: Offset,
    /// No record has this offset or one behind it.
    end: Offset,
    base_timestamp_ms: u64,
    has_gaps: bool,
}

impl BodyCursor {
    /// In front of the first record.
    pub fn new(header: &FrameHeader) -> BodyCursor {
        let FrameHeader { count, base_offset, base_timestamp_ms, .. } = *header;
        BodyCursor {
            // A batch is not looked into. Behind the end of every body, there is no record to be found.
            at: if header.is_batch() { BEHIND_ALL } else { 0 },
            passed: 0,
            count,
            offset: base_offset,
            // An offset has one behind it.
            end: Offset(u64::MAX),
            base_timestamp_ms,
            has_gaps: header.has_gaps(),
        }
    }

    /// The same where a record at `end` or behind it is none: the log goes on elsewhere.
    pub fn up_to(self, end: Offset) -> BodyCursor {
        BodyCursor { end, ..self }
    }

    /// How many records are left.
    #[inline]
    pub fn left(&self) -> u32 {
        self.count - self.passed
    }

    /// The next record and its offset; `None` behind the last one. Key and value point into `body`, which is the whole
    /// body, without padding.
    ///
    /// # Errors
    ///
    /// If the bytes are not records although their checksum fits: then a program made them that has another idea of
    /// the format. The cursor stays where it is.
    #[inline]
    pub fn next<'a>(&mut self, body: &'a [u8]) -> Result<Option<(Offset, Record<'a>)>, FormatError> {
        if self.passed == self.count {
            return Ok(None);
        }
        let Some((at, offset, record)) = self.peek(body) else { return Err(self.malformed(body)) };
        (self.at, self.passed, self.offset) = (at, self.passed + 1, offset);
        Ok(Some((offset, record)))
    }

    /// Passes the records in front of `offset`, and returns the offset behind the last one that was passed, if there was
    /// one. It stops in front of whatever is no record, and leaves it to [`BodyCursor::next`] to say so.
    #[inline]
    pub fn skip_to(&mut self, offset: Offset, body: &[u8]) -> Option<Offset> {
        let mut behind = None;
        while self.passed < self.count
            && let Some((at, found, _)) = self.peek(body)
            && found < offset
        {
            (self.at, self.passed, self.offset) = (at, self.passed + 1, found);
            behind = Some(found.next());
        }
        behind
    }

    /// The next record, if it is one: where it ends, its offset, and itself. Behind the last one, the body ends.
    #[inline]
    fn peek<'a>(&self, body: &'a [u8]) -> Option<(usize, Offset, Record<'a>)> {
        let mut at = self.at;
        let (offset, record) = self.record_at(body, &mut at)?;
        (self.left() > 1 || at == body.len()).then_some((at, offset, record))
    }

    /// The record at `body[*at]`, if it is one.
    #[inline]
    fn record_at<'a>(&self, body: &'a [u8], at: &mut usize) -> Option<(Offset, Record<'a>)> {
        let is_first = self.passed == 0;
        let step = if self.has_gaps { take(body, at)? } else { u64::from(!is_first) };
        if (step == 0) != is_first {
            return None;
        }
        let offset = Offset(self.offset.0.checked_add(step)?);
        if offset >= self.end {
            return None;
        }
        let timestamp_ms = self.base_timestamp_ms.wrapping_add(unzigzag(take(body, at)?) as u64);
        let key = match take(body, at)? {
            0 => None,
            bytes => Some(Cow::Borrowed(slice(body, at, bytes - 1)?)),
        };
        let bytes = take(body, at)?;
        let value = Cow::Borrowed(slice(body, at, bytes)?);
        Some((offset, Record { timestamp_ms, key, value }))
    }

    /// What is wrong with the next record. Found out apart from [`BodyCursor::peek`], so that the way of the records that
    /// are whole has no errors to carry: with them, taking a record apart takes half as long again.
    #[cold]
    fn malformed(&self, body: &[u8]) -> FormatError {
        if self.at == BEHIND_ALL {
            let what = format!("a batch of {} records, which the log does not look into", self.count);
            return FormatError::Malformed(what);
        }
        let what = match self.record_at(body, &mut self.at.clone()) {
            Some(_) => "is the last one, and more bytes follow",
            None => "is no record",
        };
        FormatError::Malformed(format!("record {} of the frame's {} {what}", self.passed + 1, self.count))
    }
}

/// The next `bytes` bytes, if there are as many.
#[inline]
fn slice<'a>(body: &'a [u8], at: &mut usize, bytes: u64) -> Option<&'a [u8]> {
    let rest = body.get(*at..)?;
    let taken = rest.get(..usize::try_from(bytes).ok()?)?;
    *at += taken.len();
    Some(taken)
}
