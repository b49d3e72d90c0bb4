//! Writes that belong together, as the value of one record.
//!
//! ```text
//!  0  version  u8    1
//!  1  flags    u8    bit 0: the writer asked for a sync
//!  2  count    u32   operations that follow
//!  6  operations, one behind the other:
//!       kind 1, put      key length u32, key, value length u32, value
//!       kind 2, delete   key length u32, key
//! ```
//!
//! Numbers are little-endian. The log's frame says whether the bytes are those that were written; the counts and lengths
//! here say whether they are a batch. A batch in memory is its bytes already, as LevelDB's `WriteBatch` is.

use stage04::Record;

const VERSION: u8 = 1;
const SYNC_FLAG: u8 = 1;
const PUT: u8 = 1;
const DELETE: u8 = 2;

/// Where the count is, and where the operations begin.
const COUNT_AT: usize = 2;
const OPERATIONS_AT: usize = 6;

/// Writes that are done all or not at all, in their order: a later one of the same key wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteBatch {
    bytes: Vec<u8>,
}

/// One write of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation<'a> {
    Put { key: &'a [u8], value: &'a [u8] },
    Delete { key: &'a [u8] },
}

impl Default for WriteBatch {
    fn default() -> WriteBatch {
        WriteBatch { bytes: vec![VERSION, 0, 0, 0, 0, 0] }
    }
}

impl WriteBatch {
    /// A batch of nothing.
    pub fn new() -> WriteBatch {
        WriteBatch::default()
    }

    /// Adds: `key` has `value`.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> &mut WriteBatch {
        self.push(PUT, &[key, value])
    }

    /// Adds: `key` has no value.
    pub fn delete(&mut self, key: &[u8]) -> &mut WriteBatch {
        self.push(DELETE, &[key])
    }

    /// How many writes it has.
    pub fn operations(&self) -> u32 {
        u32::from_le_bytes(self.bytes[COUNT_AT..OPERATIONS_AT].try_into().expect("four bytes"))
    }

    /// The log's record for this batch: all of it, in one.
    pub(crate) fn into_record(mut self, sync: bool) -> Record<'static> {
        self.bytes[1] = if sync { SYNC_FLAG } else { 0 };
        Record::now(self.bytes)
    }

    fn push(&mut self, kind: u8, fields: &[&[u8]]) -> &mut WriteBatch {
        self.bytes.push(kind);
        for field in fields {
            // A length that does not fit belongs to a batch that no record can hold: the log refuses it.
            self.bytes.extend((field.len() as u32).to_le_bytes());
            self.bytes.extend_from_slice(field);
        }
        let operations = self.operations().wrapping_add(1);
        self.bytes[COUNT_AT..OPERATIONS_AT].copy_from_slice(&operations.to_le_bytes());
        self
    }
}

/// A record's value, read as a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded<'a> {
    /// Whether the writer asked for a sync.
    pub(crate) sync: bool,
    pub(crate) operations: Vec<Operation<'a>>,
}

/// Reads all of a batch before any of it is applied. An error says what is wrong.
pub(crate) fn decode(value: &[u8]) -> Result<Decoded<'_>, String> {
    let mut rest = Rest(value);
    let version = rest.byte()?;
    if version != VERSION {
        return Err(format!("a batch of version {version}, expected {VERSION}"));
    }
    let flags = rest.byte()?;
    if flags & !SYNC_FLAG != 0 {
        return Err(format!("a batch with unknown flags {flags:#04x}"));
    }
    let count = rest.number()?;
    // No memory is set aside for what a count says: each operation has to be there.
    let mut operations = Vec::new();
    for _ in 0..count {
        operations.push(match rest.byte()? {
            PUT => Operation::Put { key: rest.field()?, value: rest.field()? },
            DELETE => Operation::Delete { key: rest.field()? },
            kind => return Err(format!("a batch with an operation of kind {kind}")),
        });
    }
    match rest.0.len() {
        0 => Ok(Decoded { sync: flags & SYNC_FLAG != 0, operations }),
        more => Err(format!("a batch of {count} operations with {more} bytes behind them")),
    }
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let short = || format!("a batch that ends {} bytes too early", count - self.0.len());
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().expect("four bytes")))
    }

    fn field(&mut self) -> Result<&'a [u8], String> {
        let length = self.number()?;
        self.take(length as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> WriteBatch {
        let mut batch = WriteBatch::new();
        batch.put(b"apple", b"red").delete(b"").put(b"pear", b"");
        batch
    }

    /// The bytes are what the head of this file says: programs of later years read them.
    #[test]
    fn a_batch_has_the_bytes_of_its_layout() {
        let record = example().into_record(true);
        let expected = b"\x01\x01\x03\0\0\0\x01\x05\0\0\0apple\x03\0\0\0red\x02\0\0\0\0\x01\x04\0\0\0pear\0\0\0\0";
        assert_eq!(record.value.escape_ascii().to_string(), expected.escape_ascii().to_string());
        assert_eq!(record.key, None);
    }

    /// A batch comes back as it was, with the writer's wish.
    #[test]
    fn a_batch_comes_back_from_its_record() {
        for sync in [false, true] {
            let record = example().into_record(sync);
            let operations = vec![
                Operation::Put { key: b"apple", value: b"red" },
                Operation::Delete { key: b"" },
                Operation::Put { key: b"pear", value: b"" },
            ];
            assert_eq!(decode(&record.value), Ok(Decoded { sync, operations }));
        }
        assert_eq!(decode(&WriteBatch::new().bytes).unwrap().operations, []);
    }

    /// Part of a batch is no batch, and neither is one with something behind it.
    #[test]
    fn a_batch_that_is_cut_or_has_more_bytes_is_refused() {
        let whole = example().bytes;
        for length in 0..whole.len() {
            decode(&whole[..length]).expect_err("a part of a batch");
        }
        decode(&[&whole[..], &[0]].concat()).expect_err("a byte behind a batch");
    }

    /// Counts and lengths that promise more than there is cost no memory.
    #[test]
    fn a_batch_that_promises_four_billion_is_refused() {
        decode(b"\x01\0\xff\xff\xff\xff").expect_err("operations that are not there");
        decode(b"\x01\0\x01\0\0\0\x01\xff\xff\xff\xff").expect_err("a key that is not there");
        for (wrong, bytes) in [("version", b"\x02\0\0\0\0\0"), ("flags", b"\x01\x02\0\0\0\0")] {
            assert!(decode(bytes).expect_err(wrong).contains(wrong));
        }
        assert!(decode(b"\x01\0\x01\0\0\0\x03").expect_err("kind 3").contains("kind 3"));
    }
}
