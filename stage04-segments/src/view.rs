//! What readers see: a snapshot of the segments that is replaced, and never changed.
//!
//! Whoever reads takes the snapshot that is there, with all its files open, and keeps it for as long as the read takes.
//! The log replaces it when a segment begins, is deleted, or is rewritten. A file that loses its name meanwhile is still
//! open, and the operating system keeps its bytes until the last snapshot that has it is dropped: that is how deletion
//! waits for readers, without waiting.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use stage03::{Entry, Error, Offset, Reader, Result, Scan, Visibility};

use crate::name::SegmentName;
use crate::recycle::Recycler;
use crate::site::Site;
use crate::storage::{Sealed, Storage};
use crate::time_index::SealedTimeIndex;
use crate::times::{self, NewestTimes};
use crate::watch::Watch;

/// A sealed segment, whose reader is made when it is first needed.
#[derive(Debug)]
pub(crate) struct SealedSegment<S: Storage> {
    pub(crate) sealed: Sealed,
    /// What its records take on the disk.
    pub(crate) stored_bytes: u64,
    reader: OnceLock<S::Reader>,
    times: OnceLock<SealedTimeIndex>,
    /// Whether the log was cut in this segment or in front of it: another one may have its name now.
    is_cut: Mutex<bool>,
}

impl<S: Storage> SealedSegment<S> {
    pub(crate) fn new(sealed: Sealed, stored_bytes: u64) -> SealedSegment<S> {
        SealedSegment {
            sealed,
            stored_bytes,
            reader: OnceLock::new(),
            times: OnceLock::new(),
            is_cut: Mutex::default(),
        }
    }

    /// Held by whoever reads or writes a file that was derived from the segment, and by whoever cuts the log.
    pub(crate) fn lock_cut(&self) -> MutexGuard<'_, bool> {
        self.is_cut.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The segments at one moment.
#[derive(Debug)]
pub(crate) struct View<S: Storage> {
    /// From the oldest on, each ending where the next one starts.
    pub(crate) sealed: Vec<Arc<SealedSegment<S>>>,
    pub(crate) newest: S::Reader,
    pub(crate) newest_times: NewestTimes,
    pub(crate) newest_name: SegmentName,
}

impl<S: Storage> Clone for View<S> {
    fn clone(&self) -> Self {
        View {
            sealed: self.sealed.clone(),
            newest: self.newest.clone(),
            newest_times: self.newest_times.clone(),
            newest_name: self.newest_name,
        }
    }
}

impl<S: Storage> View<S> {
    /// The first offset that is still there.
    pub(crate) fn start(&self) -> Offset {
        self.sealed.first().map_or(self.newest_name.base, |first| first.sealed.name.base)
    }

    /// The offset behind the last record in sight.
    pub(crate) fn end(&self, visibility: Visibility) -> Offset {
        // What is sealed is synced.
        self.newest.clone().with_visibility(visibility).end().max(self.newest_name.base)
    }

    /// The slot of the sealed segment that `offset` falls into; the newest comes behind the last slot.
    pub(crate) fn slot_of(&self, offset: Offset) -> usize {
        self.sealed.partition_point(|segment| segment.sealed.end <= offset)
    }
}

/// What the writer, the readers and whoever maintains the log share.
#[derive(Debug)]
pub(crate) struct Shared<S: Storage> {
    pub(crate) site: Site,
    pub(crate) storage: S,
    pub(crate) watch: Watch,
    /// How far the newest segment is filled, in bytes. Its file may be longer: it may have been prepared.
    pub(crate) newest_bytes: AtomicU64,
    pub(crate) recycler: Arc<Recycler>,
    view: RwLock<Arc<View<S>>>,
    /// Held by whoever deletes or rewrites segments, for as long as that takes. Readers never ask for it, and the writer
    /// only when it goes.
    upkeep: Mutex<Upkeep>,
}

/// What whoever deletes or rewrites segments has to know.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    /// The records in front of this offset have no two of the same key, since a compaction saw to it.
    pub(crate) clean_until: Offset,
    /// Why nothing is deleted or rewritten any more.
    failure: Option<Arc<Error>>,
}

