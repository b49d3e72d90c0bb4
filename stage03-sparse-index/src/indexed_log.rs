//! A log with a sparse index beside it.

use std::sync::Arc;

use stage02::naive::{lock, open_or_create};
use stage02::recover::recover;
use stage02::{
    Access, Disk, DiskFile, DiskLock, Format, JsonLines, Log, NaiveLog, Offset, Place, Reader, Record, Result,
};

use crate::index::{INDEX_INTERVAL_BYTES, SparseIndex};
use crate::index_file::{IndexFile, IndexSite};
use crate::load::load;
use crate::reader::IndexedReader;
use crate::report::{IndexFault, IndexOrigin, IndexReport};
use crate::shared::SharedIndex;

/// A [`NaiveLog`] that takes note of where its records start.
///
/// - The index never runs ahead of the log: an entry reaches the index file after the sync that covers its record (I1).
/// - The index never gets in the way: no append, sync or open fails because of it (I3).
#[derive(Debug)]
pub struct IndexedLog<F: Format = JsonLines> {
    log: NaiveLog<F>,
    index: Arc<SharedIndex>,
    file: IndexFile,
    /// The number of the index that the file was made from.
    file_rebuilds: u64,
    interval_bytes: u64,
}

impl<F: Format> IndexedLog<F> {
    /// Opens the log in `disk`, or makes one, with an entry for each [`INDEX_INTERVAL_BYTES`].
    ///
    /// The log is read from the last index entry to its end, or from its start if the index file is no good. Its end is
    /// treated as in [`NaiveLog::open`].
    pub fn open(disk: &Arc<dyn Disk>, format: F) -> Result<IndexedLog<F>> {
        IndexedLog::open_with_interval(disk, format, INDEX_INTERVAL_BYTES)
    }

    /// The same with another interval. An index with closer entries than that is rebuilt.
    pub fn open_with_interval(disk: &Arc<dyn Disk>, format: F, interval_bytes: u64) -> Result<IndexedLog<F>> {
        let lock = lock(disk)?;
        let log_file = open_or_create(disk)?;
        IndexedLog::of_file(lock, log_file, IndexSite::of_log(disk, interval_bytes), format)
    }

    /// The same for any file of records and its index. Whoever holds a lock for many files gives `Box::new(())`.
    pub fn of_file(lock: DiskLock, log_file: Arc<dyn DiskFile>, site: IndexSite, format: F) -> Result<IndexedLog<F>> {
        let IndexSite { base, interval_bytes, .. } = site;
        let mut loaded = load(&site, Access::Write, &log_file, &format);
        let stored = loaded.index.len();
        let end = recover(&log_file, &format, loaded.index.last(), |place| loaded.index.push(place))?;
        let has_file = loaded.file.is_some();
        let mut log = IndexedLog {
            log: NaiveLog::resume(lock, log_file, format, end).starting_at(base),
            index: Arc::new(SharedIndex::new(loaded.index, loaded.origin)),
            file: IndexFile::new(site, loaded.file, stored),
            file_rebuilds: 0,
            interval_bytes,
        };
        match has_file {
            true => log.save_index(),
            false => log.replace_index_file(),
        }
        Ok(log)
    }

    /// A log in a file that is new: it has no records, and whatever bytes it has are zeros to write over.
    pub fn of_new_file(lock: DiskLock, log_file: Arc<dyn DiskFile>, site: IndexSite, format: F) -> IndexedLog<F> {
        let IndexSite { base, interval_bytes, .. } = site;
        let origin = IndexOrigin::Rebuilt { fault: IndexFault::Missing };
        let mut log = IndexedLog {
            log: NaiveLog::resume(lock, log_file, format, Place { offset: base, position: 0 }).starting_at(base),
            index: Arc::new(SharedIndex::new(SparseIndex::new(base, interval_bytes), origin)),
            file: IndexFile::new(site, None, 0),
            file_rebuilds: 0,
            interval_bytes,
        };
        log.replace_index_file();
        log
    }

    /// Makes everything durable, and cuts off whatever the file has behind the last record.
    pub fn seal(&mut self) -> Result<()> {
        // The cut syncs what is in front of it.
        self.log.truncate(self.log.end())?;
        self.save_index();
        Ok(())
    }

    /// Behind the last record that was written.
    pub fn end(&self) -> Place {
        self.log.end()
    }

    /// The state of the index.
    pub fn index_report(&self) -> IndexReport {
        self.index.report()
    }

    /// Takes the records from `from` on away, durably. Nothing happens if there are none.
    ///
    /// The index goes first: a crash in between leaves an index that is too short, and that is as good as new. A power
    /// cut may take the index's part back and leave the log's. Then the index is too long, which is found at open; or
    /// new records have taken the place of the old ones, and each stale entry is found when it is used.
    pub fn truncate(&mut self, from: Offset) -> Result<()> {
        if from >= self.log.next_offset() {
            return Ok(());
        }
        // What stays must be durable before the new index file names it (I1).
        self.sync()?;
        let place = self.reader().scan(from)?.place();
        // A reader that is rebuilding the index would bring back what is cut here.
        let index = Arc::clone(&self.index);
        let _no_rebuild = index.lock_replacing();
        self.index.truncate(from);
        self.replace_index_file();
        self.log.truncate(place)
    }

    /// Writes to the index file what it lacks. Only for records that are durable (I1).
    fn save_index(&mut self) {
        let unsaved = self.index.unsaved(self.file.entries(), self.file_rebuilds);
        if unsaved.rebuilds == self.file_rebuilds {
            self.file.append(&unsaved.bytes);
        } else {
            self.file_rebuilds = unsaved.rebuilds;
            self.file.replace(&unsaved.bytes);
        }
    }

    fn replace_index_file(&mut self) {
        let whole = self.index.unsaved(0, self.file_rebuilds);
        self.file_rebuilds = whole.rebuilds;
        self.file.replace(&whole.bytes);
    }
}

impl<F: Format> Log for IndexedLog<F> {
    type Reader = IndexedReader<F>;

    fn append(&mut self, records: &[Record<'_>]) -> Result<Offset> {
        let first = self.log.append(records)?;
        self.index.push_all(first, self.log.starts());
        Ok(first)
    }

    fn sync(&mut self) -> Result<Offset> {
        let end = self.log.sync()?;
        self.save_index();
        Ok(end)
    }

    fn next_offset(&self) -> Offset {
        self.log.next_offset()
    }

    fn reader(&self) -> IndexedReader<F> {
        IndexedReader::new(self.log.reader(), Arc::clone(&self.index), self.interval_bytes)
    }
}
