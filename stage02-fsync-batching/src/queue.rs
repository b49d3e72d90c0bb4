//! The state that producers and the writer share, all of it under one mutex.

use std::sync::Arc;
use std::time::Instant;

use stage01::{Error, Offset, Record, Result};

use crate::options::Options;
use crate::stats::{Stats, Sync};

/// The queue in front of the log, and the log itself when nobody is writing.
///
/// - **G1** The queue is the next group: it holds at most one group's records, so memory is bounded by two groups.
/// - **G2** Whoever takes `log` out is the writer, until it is put back. The mutex is free meanwhile.
/// - **G3** `answered <= next_offset`; a record below `answered` keeps its promise, one in between is on its way.
/// - **G4** Once `failure` is set it stays, and nothing is written after it.
pub(crate) struct Queue<L> {
    /// The desk: the log lies here while nobody writes.
    pub(crate) log: Option<L>,
    /// The records of the group that collects now.
    pub(crate) pending: Vec<Record<'static>>,
    pub(crate) pending_bytes: usize,
    /// The memory of the group before, for the group after.
    pub(crate) spare: Vec<Record<'static>>,
    /// The number of the group that collects now.
    pub(crate) group: u64,
    /// Whether a producer waits for the group that collects.
    pub(crate) is_awaited: bool,
    /// The offset of the next record to be handed in.
    pub(crate) next_offset: Offset,
    /// Records below this offset were answered.
    pub(crate) answered: Offset,
    /// Records below this offset were synced, the last of them then.
    pub(crate) synced: Offset,
    pub(crate) synced_at: Instant,
    pub(crate) failure: Option<Arc<Error>>,
    pub(crate) closing: bool,
    pub(crate) stats: Stats,
}

impl<L> Queue<L> {
    pub(crate) fn new(log: L, next_offset: Offset) -> Queue<L> {
        Queue {
            log: Some(log),
            pending: Vec::new(),
            pending_bytes: 0,
            spare: Vec::new(),
            group: 0,
            is_awaited: false,
            next_offset,
            answered: next_offset,
            synced: next_offset,
            synced_at: Instant::now(),
            failure: None,
            closing: false,
            stats: Stats::new(),
        }
    }

    /// An error if the log has failed.
    pub(crate) fn check_sound(&self) -> Result<()> {
        match &self.failure {
            Some(cause) => Err(Error::Poisoned { cause: Arc::clone(cause) }),
            None => Ok(()),
        }
    }

    /// The first failure, for good. The records of the group that collects will not be written: they are dropped, and
    /// their bytes with them.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        let cause = Arc::clone(self.failure.get_or_insert_with(|| Arc::new(error)));
        self.pending.clear();
        self.pending_bytes = 0;
        Error::Poisoned { cause }
    }

    pub(crate) fn has_room(&self, options: &Options, bytes: usize) -> bool {
        options.has_room(self.pending.len(), self.pending_bytes, bytes)
    }

    /// Puts a record into the group that collects, and returns its offset and the group's number.
    pub(crate) fn push(&mut self, record: Record<'static>) -> (Offset, u64) {
        let offset = self.next_offset;
        self.next_offset = offset.next();
        self.pending_bytes += record.bytes();
        self.pending.push(record);
        (offset, self.group)
    }

    /// Notes that the log was synced.
    pub(crate) fn count_sync(&mut self, sync: Sync) {
        self.synced = self.synced.max(sync.end);
        self.synced_at = sync.began;
        self.stats.count_sync(sync);
    }

    /// Closes the group that collects and starts the next. Returns its records.
    pub(crate) fn take_group(&mut self) -> Vec<Record<'static>> {
        self.group += 1;
        self.is_awaited = false;
        self.pending_bytes = 0;
        let empty = std::mem::take(&mut self.spare);
        std::mem::replace(&mut self.pending, empty)
    }
}
