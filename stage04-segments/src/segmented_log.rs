//! A log in many files.

mod append_with;
mod start_again;
mod truncate;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use stage03::naive::lock;
use stage03::{Access, Disk, DiskLock, Error, Log, Offset, Reader, Record, Result, Visibility};

use crate::directory::{Contents, open_sealed};
use crate::maintenance::Maintenance;
use crate::name::{Part, SegmentName};
use crate::options::SegmentOptions;
use crate::prepare::Preparer;
use crate::reader::SegmentedReader;
use crate::roll::{Fill, Incoming, should_roll};
use crate::site::Site;
use crate::storage::{Sealed, SegmentWriter, Storage};
use crate::times::TimesWriter;
use crate::view::{SealedSegment, Shared, View};

/// A log that begins a new file now and then, so that old records can be given up a file at a time.
///
/// - **S1** Each segment ends where the next one starts.
/// - **S2** A segment is sealed and synced before the next one gets its name: only the newest can be torn.
/// - **S3** There is always a newest segment, and nothing else is ever appended to.
/// - **S4** Segments go from the oldest on, one after the other: what is left of a log has no hole.
/// - **S5** A reader's snapshot never changes.
#[derive(Debug)]
pub struct SegmentedLog<S: Storage> {
    options: SegmentOptions,
    newest: S::Writer,
    newest_name: SegmentName,
    /// The timestamp of the newest segment's first record.
    first_timestamp_ms: Option<u64>,
    times: TimesWriter,
    preparer: Preparer,
    shared: Arc<Shared<S>>,
    /// Why a roll failed. Nobody knows then which segment is the newest on the disk.
    failure: Option<Arc<Error>>,
    _lock: DiskLock,
}

impl<S: Storage> SegmentedLog<S> {
    /// Opens the log in `disk`, or makes one. Of what it finds there it removes the leftovers of a crash; see
    /// [`directory`](crate::directory).
    ///
    /// # Errors
    ///
    /// [`Error::Gap`] if a segment is missing behind one that was rewritten, whose name says where it ends (where others
    /// end, the first scan that comes there finds out); [`Error::Locked`] if another log is open here; and
    /// whatever the storage says of its files.
    pub fn open(disk: &Arc<dyn Disk>, storage: S, options: SegmentOptions) -> Result<SegmentedLog<S>> {
        let lock = lock(disk)?;
        let index_interval_bytes = options.index_interval_bytes;
        let site = Site { disk: Arc::clone(disk), access: Access::Write, index_interval_bytes };
        let contents = Contents::of(&site)?;
        let mut preparer = Preparer::new(site.clone(), &options);
        let (newest, newest_name) = match contents.segments.last() {
            Some(&name) => {
                // Whoever gave the file its name may have been killed before the name was durable.
                site.sync_directory()?;
                let file = site.open(&name.file(Part::Log), Access::Write)?;
                (storage.open_newest(&site, &name, file)?, name)
            }
            None => begin_segment(&site, &storage, &mut preparer, Offset(0))?,
        };
        let sealed = open_sealed(&site, &contents.segments)?;
        // Nothing is removed before all of the log was found.
        for leftover in &contents.leftovers {
            site.remove(leftover)?;
        }
        if !contents.leftovers.is_empty() {
            // Before what they stand beside is deleted in its turn: they must not come back and be all there is.
            site.sync_directory()?;
        }
        preparer.order_next();
        let first_timestamp_ms = first_timestamp_ms(&storage, &newest, newest_name.base)?;
        let times = TimesWriter::open(&site, &newest_name, &storage, &newest.reader())?;
        let view = View { sealed, newest: newest.reader(), newest_times: times.times.clone(), newest_name };
        let shared = Arc::new(Shared::new(site, storage, view, Arc::clone(&preparer.recycler)));
        shared.newest_bytes.store(newest.end_position(), Ordering::Relaxed);
        Ok(SegmentedLog {
            options,
            newest,
            newest_name,
            first_timestamp_ms,
            times,
            preparer,
            shared,
            failure: None,
            _lock: lock,
        })
    }

    /// Deletes the segments all of whose records are in front of `limit`. The newest segment is ended first if it is
    /// one of them, so that there is always a segment to append to.
    pub fn delete_before(&mut self, limit: Offset) -> Result<()> {
        if limit >= self.next_offset() {
            self.roll()?;
        }
        self.maintenance().delete_before(limit)
    }

    /// Ends the newest segment and begins the next. Nothing happens if it is empty.
    ///
    /// # Errors
    ///
    /// After a failure the log takes no more records: the next segment may have its name already, or may not.
    pub fn roll(&mut self) -> Result<()> {
        self.check_sound()?;
        match self.next_offset() == self.newest_name.base {
            true => Ok(()),
            false => self.begin_next().map_err(|error| {
                let cause = Arc::clone(self.failure.insert(Arc::new(error)));
                Error::Poisoned { cause }
            }),
        }
    }

