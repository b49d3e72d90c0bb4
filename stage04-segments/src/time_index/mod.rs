//! The time index: how far into a segment one has to go for a point in time.
//!
//! Timestamps come from the producers' clocks, and they jump back and forth. What can be searched is the *largest one
//! so far*: it never goes back. An entry (t, o) says that every record up to offset o, o included, has a timestamp of
//! at most t. Whoever looks for the first record that is as young as some time may pass over all of them if t lies
//! before that time. Kafka's time index is the same idea.
//!
//! # Layout
//!
//! A file beside the segment, 16 bytes for an entry, all numbers little-endian.
//!
//! ```text
//!  0  the largest timestamp so far, in milliseconds             u64
//!  8  the record's offset, less the base offset of its segment  u32   u32::MAX: the seal
//! 12  crc32 of the base offset u64, the entry's number u32 and bytes 0..12
//! ```
//!
//! There is an entry for each piece of more than 64 KiB of log. A segment that is sealed gets an entry for its last
//! record, whatever lies between, and then the *seal*, which has the segment's largest timestamp.
//!
//! Kafka's entries have 12 bytes and no checksum. There, a file that a crash had filled up with zeros said that its
//! segment was as old as 1970, and retention deleted it ([KAFKA-10207](https://issues.apache.org/jira/browse/KAFKA-10207)).
//! Ours pays 4 bytes more, since retention deletes by what it says. The checksum covers the segment and the entry's
//! number too, so that no entry is right in another place.
//!
//! # Invariants
//!
//! - **T1** The entries are derived from the log and never evidence about it. No failure of their file fails an
//!   append, a sync or an open: it costs reading the log again.
//! - **T2** An entry is believed if its checksum holds, and those in front of it are believed. A sealed segment's index
//!   is believed as a whole, seal included, or not at all.
//! - **T3** A file only grows. Other entries go into a new file, which takes the name.
//! - **T4** Before records that have entries are cut off, the file is removed, durably. An entry about other records
//!   than those that the log has would pass every check.

mod entry;
mod file;
mod load;
mod sealed;

use stage03::Offset;

use entry::TimeEntry;

pub use file::TimeIndexFile;
pub use load::TimeIndexFault;
pub use sealed::SealedTimeIndex;

/// How many bytes of log may lie between two entries before the next record gets one: the index takes a four
/// thousandth of the log, and a search by time ends with a scan of at most this much.
pub const TIME_INDEX_INTERVAL_BYTES: u64 = 64 * 1024;

/// The time index of the newest segment, in memory.
///
/// - The entries' timestamps never go back, and their offsets grow.
/// - Every record in front of [`TimeIndex::next_offset`] was noted, and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeIndex {
    base: Offset,
    interval_bytes: u64,
    entries: Vec<TimeEntry>,
    next: Offset,
    largest_timestamp_ms: u64,
    /// Where the first record behind the last entry starts, if there is one.
    piece_position: Option<u64>,
}

impl TimeIndex {
    /// An index without entries for a segment that starts at `base`. [`TIME_INDEX_INTERVAL_BYTES`] is the usual
    /// interval.
    pub fn new(base: Offset, interval_bytes: u64) -> TimeIndex {
        TimeIndex::with_entries(base, interval_bytes, Vec::new())
    }

    /// An index that knows what the entries say, and of no record behind the last of them.
    fn with_entries(base: Offset, interval_bytes: u64, entries: Vec<TimeEntry>) -> TimeIndex {
        let (next, largest_timestamp_ms) = entries.last().map_or((base, 0), |last| (last.end(base), last.timestamp_ms));
        TimeIndex { base, interval_bytes, entries, next, largest_timestamp_ms, piece_position: None }
    }

    /// Takes note of the record `offset`, which starts at `position` in the segment's file. Records come in their
    /// order. One that was noted before is passed over.
    pub fn note(&mut self, offset: Offset, position: u64, timestamp_ms: u64) {
        if offset < self.next {
            return;
        }
        self.next = Offset(offset.0.saturating_add(1));
        self.largest_timestamp_ms = self.largest_timestamp_ms.max(timestamp_ms);
        let piece_position = *self.piece_position.get_or_insert(position);
        if position.saturating_sub(piece_position) > self.interval_bytes
            && let Some(entry) = self.entry_of_all()
        {
            self.entries.push(entry);
            self.piece_position = None;
        }
    }

    /// The next record to be noted: for an index from a file, where the log has to be read again.
    pub fn next_offset(&self) -> Offset {
        self.next
    }

    /// The largest timestamp of the records that were noted, in milliseconds; zero if there are none.
    pub fn largest_timestamp_ms(&self) -> u64 {
        self.largest_timestamp_ms
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where a scan may start that looks for the first record with a timestamp of at least `timestamp_ms`. All records
    /// in front of it are older.
    pub fn lookup(&self, timestamp_ms: u64) -> Offset {
        entry::lookup(self.base, &self.entries, timestamp_ms)
    }

    /// Forgets the records from `from` on, and maybe some in front of it, back to the last entry that stays. These
    /// have to be noted again, from [`TimeIndex::next_offset`] on. The file comes first:
    /// [`TimeIndexFile::remove`] (T4).
    pub fn truncate(&mut self, from: Offset) {
        if from < self.next {
            let mut entries = std::mem::take(&mut self.entries);
            entries.retain(|entry| entry.end(self.base) <= from);
            *self = TimeIndex::with_entries(self.base, self.interval_bytes, entries);
        }
    }

    /// The index of the segment as it is now, which gets no more records.
    pub fn seal(&self) -> SealedTimeIndex {
        let is_complete = self.entries.last().map_or(self.base, |last| last.end(self.base)) == self.next;
        let last = if is_complete { None } else { self.entry_of_all() };
        let entries = self.entries.iter().copied().chain(last).collect();
        SealedTimeIndex::new(self.base, entries, self.largest_timestamp_ms)
    }

    /// The entries from `slot` on, as they lie in the file.
    pub fn encode_from(&self, slot: usize) -> Vec<u8> {
        entry::encode_from(self.base, &self.entries, slot)
    }

    /// The entry that covers all records that were noted; none if there are no records, or more than 32 bits can count.
    fn entry_of_all(&self) -> Option<TimeEntry> {
        let last = self.next.0.checked_sub(self.base.0)?.checked_sub(1)?;
        TimeEntry::new(self.largest_timestamp_ms, last)
    }
}
