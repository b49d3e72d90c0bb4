//! The file of a time index, on its writing side.
//!
//! Nothing here is synced but a removal, and no failure goes further than this file but that of a removal. The file is
//! derived: whatever a crash leaves of it is checked before it is believed, and what is lost is computed again.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use stage03::{Access, DiskFile, Result};

use super::entry::ENTRY_BYTES;
use super::load::{Prefix, open, read_prefix};
use super::{SealedTimeIndex, TimeIndex};
use crate::name::{Part, SegmentName, TEMPORARY_SUFFIX};
use crate::site::Site;

/// The file of the newest segment's time index: it grows at its end, or gives way to another.
#[derive(Debug)]
pub struct TimeIndexFile {
    site: Site,
    segment: SegmentName,
    state: State,
}

#[derive(Debug)]
enum State {
    /// There is a file with this many entries of the index, the first ones.
    Kept { file: Arc<dyn DiskFile>, entries: usize },
    /// What has the name, if anything has, is not this index. The next save makes a new file.
    Due,
    /// No file could be made. The index lives in memory until the log is opened again.
    Lost,
}

impl TimeIndexFile {
    /// The file of a segment that is made now. Nothing is written yet.
    pub fn new(site: &Site, segment: &SegmentName) -> TimeIndexFile {
        TimeIndexFile { site: site.clone(), segment: *segment, state: State::Due }
    }

    /// Opens the newest segment's time index, as far as it can be believed. Nothing is written yet.
    ///
    /// The log has to be read from [`TimeIndex::next_offset`] on, and its records noted. If the log ends in front of
    /// that, the index is about other records: begin with a new one.
    pub fn open(site: &Site, segment: &SegmentName, interval_bytes: u64) -> (TimeIndexFile, TimeIndex) {
        let mut index_file = TimeIndexFile::new(site, segment);
        let Ok(file) = open(site, segment, Access::Write) else {
            return (index_file, TimeIndex::new(segment.base, interval_bytes));
        };
        let Prefix { entries, fault } = read_prefix(&*file, segment.base);
        let (index, is_sealed) = unsealed(segment, interval_bytes, entries);
        // What follows the entries that hold is never written over (T3): the file stays only if nothing does.
        if fault.is_none() && !is_sealed {
            index_file.state = State::Kept { file, entries: index.len() };
        }
        (index_file, index)
    }

    /// The same for a reader, who only needs what the file says. Nothing is made or changed.
    pub fn read(site: &Site, segment: &SegmentName, interval_bytes: u64) -> TimeIndex {
        let entries = open(site, segment, Access::Read).map(|file| read_prefix(&*file, segment.base).entries);
        unsealed(segment, interval_bytes, entries.unwrap_or_default()).0
    }

    /// Writes the entries that the file lacks. Only for records that are durable, and no entry of them was taken back
    /// since the last time but with [`TimeIndexFile::remove`].
    ///
    /// If that fails, the file counts as unchanged, and the next call writes the same entries again, and more.
    pub fn save(&mut self, index: &TimeIndex) {
        self.add(index.len(), |slot| index.encode_from(slot));
    }

    /// Writes what the file lacks of the index of the whole segment, seal included.
    pub fn seal(mut self, index: &SealedTimeIndex) {
        self.add(index.slots(), |slot| index.encode_from(slot));
    }

    /// Takes the file away, durably, before records that have entries in it are cut off (T4). The next save makes a
    /// new one.
    ///
    /// # Errors
    ///
    /// The cut must not be made then: the old file could come back and be believed.
    pub fn remove(&mut self) -> Result<()> {
        self.state = State::Due;
        self.site.remove(&self.segment.file(Part::TimeIndex))?;
        self.site.sync_directory()
    }

    /// Brings the file to `entries` entries, whose bytes from some slot on `encode` gives.
    fn add(&mut self, entries: usize, encode: impl Fn(usize) -> Vec<u8>) {
        match &mut self.state {
            State::Kept { file, entries: kept } if *kept < entries => {
                if file.write_at(&encode(*kept), (*kept * ENTRY_BYTES) as u64).is_ok() {
                    *kept = entries;
                }
            }
            State::Due => {
                let made = make(&self.site, &self.segment, &encode(0));
                self.state = made.map_or(State::Lost, |file| State::Kept { file, entries });
            }
            State::Kept { .. } | State::Lost => {}
        }
    }
}

/// An index of the entries, without a seal, and whether there was one. The newest segment's index has one if a crash
/// came between the sealing and the next segment: the segment may get more records, and the seal is not true any more.
fn unsealed(segment: &SegmentName, interval_bytes: u64, mut entries: Vec<super::TimeEntry>) -> (TimeIndex, bool) {
    let seal = entries.pop_if(|last| last.is_seal());
    (TimeIndex::with_entries(segment.base, interval_bytes, entries), seal.is_some())
}

/// A new file with these bytes under the name of the segment's time index. A kill leaves it or the one that had the
/// name, and no mixture; a power cut may leave any part of it, and the checksums tell.
pub(super) fn make(site: &Site, segment: &SegmentName, bytes: &[u8]) -> io::Result<Arc<dyn DiskFile>> {
    let name = segment.file(Part::TimeIndex);
    let temporary = format!("{name}{TEMPORARY_SUFFIX}");
    let removed = || match site.disk.remove(&temporary) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    };
    removed()?;
    let file = site.disk.create(&temporary)?;
    let named = file.write_at(bytes, 0).and_then(|()| site.disk.rename(&temporary, &name));
    if named.is_err() {
        removed()?;
    }
    named.and_then(|()| site.disk.open(&name, Access::Write))
}
