//! What is done to sealed segments while the log goes on: deleting the oldest, and the ways of rewriting.

use std::sync::Arc;

use stage03::{Offset, Result};

use crate::name::{Part, SegmentName};
use crate::retention::{Retention, SegmentFacts};
use crate::storage::Storage;
use crate::view::{SealedSegment, Shared, View};

/// A handle for the thread that keeps a log in shape. It never takes anything from the writer and the readers but the
/// moment in which the list of segments is replaced. One operation runs at a time.
#[derive(Debug)]
pub struct Maintenance<S: Storage> {
    pub(crate) shared: Arc<Shared<S>>,
}

impl<S: Storage> Clone for Maintenance<S> {
    fn clone(&self) -> Self {
        Maintenance { shared: Arc::clone(&self.shared) }
    }
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// How many segments.
    pub segments: usize,
    /// The bytes that they took on the disk.
    pub bytes: u64,
}

impl<S: Storage> Maintenance<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>) -> Maintenance<S> {
        Maintenance { shared }
    }

    /// Deletes the oldest sealed segments as `retention` says. `now_ms` is the time, in milliseconds since the Unix
    /// epoch; nothing at or behind `limit` goes: what a slow reader, a checkpoint or a follower still needs.
    ///
    /// # Errors
    ///
    /// If the time rule has to know how old a segment is, and it cannot be read: then nothing is deleted.
    pub fn retain(&self, retention: &Retention, now_ms: u64, limit: Offset) -> Result<Deleted> {
        let _one_at_a_time = self.shared.lock_maintenance();
        let view = self.shared.view();
        let mut facts = Vec::with_capacity(view.sealed.len());
        for segment in &view.sealed {
            let largest_timestamp_ms = match retention.age_max {
                Some(_) => self.shared.times_of(segment)?.largest_timestamp_ms(),
                None => u64::MAX,
            };
            let SealedSegment { sealed, stored_bytes, .. } = &**segment;
            facts.push(SegmentFacts { end: sealed.end, stored_bytes: *stored_bytes, largest_timestamp_ms });
        }
        let newest = view.newest_name.file(Part::Log);
        let newest = self.shared.site.open(&newest, stage03::Access::Read)?;
        let newest_bytes = newest.length().map_err(|e| stage03::Error::io("ask for the length", newest.path(), e))?;
        self.delete_oldest(retention.deletable(&facts, newest_bytes, now_ms, limit))
    }

    /// Deletes the sealed segments that end at or in front of `limit`.
    pub fn delete_before(&self, limit: Offset) -> Result<()> {
        let _one_at_a_time = self.shared.lock_maintenance();
        let count = self.shared.view().sealed.iter().take_while(|segment| segment.sealed.end <= limit).count();
        self.delete_oldest(count).map(drop)
    }

    /// Deletes the `count` oldest segments, one after the other: the name of each is gone for good before the next one
    /// is touched, so that no crash leaves a hole (S4).
    fn delete_oldest(&self, count: usize) -> Result<Deleted> {
        let mut deleted = Deleted::default();
        for _ in 0..count {
            let oldest = Arc::clone(&self.shared.view().sealed[0]);
            self.shared.site.remove(&oldest.sealed.name.file(Part::Log))?;
            self.shared.site.sync_directory()?;
            self.shared.change_view(|view| View { sealed: view.sealed[1..].to_vec(), ..view.clone() });
            self.remove_derived(oldest.sealed.name);
            deleted.segments += 1;
            deleted.bytes += oldest.stored_bytes;
        }
        Ok(deleted)
    }

    /// Removes the files that were derived from a segment that is gone. What is left, the next open removes.
    pub(crate) fn remove_derived(&self, name: SegmentName) {
        for part in [Part::Index, Part::TimeIndex] {
            let _ = self.shared.site.remove(&name.file(part));
        }
    }
}
