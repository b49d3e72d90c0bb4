//! Where writes meet the map: a log that applies what it appends.
//!
//! Many threads write to a store. Their batches must be applied in the order of their offsets, and a thread that has its
//! offset may be overtaken before it reaches the map. So the threads do not apply anything. The log does, beneath group
//! commit: of all threads one at a time is the log's writer (G2), it appends a group, syncs it if anybody in it asked for
//! that, and applies it, in order, before anyone is answered. There is no race, since there is nobody to race with.
//!
//! RocksDB's write group works in the same way: the leader writes the log for all, syncs once for those who want it, and
//! then the batches go into the memtable.

use std::path::PathBuf;
use std::sync::Arc;

use stage04::{Error, Log, Offset, Record, Result};

use super::batch::{Decoded, decode};
use super::table::Table;
use super::wal::WriteAheadLog;

/// A log beneath group commit whose appended records are applied to a table.
#[derive(Debug)]
pub(crate) struct Applying<W> {
    pub(crate) log: W,
    pub(crate) table: Arc<Table>,
    /// The directory, for messages.
    pub(crate) path: PathBuf,
}

impl<W: WriteAheadLog> Log for Applying<W> {
    type Reader = W::Reader;

    /// Writes the batches, makes them durable if one of them asked for it, and applies them. An error on the way leaves
    /// the table as it was (K2), and poisons the log above: whether the batches are in it is known at the next open.
    fn append(&mut self, records: &[Record<'_>]) -> Result<Offset> {
        // Nothing goes into the log that could not be applied when it is replayed.
        let batches = self.decode_all(records)?;
        let first = self.log.append(records)?;
        if batches.iter().any(|batch| batch.sync) {
            self.log.sync()?;
        }
        self.table.apply(&batches);
        Ok(first)
    }

    fn sync(&mut self) -> Result<Offset> {
        self.log.sync()
    }

    fn next_offset(&self) -> Offset {
        self.log.next_offset()
    }

    fn reader(&self) -> W::Reader {
        self.log.reader()
    }
}

impl<W: WriteAheadLog> Applying<W> {
    fn decode_all<'a>(&self, records: &'a [Record<'_>]) -> Result<Vec<Decoded<'a>>> {
        let refused = |what| Error::Damaged { path: self.path.clone(), position: 0, what };
        records.iter().map(|record| decode(&record.value).map_err(refused)).collect()
    }
}
