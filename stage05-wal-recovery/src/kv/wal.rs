//! What the store asks of a log.

use stage04::{Log, Offset, Result, SegmentedLog, Storage};

/// A log that can be given up from its start on.
pub trait WriteAheadLog: Log {
    /// Deletes records below `limit`: as many as can be deleted cheaply, perhaps none. Those from `limit` on stay.
    ///
    /// A log of segments deletes the segments all of whose records are below. RocksDB and PostgreSQL rename such files
    /// instead, and write them again: a recycled file has its space already.
    fn delete_before(&mut self, limit: Offset) -> Result<()>;
}

impl<S: Storage> WriteAheadLog for SegmentedLog<S> {
    fn delete_before(&mut self, limit: Offset) -> Result<()> {
        SegmentedLog::delete_before(self, limit)
    }
}
