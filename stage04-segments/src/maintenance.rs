//! What is done to sealed segments while the log goes on: deleting the oldest, and the ways of rewriting.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use stage03::{Offset, Result};

use crate::name::{Part, SegmentName};
use crate::retention::{Retention, SegmentFacts};
use crate::storage::Storage;
use crate::view::{SealedSegment, Shared, Upkeep, View};

/// A handle for the thread that keeps a log in shape. It never takes anything from the writer and the readers but the
/// moment in which the list of segments is replaced. One operation runs at a time.
///
/// Every operation gives [`Error::Poisoned`](stage03::Error::Poisoned) once one of them failed in a moment in which
/// nobody knows what is on the disk, or once the log was closed. The log itself goes on, and opening it again is the cure.
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
        let mut upkeep = self.shared.lock_maintenance()?;
        let view = self.shared.view();
        // Behind the view: if a segment has begun since, its bytes are fewer than those that are there.
        let newest_bytes = self.shared.newest_bytes.load(Ordering::Relaxed);
        let mut facts = Vec::with_capacity(view.sealed.len());
        for segment in &view.sealed {
            let largest_timestamp_ms = match retention.age_max {
                Some(_) => self.shared.times_of(segment)?.largest_timestamp_ms(),
                None => u64::MAX,
            };
            let SealedSegment { sealed, stored_bytes, .. } = &**segment;
            facts.push(SegmentFacts { end: sealed.end, stored_bytes: *stored_bytes, largest_timestamp_ms });
        }
        // Whoever holds a view holds its segments.
        drop(view);
        self.delete_oldest(retention.deletable(&facts, newest_bytes, now_ms, limit), &mut upkeep)
    }

    /// Deletes the sealed segments that end at or in front of `limit`.
    pub fn delete_before(&self, limit: Offset) -> Result<()> {
        let mut upkeep = self.shared.lock_maintenance()?;
        let count = self.shared.view().sealed.iter().take_while(|segment| segment.sealed.end <= limit).count();
        self.delete_oldest(count, &mut upkeep).map(drop)
    }

    /// Deletes the `count` oldest segments, one after the other: the name of each is gone for good before the next one
    /// is touched, so that no crash leaves a hole (S4).
    fn delete_oldest(&self, count: usize, upkeep: &mut Upkeep) -> Result<Deleted> {
        let mut deleted = Deleted::default();
        for _ in 0..count {
            let oldest = Arc::clone(&self.shared.view().sealed[0]);
            let (name, stored_bytes) = (oldest.sealed.name, oldest.stored_bytes);
            self.shared.recycler.give_up(name, stored_bytes)?;
            self.shared.site.sync_directory().map_err(|e| upkeep.fail(e))?;
            self.shared.change_view(|view| View { sealed: view.sealed[1..].to_vec(), ..view.clone() });
            // No view that comes now has it.
            let file = Arc::downgrade(&oldest.sealed.file);
            drop(oldest);
            self.shared.recycler.settle(&file);
            self.remove_derived(name);
            deleted.segments += 1;
            deleted.bytes += stored_bytes;
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