    fn check_sound(&self) -> Result<()> {
        match &self.failure {
            Some(cause) => Err(Error::Poisoned { cause: Arc::clone(cause) }),
            None => Ok(()),
        }
    }

    fn begin_next(&mut self) -> Result<()> {
        let end = self.next_offset();
        // The old segment is whole and durable before the new one can be found (S2).
        self.newest.seal()?;
        let stored_bytes = self.newest.end_position();
        let Shared { site, storage, .. } = &*self.shared;
        let file = site.open(&self.newest_name.file(Part::Log), Access::Read)?;
        let sealed = Sealed { name: self.newest_name, file, end };
        let (newest, newest_name) = begin_segment(site, storage, &mut self.preparer, end)?;
        self.preparer.order_next();
        let times = TimesWriter::new(site, &newest_name);
        self.shared.change_view(|view| {
            let mut segments = view.sealed.clone();
            segments.push(Arc::new(SealedSegment::new(sealed, stored_bytes)));
            View { sealed: segments, newest: newest.reader(), newest_times: times.times.clone(), newest_name }
        });
        self.shared.newest_bytes.store(newest.end_position(), Ordering::Relaxed);
        (self.newest, self.newest_name) = (newest, newest_name);
        std::mem::replace(&mut self.times, times).seal();
        self.first_timestamp_ms = None;
        // What was sealed is durable, and nobody has rung for that yet.
        self.shared.watch.ring();
        Ok(())
    }

    /// What can be done to the log's sealed segments by another thread, while this one appends.
    pub fn maintenance(&self) -> Maintenance<S> {
        Maintenance::new(Arc::clone(&self.shared))
    }

    /// The newest segment's writer.
    pub fn newest(&self) -> &S::Writer {
        &self.newest
    }

    fn roll_if_due(&mut self, incoming: &Incoming) -> Result<()> {
        let fill = Fill {
            base: self.newest_name.base,
            next: self.next_offset(),
            bytes: self.newest.end_position(),
            index_bytes: self.newest.index_bytes(),
            first_timestamp_ms: self.first_timestamp_ms,
        };
        match should_roll(&fill, incoming, &self.options) {
            Some(_) => self.roll(),
            None => Ok(()),
        }
    }
}

impl<S: Storage> Log for SegmentedLog<S> {
    type Reader = SegmentedReader<S>;

    fn append(&mut self, records: &[Record<'_>]) -> Result<Offset> {
        // A batch that is refused must not end a segment.
        records.iter().try_for_each(Record::check_size)?;
        self.check_sound()?;
        if let Some(incoming) = Incoming::of(records) {
            self.roll_if_due(&incoming)?;
        }
        let position = self.newest.end_position();
        let first = self.newest.append(records)?;
        if self.first_timestamp_ms.is_none() {
            self.first_timestamp_ms = records.first().map(|record| record.timestamp_ms);
        }
        self.shared.newest_bytes.store(self.newest.end_position(), Ordering::Relaxed);
        self.times.note(first, records, position);
        self.shared.watch.ring();
        Ok(first)
    }

    fn sync(&mut self) -> Result<Offset> {
        self.check_sound()?;
        let end = self.newest.sync()?;
        self.times.save();
        self.shared.watch.ring();
        Ok(end)
    }

    fn next_offset(&self) -> Offset {
        self.newest.next_offset()
    }

    fn reader(&self) -> SegmentedReader<S> {
        SegmentedReader::new(Arc::clone(&self.shared))
    }
}

impl<S: Storage> Drop for SegmentedLog<S> {
    fn drop(&mut self) {
        self.shared.watch.close();
        self.shared.end_maintenance();
    }
}

/// Makes a segment's file, durably, and begins to write it.
fn begin_segment<S: Storage>(
    site: &Site,
    storage: &S,
    preparer: &mut Preparer,
    base: Offset,
) -> Result<(S::Writer, SegmentName)> {
    let name = SegmentName::new(base);
    let file = preparer.make(base, &storage.header(base)?)?;
    preparer.recycler.note_written(name, &file);
    Ok((storage.start_newest(site, &name, file)?, name))
}

fn first_timestamp_ms<S: Storage>(storage: &S, newest: &S::Writer, base: Offset) -> Result<Option<u64>> {
    let mut first = None;
    storage.visit_stamps(&newest.reader().with_visibility(Visibility::Written), base, &mut |stamp| {
        first = Some(stamp.first_timestamp_ms);
        ControlFlow::Break(())
    })?;
    Ok(first)
}
