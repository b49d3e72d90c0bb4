//! What every log of this course can do: one writer, many readers.

use std::sync::{Mutex, PoisonError};

use crate::error::Result;
use crate::offset::Offset;
use crate::record::Record;

/// The single writer of a log.
///
/// `&mut self` says it: whoever appends owns the log, and offsets need no lock to be unique. Many threads share a log
/// by a type around it, which is the subject of stage 2.
///
/// Every log keeps four invariants; tests, hints and the bug zoo call them by these names.
///
/// - **L1** Offsets are given by the log: the first is 0, and each next one is greater by one.
/// - **L2** The end of its frame is a record's commit mark: a record without it was never acknowledged.
/// - **L3** `durable <= written <= length of the file`, and a reader never passes the watermark that it chose.
/// - **L4** What a reader was shown as durable is never taken back.
pub trait Log: Send + 'static {
    /// The readers of this log.
    type Reader: Reader;

    /// Writes the records at the end, in order, and returns the offset of the first. They are not durable yet.
    ///
    /// On an error, none of them is in the log as far as this writer knows.
    fn append(&mut self, records: &[Record<'_>]) -> Result<Offset>;

    /// Makes everything that was appended durable, and returns the offset that the next record will get.
    fn sync(&mut self) -> Result<Offset>;

    /// The offset that the next record will get.
    fn next_offset(&self) -> Offset;

    /// A reader that sees the durable records.
    fn reader(&self) -> Self::Reader;

    /// One record, one write, one sync: when this returns, the record is durable.
    fn append_durable(&mut self, record: &Record<'_>) -> Result<Offset> {
        let offset = self.append(std::slice::from_ref(record))?;
        self.sync()?;
        Ok(offset)
    }
}

/// A reader of a log: cheap to clone, for any number of threads, and never in the writer's way.
pub trait Reader: Clone + Send + Sync + 'static {
    /// The scans of this reader.
    type Scan: Scan;

    /// A scan that starts with the record at `from`, and ends with the last record that the reader sees now. It is
    /// empty if `from` is at or behind the end.
    fn scan(&self, from: Offset) -> Result<Self::Scan>;

    /// The offset behind the last record that this reader sees now.
    fn end(&self) -> Offset;

    /// The offset of the first record that is still there: 0 for a log that never deletes.
    fn start(&self) -> Offset {
        Offset(0)
    }

    /// The same reader, seeing as far as `visibility` says.
    fn with_visibility(self, visibility: Visibility) -> Self;

    /// The record at `offset`, or `None` if the log does not reach that far.
    fn read(&self, offset: Offset) -> Result<Option<Record<'static>>> {
        let mut scan = self.scan(offset)?;
        Ok(scan.next()?.map(|entry| entry.record.into_owned()))
    }
}

/// Records in order. A lending iterator: each entry borrows from the scan, so that a scan of a whole log allocates
/// nothing for a record.
pub trait Scan: Send {
    /// The next record, or `None` at the end. After an error, the same error again.
    fn next(&mut self) -> Result<Option<Entry<'_>>>;

    /// Whether [`Scan::next`] will say that this is the end. For whoever goes on with another scan then: what `next`
    /// lends would still be lent when the next scan takes its place.
    fn is_at_end(&mut self) -> Result<bool>;
}

/// A record and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The record's number in the log.
    pub offset: Offset,
    /// Where its frame starts, in bytes from the start of its file.
    pub position: u64,
    /// The record.
    pub record: Record<'a>,
}

/// How far a reader sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// Records that a power cut cannot take back. The default: what was read once stays read.
    #[default]
    Durable,
    /// Records that were written, synced or not: sooner, and a power cut may undo them.
    Written,
}

/// A log that many threads append to.
pub trait SharedLog: Send + Sync {
    /// Appends one record and returns when it is durable.
    fn append(&self, record: Record<'static>) -> Result<Offset>;
}

/// The naive way to share a log: one lock around everything, held while the disk works.
impl<L: Log> SharedLog for Mutex<L> {
    fn append(&self, record: Record<'static>) -> Result<Offset> {
        self.lock().unwrap_or_else(PoisonError::into_inner).append_durable(&record)
    }
}
