//! The sparse index: for some records, where they start.

use stage02::{Offset, Place};

use crate::entry::{ENTRY_BYTES, IndexEntry};
use crate::map::StoredEntries;
use crate::report::IndexFault;

/// How many bytes of log may lie between two entries before the next record gets one. Kafka's `index.interval.bytes`
/// has the same default.
///
/// It trades memory for reading: the index takes 8 bytes for each interval, a read passes over half of one on average.
pub const INDEX_INTERVAL_BYTES: u64 = 4096;

/// Entries in ascending order: those that the file had when it was opened, then those that were added since.
///
/// A record gets an entry if it starts more than an interval behind the last entry (the first time, behind the start
/// of the file). Which records have entries follows from the log alone, and not from how it was appended or how often
/// it was opened, so an index that was kept up and one that was rebuilt are the same bytes (I5).
#[derive(Debug)]
pub struct SparseIndex {
    base: Offset,
    interval_bytes: u64,
    stored: StoredEntries,
    tail: Vec<IndexEntry>,
}

impl SparseIndex {
    /// An index without entries, for a file whose first record has the offset `base`.
    pub fn new(base: Offset, interval_bytes: u64) -> SparseIndex {
        SparseIndex::with_stored(base, interval_bytes, StoredEntries::none())
    }

    /// An index that begins with the entries of a file. They may say anything: see [`SparseIndex::check`].
    pub fn with_stored(base: Offset, interval_bytes: u64, stored: StoredEntries) -> SparseIndex {
        SparseIndex { base, interval_bytes, stored, tail: Vec::new() }
    }

    /// An index without entries for the same file.
    pub fn fresh(&self) -> SparseIndex {
        SparseIndex::new(self.base, self.interval_bytes)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.stored.len() + self.tail.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of the entries are read from a mapped file.
    pub fn mapped_len(&self) -> usize {
        if self.stored.is_mapped() { self.stored.len() } else { 0 }
    }

    /// Takes note of a record that starts at `place`, behind all that were noted before.
    ///
    /// Beyond 4 GiB, or 2³² records, an entry's 32 bits no longer reach: no entry is added, and a read of such a
    /// record starts at the last entry there is.
    pub fn push(&mut self, place: Place) {
        if place.position.saturating_sub(self.last().position) > self.interval_bytes {
            self.tail.extend(IndexEntry::new(self.base, place));
        }
    }

    /// Where to start reading in order to find `target`: the place of the greatest entry that is not above it, or the
    /// start of the file.
    pub fn lookup(&self, target: Offset) -> Place {
        match self.slot_behind(|place| place.offset <= target) {
            0 => self.start(),
            behind => self.get(behind - 1),
        }
    }

    /// The place of the last entry, or the start of the file.
    pub fn last(&self) -> Place {
        match self.len() {
            0 => self.start(),
            len => self.get(len - 1),
        }
    }

    /// The places of the entries from `slot` on.
    pub fn places_from(&self, slot: usize) -> impl Iterator<Item = Place> + '_ {
        (slot..self.len()).map(|slot| self.get(slot))
    }

    /// Forgets the records from `from` on.
    pub fn truncate(&mut self, from: Offset) {
        let keep = self.slot_behind(|place| place.offset < from);
        self.tail.truncate(keep.saturating_sub(self.stored.len()));
        self.stored.truncate(keep);
    }

    /// The entries from `slot` on, as they lie in the file.
    pub fn encode_from(&self, slot: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len().saturating_sub(slot) * ENTRY_BYTES);
        for slot in slot..self.len() {
            bytes.extend(self.entry(slot).encode());
        }
        bytes
    }

    /// Whether the entries could belong to a log of this length: each one more than an interval behind the one before
    /// it, none beyond the end. Zeros never pass.
    pub fn check(&self, log_bytes: u64) -> Result<(), IndexFault> {
        let mut last = self.start();
        for (slot, place) in self.places_from(0).enumerate() {
            let is_due = place.position.saturating_sub(last.position) > self.interval_bytes;
            if !is_due || place.offset <= last.offset {
                return Err(IndexFault::OutOfOrder { slot });
            }
            last = place;
        }
        match last.position >= log_bytes && !self.is_empty() {
            true => Err(IndexFault::BeyondLog { position: last.position, log_bytes }),
            false => Ok(()),
        }
    }

    /// The number of entries for which `is_before` holds, if it holds for those at the front and for no other: binary
    /// search.
    pub(crate) fn slot_behind(&self, is_before: impl Fn(Place) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(self.get(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn start(&self) -> Place {
        Place { offset: self.base, position: 0 }
    }

    fn get(&self, slot: usize) -> Place {
        self.entry(slot).place(self.base)
    }

    fn entry(&self, slot: usize) -> IndexEntry {
        match slot.checked_sub(self.stored.len()) {
            None => self.stored.get(slot),
            Some(slot) => self.tail[slot],
        }
    }
}
