//! What readers see: a snapshot of the segments that is replaced, and never changed.
//!
//! Whoever reads takes the snapshot that is there, with all its files open, and keeps it for as long as the read takes.
//! The log replaces it when a segment begins, is deleted, or is rewritten. A file that loses its name meanwhile is still
//! open, and the operating system keeps its bytes until the last snapshot that has it is dropped: that is how deletion
//! waits for readers, without waiting.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use stage03::{Error, Offset, Reader, Result, Visibility};

use crate::name::SegmentName;
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
}

impl<S: Storage> SealedSegment<S> {
    pub(crate) fn new(sealed: Sealed, stored_bytes: u64) -> SealedSegment<S> {
        SealedSegment { sealed, stored_bytes, reader: OnceLock::new(), times: OnceLock::new() }
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
    view: RwLock<Arc<View<S>>>,
    /// Held by whoever deletes or rewrites segments, for as long as that takes. Readers and the writer never ask for it.
    /// The records in front of this offset have no two of the same key, since a compaction saw to it.
    clean_until: Mutex<Offset>,
}

impl<S: Storage> Shared<S> {
    pub(crate) fn new(site: Site, storage: S, view: View<S>) -> Shared<S> {
        let view = RwLock::new(Arc::new(view));
        Shared { site, storage, watch: Watch::default(), view, clean_until: Mutex::default() }
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

    /// Keeps everybody else from deleting and rewriting. Lends how far the log is compacted.
    pub(crate) fn lock_maintenance(&self) -> MutexGuard<'_, Offset> {
        self.clean_until.lock().unwrap_or_else(PoisonError::into_inner)
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
