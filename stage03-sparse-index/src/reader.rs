//! Reading with an index: one search in memory, one read of the file, a short scan.

use std::sync::Arc;

use stage02::naive::FILE_NAME;
use stage02::recover::find_end;
use stage02::scan::WINDOW_BYTES;
use stage02::{
    Access, Disk, DiskFile, Error, FileScan, Format, JsonLines, NaiveReader, Offset, Place, Reader, Result, Scan,
    Visibility,
};

use crate::index::INDEX_INTERVAL_BYTES;
use crate::index_file::{IndexFile, IndexSite};
use crate::landing::lands;
use crate::load::load;
use crate::report::IndexReport;
use crate::shared::SharedIndex;

/// A reader of an [`IndexedLog`](crate::IndexedLog).
///
/// It reads what a [`NaiveReader`] of the same file would read, and starts nearer to it.
#[derive(Clone, Debug)]
pub struct IndexedReader<F: Format = JsonLines> {
    log: NaiveReader<F>,
    index: Arc<SharedIndex>,
    /// How much to read at the place that the index names: as much as lies between two entries.
    window_bytes: usize,
}

impl<F: Format> IndexedReader<F> {
    /// Opens the log in `disk` for reading alone: nothing is locked, cut, made, synced or repaired. An index file that
    /// is good saves reading the whole log; one that is not is ignored.
    pub fn open(disk: &Arc<dyn Disk>, format: F) -> Result<IndexedReader<F>> {
        IndexedReader::open_with_interval(disk, format, INDEX_INTERVAL_BYTES)
    }

    /// The same for a log that was written with another interval.
    pub fn open_with_interval(disk: &Arc<dyn Disk>, format: F, interval_bytes: u64) -> Result<IndexedReader<F>> {
        let file = disk.open(FILE_NAME, Access::Read);
        let file = file.map_err(|e| Error::io("open", disk.path().join(FILE_NAME), e))?;
        IndexedReader::of_file(file, &IndexSite::of_log(disk, interval_bytes), format)
    }

    /// The same for any file of records and its index.
    pub fn of_file(file: Arc<dyn DiskFile>, site: &IndexSite, format: F) -> Result<IndexedReader<F>> {
        let mut loaded = load(site, Access::Read, &file, &format);
        let end = find_end(&file, &format, loaded.index.last(), |place| loaded.index.push(place))?.place;
        let index = Arc::new(SharedIndex::new(loaded.index, loaded.origin));
        let log = NaiveReader::up_to(file, format, end).starting_at(site.base);
        Ok(IndexedReader::new(log, index, site.interval_bytes))
    }

    /// A reader of a file that is complete, and whose last record lies in front of `end`: one of the sealed segments of
    /// stage 4. With gaps, records were taken out of it: their neighbours kept their offsets.
    pub fn of_sealed_file(
        file: Arc<dyn DiskFile>,
        site: &IndexSite,
        format: F,
        end: Offset,
        has_gaps: bool,
    ) -> Result<IndexedReader<F>> {
        let position = file.length().map_err(|e| Error::io("ask for the length", file.path(), e))?;
        let mut loaded = load(site, Access::Read, &file, &format);
        let log = NaiveReader::up_to(file, format, Place { offset: end, position }).starting_at(site.base);
        let log = if has_gaps { log.with_gaps() } else { log };
        let mut scan = log.scan_from(loaded.index.last(), WINDOW_BYTES);
        while let Some(entry) = scan.next()? {
            loaded.index.push(Place { offset: entry.offset, position: entry.position });
        }
        let index = Arc::new(SharedIndex::new(loaded.index, loaded.origin));
        Ok(IndexedReader::new(log, index, site.interval_bytes))
    }

    /// Writes the index to its file, in the place of what is there. If that fails, the file counts as missing.
    pub fn save_index(&self, site: &IndexSite) {
        IndexFile::new(site.clone(), None, 0).replace(&self.index.unsaved(0, 0).bytes);
    }

    pub(crate) fn new(log: NaiveReader<F>, index: Arc<SharedIndex>, interval_bytes: u64) -> IndexedReader<F> {
        let window_bytes = usize::try_from(interval_bytes).unwrap_or(WINDOW_BYTES).min(WINDOW_BYTES);
        IndexedReader { log, index, window_bytes }
    }

    /// The state of the index.
    pub fn index_report(&self) -> IndexReport {
        self.index.report()
    }

    /// A scan from `from` on that starts where the index says, or `None` if what the index says is not so.
    ///
    /// The entry to start at is held against the log first (I4). It has to be in this reader's sight: the index may know
    /// of records behind its end.
    fn scan_by_index(&self, from: Offset) -> Result<Option<FileScan<F>>> {
        // The index may know of records that this reader does not see yet. The one to land on has to be in its sight.
        let last_seen = Offset(self.log.end().0.saturating_sub(1));
        let place = self.index.lookup(from.min(last_seen));
        let mut scan = self.log.scan_from(place, self.window_bytes);
        if place != self.log.start() {
            if !lands(&mut scan)? {
                return Ok(None);
            }
            if place.offset == from {
                // The record to land on is the one to return: start again in front of it.
                scan = self.log.scan_from(place, self.window_bytes);
            }
        }
        scan.skip_to(from)?;
        Ok(Some(scan))
    }

    /// Builds the index anew from the log, for all readers. The writer will find that it is another one, and save it.
    fn rebuild(&self) -> Result<()> {
        let mut scan = self.log.scan_from(self.log.start(), WINDOW_BYTES);
        let mut rebuilt = self.index.fresh();
        while let Some(entry) = scan.next()? {
            rebuilt.push(Place { offset: entry.offset, position: entry.position });
        }
        self.index.replace(rebuilt, scan.place().offset);
        Ok(())
    }
}

impl<F: Format> Reader for IndexedReader<F> {
    type Scan = FileScan<F>;

    fn scan(&self, from: Offset) -> Result<FileScan<F>> {
        if let Some(scan) = self.scan_by_index(from)? {
            return Ok(scan);
        }
        let _one_at_a_time = self.index.lock_replacing();
        // While this reader waited, another may have met the same lie and dealt with it.
        if let Some(scan) = self.scan_by_index(from)? {
            return Ok(scan);
        }
        // A log that cannot be read to its end gets no new index. The records in front of the damage are still there.
        if self.rebuild().is_ok()
            && let Some(scan) = self.scan_by_index(from)?
        {
            return Ok(scan);
        }
        self.log.scan(from)
    }

    fn end(&self) -> Offset {
        self.log.end()
    }

    fn with_visibility(self, visibility: Visibility) -> Self {
        IndexedReader { log: self.log.with_visibility(visibility), ..self }
    }
}
