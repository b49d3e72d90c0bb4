//! The time indexes of a log's segments, and finding a record by its timestamp.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stage03::{Access, Offset, Reader, Record, Result, Scan, Visibility};

use crate::name::SegmentName;
use crate::reader::SegmentedReader;
use crate::site::Site;
use crate::stamp::Stamp;
use crate::storage::Storage;
use crate::time_index::{SealedTimeIndex, TIME_INDEX_INTERVAL_BYTES, TimeIndex, TimeIndexFile};
use crate::view::{SealedSegment, Shared, View};

/// The time index of the newest segment, which the writer adds to while readers search it.
#[derive(Clone, Debug)]
pub(crate) struct NewestTimes(Arc<Mutex<TimeIndex>>);

impl NewestTimes {
    fn new(index: TimeIndex) -> NewestTimes {
        NewestTimes(Arc::new(Mutex::new(index)))
    }

    /// The index of the newest segment, for a reader: from its file, as far as that goes, else from the log.
    pub(crate) fn read<S: Storage>(
        site: &Site,
        segment: &SegmentName,
        storage: &S,
        newest: &S::Reader,
    ) -> Result<NewestTimes> {
        let index = TimeIndexFile::read(site, segment, TIME_INDEX_INTERVAL_BYTES);
        Ok(NewestTimes::new(complete(index, segment, storage, newest)?.0))
    }

    /// See [`TimeIndex::lookup`].
    fn lookup(&self, timestamp_ms: u64) -> Offset {
        self.lock().lookup(timestamp_ms)
    }

    fn lock(&self) -> MutexGuard<'_, TimeIndex> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same on the writer's side, with its file.
#[derive(Debug)]
pub(crate) struct TimesWriter {
    pub(crate) times: NewestTimes,
    file: TimeIndexFile,
}

impl TimesWriter {
    /// The time index of a segment that is new.
    pub(crate) fn new(site: &Site, segment: &SegmentName) -> TimesWriter {
        let index = TimeIndex::new(segment.base, TIME_INDEX_INTERVAL_BYTES);
        TimesWriter { times: NewestTimes::new(index), file: TimeIndexFile::new(site, segment) }
    }

    /// The time index of the newest segment of a log that is opened. What its file lacks is read from the log.
    pub(crate) fn open<S: Storage>(
        site: &Site,
        segment: &SegmentName,
        storage: &S,
        newest: &S::Reader,
    ) -> Result<TimesWriter> {
        let (mut file, index) = TimeIndexFile::open(site, segment, TIME_INDEX_INTERVAL_BYTES);
        let (index, is_the_files) = complete(index, segment, storage, newest)?;
        if !is_the_files {
            // Were it only replaced, a power cut could bring it back, and it would be believed (T4).
            file.remove()?;
        }
        Ok(TimesWriter { times: NewestTimes::new(index), file })
    }

    /// Takes note of records in a row, the first of which is `first`. They were written at `position`.
    pub(crate) fn note(&self, first: Offset, records: &[Record<'_>], position: u64) {
        let mut index = self.times.lock();
        for (record, offset) in records.iter().zip(first.0..) {
            index.note(Offset(offset), position, record.timestamp_ms);
        }
    }

    /// The same for what else was written.
    pub(crate) fn note_stamps(&self, stamps: &[Stamp]) {
        let mut index = self.times.lock();
        stamps.iter().for_each(|stamp| index.note(stamp.last, stamp.position, stamp.max_timestamp_ms));
    }

    /// Writes to the file what it lacks. Only when all records are durable.
    pub(crate) fn save(&mut self) {
        self.file.save(&self.times.lock());
    }

    /// Writes the index of the whole segment.
    pub(crate) fn seal(self) {
        self.file.seal(&self.times.lock().seal());
    }
}

/// Adds to an index the records that it does not know of. If it knows of more than there are, it is about others, and
/// is made anew; then the answer says false.
fn complete<S: Storage>(
    mut index: TimeIndex,
    segment: &SegmentName,
    storage: &S,
    newest: &S::Reader,
) -> Result<(TimeIndex, bool)> {
    let reader = newest.clone().with_visibility(Visibility::Written);
    let is_the_files = index.next_offset() <= reader.end().max(segment.base);
    if !is_the_files {
        index = TimeIndex::new(segment.base, TIME_INDEX_INTERVAL_BYTES);
    }
    note_rest(&mut index, storage, &reader)?;
    Ok((index, is_the_files))
}

/// Takes note of all records that the index does not know of.
fn note_rest<S: Storage>(index: &mut TimeIndex, storage: &S, reader: &S::Reader) -> Result<()> {
    storage.visit_stamps(reader, index.next_offset(), &mut |stamp| {
        index.note(stamp.last, stamp.position, stamp.max_timestamp_ms);
        ControlFlow::Continue(())
    })
}

/// The time index of a sealed segment: from its file, or else from its records.
pub(crate) fn open_sealed<S: Storage>(shared: &Shared<S>, segment: &SealedSegment<S>) -> Result<SealedTimeIndex> {
    let sealed = &segment.sealed;
    let is_cut = segment.lock_cut();
    if !*is_cut && let Ok(index) = SealedTimeIndex::read(&shared.site, &sealed.name, sealed.end) {
        return Ok(index);
    }
    let mut index = TimeIndex::new(sealed.name.base, TIME_INDEX_INTERVAL_BYTES);
    note_rest(&mut index, &shared.storage, shared.reader_of(segment)?)?;
    let index = index.seal();
    if shared.site.access == Access::Write && !*is_cut {
        index.write(&shared.site, &sealed.name);
    }
    Ok(index)
}

impl<S: Storage> SegmentedReader<S> {
    /// The offset of the first record in sight with a timestamp of `timestamp_ms` or later, or `None` if there is none.
    ///
    /// Timestamps are the producers' and may go back and forth. "First" is by offset: everything in front of it is
    /// older. Kafka's `offsetsForTimes` asks the same.
    pub fn offset_for_time(&self, timestamp_ms: u64) -> Result<Option<Offset>> {
        let view = self.shared.view();
        let from = self.start_in_view(&view, timestamp_ms)?;
        // The same moment: what retention deletes meanwhile is still there for this search.
        let mut scan = self.scan_view(view, from)?;
        while let Some(entry) = scan.next()? {
            if entry.record.timestamp_ms >= timestamp_ms {
                return Ok(Some(entry.offset));
            }
        }
        Ok(None)
    }

    /// Where a scan of this moment's records may start that looks for the first one with a timestamp of `timestamp_ms`
    /// or later: everything in front of it is older.
    pub fn start_for_time(&self, timestamp_ms: u64) -> Result<Offset> {
        self.start_in_view(&self.shared.view(), timestamp_ms)
    }

    fn start_in_view(&self, view: &View<S>, timestamp_ms: u64) -> Result<Offset> {
        let mut from = view.newest_times.lookup(timestamp_ms);
        for segment in &view.sealed {
            let times = self.shared.times_of(segment)?;
            if times.largest_timestamp_ms() >= timestamp_ms {
                from = times.lookup(timestamp_ms);
                break;
            }
        }
        Ok(from.max(view.start()))
    }
}
