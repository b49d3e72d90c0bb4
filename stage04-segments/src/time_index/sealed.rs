//! The time index of a segment that gets no more records.

use stage03::{Access, Offset};

use super::entry::{self, TimeEntry};
use super::file::make;
use super::load::{TimeIndexFault, open, read_prefix};
use crate::name::SegmentName;
use crate::site::Site;

/// Entries up to the segment's last record, and the largest timestamp of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedTimeIndex {
    base: Offset,
    entries: Vec<TimeEntry>,
    largest_timestamp_ms: u64,
}

impl SealedTimeIndex {
    pub(super) fn new(base: Offset, entries: Vec<TimeEntry>, largest_timestamp_ms: u64) -> SealedTimeIndex {
        SealedTimeIndex { base, entries, largest_timestamp_ms }
    }

    /// Reads the index of a segment whose last record is in front of `end`. Nothing is made or changed.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with any part of the file (T2). The index is then made from the log: note all records in a
    /// new [`TimeIndex`](super::TimeIndex), and [seal](super::TimeIndex::seal) it.
    pub fn read(site: &Site, segment: &SegmentName, end: Offset) -> Result<SealedTimeIndex, TimeIndexFault> {
        let file = open(site, segment, Access::Read)?;
        let prefix = read_prefix(&*file, segment.base);
        if let Some(fault) = prefix.fault {
            return Err(fault);
        }
        let mut entries = prefix.entries;
        let seal = entries.pop().filter(|last| last.is_seal()).ok_or(TimeIndexFault::Unsealed)?;
        let index = SealedTimeIndex::new(segment.base, entries, seal.timestamp_ms);
        // The last records of a segment that was rewritten may be gone; those of any other are all there.
        match index.end() {
            found if found == end || (segment.is_rewritten() && found < end) => Ok(index),
            found => Err(TimeIndexFault::OtherEnd { found, end }),
        }
    }

    /// Puts a file with this index in the place of the one that is there, if any. It is not synced, and if it fails,
    /// the index is made again at the next open (T1).
    pub fn write(&self, site: &Site, segment: &SegmentName) {
        let _lost = make(site, segment, &self.encode_from(0));
    }

    /// The largest timestamp of the segment's records, in milliseconds; zero if it has none.
    pub fn largest_timestamp_ms(&self) -> u64 {
        self.largest_timestamp_ms
    }

    /// Where a scan may start that looks for the first record with a timestamp of at least `timestamp_ms`: as
    /// [`TimeIndex::lookup`](super::TimeIndex::lookup). If the largest timestamp is smaller, there is no such record,
    /// and this is behind the last one.
    pub fn lookup(&self, timestamp_ms: u64) -> Offset {
        entry::lookup(self.base, &self.entries, timestamp_ms)
    }

    /// How many entries the file has: one more than the index, for the seal.
    pub(super) fn slots(&self) -> usize {
        self.entries.len() + 1
    }

    /// The entries from `slot` on and the seal, as they lie in the file.
    pub fn encode_from(&self, slot: usize) -> Vec<u8> {
        let mut bytes = entry::encode_from(self.base, &self.entries, slot);
        bytes.extend(TimeEntry::seal(self.largest_timestamp_ms).encode(self.base, self.entries.len()));
        bytes
    }

    /// Behind the last record that it knows.
    fn end(&self) -> Offset {
        self.entries.last().map_or(self.base, |last| last.end(self.base))
    }
}