impl Upkeep {
    /// Ends all deleting and rewriting: `error` came when names had changed already, and nobody knows which of them a
    /// crash would leave. To delete a segment beside one that may or may not be there is how a log gets a hole.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        let cause = Arc::clone(self.failure.insert(Arc::new(error)));
        Error::Poisoned { cause }
    }
}

impl<S: Storage> Shared<S> {
    pub(crate) fn new(site: Site, storage: S, view: View<S>, recycler: Arc<Recycler>) -> Shared<S> {
        let view = RwLock::new(Arc::new(view));
        let newest_bytes = AtomicU64::default();
        Shared { site, storage, watch: Watch::default(), newest_bytes, recycler, view, upkeep: Mutex::default() }
    }

    /// The segments as they are now.
    pub(crate) fn view(&self) -> Arc<View<S>> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the view by what `change` makes of it.
    pub(crate) fn change_view(&self, change: impl FnOnce(&View<S>) -> View<S>) {
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        *view = Arc::new(change(&view));
    }

    /// Keeps everybody else from deleting and rewriting. An error if that has come to an end.
    pub(crate) fn lock_maintenance(&self) -> Result<MutexGuard<'_, Upkeep>> {
        let upkeep = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        match &upkeep.failure {
            Some(cause) => Err(Error::Poisoned { cause: Arc::clone(cause) }),
            None => Ok(upkeep),
        }
    }

    /// Waits for whoever deletes or rewrites, and lets nobody do it any more: the lock on the directory is about to be
    /// given back, and the segments will be another log's.
    pub(crate) fn end_maintenance(&self) {
        if let Ok(mut upkeep) = self.lock_maintenance() {
            let closed = std::io::Error::other("the log was closed");
            upkeep.fail(Error::io("maintain", self.site.disk.path(), closed));
        }
    }

    /// Shows every record of a sealed segment.
    ///
    /// # Errors
    ///
    /// [`Error::Gap`] if the segment does not end where the next one starts. A rewritten segment may have gaps, so
    /// whoever rewrites one has to look for them first: nobody could afterwards.
    pub(crate) fn visit_records(
        &self,
        segment: &SealedSegment<S>,
        mut visit: impl FnMut(&Entry<'_>) -> Result<()>,
    ) -> Result<()> {
        let Sealed { name, file, end } = &segment.sealed;
        let mut next = name.base;
        let mut scan = self.reader_of(segment)?.scan(next)?;
        while let Some(entry) = scan.next()? {
            next = entry.offset.next();
            visit(&entry)?;
        }
        match next == *end || (name.is_rewritten() && next < *end) {
            true => Ok(()),
            false => Err(Error::Gap { path: file.path().to_owned(), expected: next, found: *end }),
        }
    }

    /// The reader of a sealed segment.
    pub(crate) fn reader_of<'a>(&self, segment: &'a SealedSegment<S>) -> Result<&'a S::Reader> {
        if let Some(reader) = segment.reader.get() {
            return Ok(reader);
        }
        let reader = self.storage.read_sealed(&self.site, &segment.sealed)?;
        // If another thread was quicker, its reader is as good.
        Ok(segment.reader.get_or_init(|| reader))
    }

    /// The time index of a sealed segment.
    pub(crate) fn times_of<'a>(&self, segment: &'a SealedSegment<S>) -> Result<&'a SealedTimeIndex> {
        if let Some(times) = segment.times.get() {
            return Ok(times);
        }
        let times = times::open_sealed(self, segment)?;
        Ok(segment.times.get_or_init(|| times))
    }

    /// An error if `offset` was deleted.
    pub(crate) fn check_start(view: &View<S>, offset: Offset) -> Result<()> {
        let start = view.start();
        if offset < start { Err(Error::Deleted { offset, start }) } else { Ok(()) }
    }
}
