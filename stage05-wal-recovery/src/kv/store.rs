//! The store.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, PoisonError};

use stage04::{Disk, Durability, GroupCommit, Offset, Options, Result, SegmentedLog};

use super::applying::Applying;
use super::batch::WriteBatch;
use super::checkpoints::Checkpoints;
use super::options::{KvOptions, WriteOptions};
use super::recover::{Replayed, recover};
use super::scan::KvScan;
use super::table::{State, Table};
use super::wal::WriteAheadLog;
use crate::framed::Framed;

/// A map from keys to values, both any bytes, that is still there after a crash. See the [module](super) for how.
///
/// Any number of threads may use it at once. Readers never wait for the disk.
pub struct KvStore<W: WriteAheadLog> {
    log: GroupCommit<Applying<W>>,
    table: Arc<Table>,
    checkpoints: Checkpoints,
    /// Held by whoever writes a checkpoint: one at a time.
    checkpointing: Mutex<()>,
    replayed: Replayed,
}

impl KvStore<SegmentedLog<Framed>> {
    /// Opens the store in `disk`, or makes one: first its log, which holds the lock on the directory and clears away
    /// what a crash left at its end, then the map.
    ///
    /// # Errors
    ///
    /// Those of [`SegmentedLog::open`] and of [`KvStore::over`].
    pub fn open(disk: &Arc<dyn Disk>, options: KvOptions) -> Result<Self> {
        let log = SegmentedLog::open(disk, Framed::default(), options.segments)?;
        KvStore::over(disk, log, options.checkpoint_block_bytes)
    }
}

impl<W: WriteAheadLog> KvStore<W> {
    /// Recovers the store whose log is `log`, open, and whose checkpoints are in `disk`: the newest checkpoint is read,
    /// and the log's records from its offset on are applied to it. New checkpoints have blocks of
    /// [`checkpoint_block_bytes`](KvOptions::checkpoint_block_bytes).
    ///
    /// # Errors
    ///
    /// [`Damaged`](stage04::Error::Damaged) if the newest checkpoint is damaged and the log cannot make up for it, or if
    /// a record is no batch; [`Gap`](stage04::Error::Gap) if there are records missing between checkpoint and log, or at
    /// the log's end. Nothing is changed then.
    pub fn over(disk: &Arc<dyn Disk>, log: W, checkpoint_block_bytes: usize) -> Result<KvStore<W>> {
        let checkpoints = Checkpoints::new(disk, checkpoint_block_bytes);
        let (state, replayed) = recover(&checkpoints, &log.reader(), disk.path())?;
        let table = Arc::new(Table::new(state));
        let log = Applying { log, table: Arc::clone(&table), path: disk.path().to_owned() };
        // An answer means that `Applying` has appended the group; whether that was synced, it decides itself.
        let log = GroupCommit::new(log, Options::with_durability(Durability::OperatingSystem));
        Ok(KvStore { log, table, checkpoints, checkpointing: Mutex::new(()), replayed })
    }

    /// The value of `key`.
    pub fn get(&self, key: &[u8]) -> Option<Arc<[u8]>> {
        self.table.get(key)
    }

    /// Gives `key` a value, durably.
    pub fn put(&self, key: &[u8], value: &[u8]) -> Result<Offset> {
        let mut batch = WriteBatch::new();
        batch.put(key, value);
        self.write(batch, WriteOptions::default())
    }

    /// Takes the value of `key` away, durably. It need not have one.
    pub fn delete(&self, key: &[u8]) -> Result<Offset> {
        let mut batch = WriteBatch::new();
        batch.delete(key);
        self.write(batch, WriteOptions::default())
    }

    /// Does all writes of a batch, or none of them: no reader and no crash sees a part (K3). Returns the offset of its
    /// record. When it is answered, and what survives, is said by [`WriteOptions::sync`].
    ///
    /// # Errors
    ///
    /// [`RecordTooLarge`](stage04::Error::RecordTooLarge): the batch is larger than a record may be, and nothing
    /// happened. [`Poisoned`](stage04::Error::Poisoned): the log failed, here or before. No reader sees the batch;
    /// whether it is in the log is known when the store is opened again.
    pub fn write(&self, batch: WriteBatch, options: WriteOptions) -> Result<Offset> {
        self.log.append(batch.into_record(options.sync))
    }

    /// The pairs whose keys are in `range`, in order, as they are now.
    pub fn scan<'a>(&self, range: impl RangeBounds<&'a [u8]>) -> KvScan {
        let State { map, .. } = self.table.snapshot();
        KvScan::new(map, bytes(range.start_bound()), bytes(range.end_bound()))
    }

    /// Makes every write that was answered so far durable.
    pub fn sync(&self) -> Result<Offset> {
        self.log.sync()
    }

    /// Writes the whole state to a checkpoint, and gives up the log that nobody needs then. Returns the offset up to
    /// which the checkpoint holds. Writers go on meanwhile: they wait while the state is taken, which is quick, for one
    /// sync of the log, and while old segments are deleted.
    ///
    /// # Errors
    ///
    /// If the checkpoint cannot be written or the log cannot be given up, the store is as before and takes writes. What
    /// is left over is removed by the next checkpoint.
    pub fn checkpoint(&self) -> Result<Offset> {
        let _one_at_a_time = self.checkpointing.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.table.snapshot();
        // The state may have writes that nobody asked to sync. Without this, a power cut could leave a log that ends in
        // front of the checkpoint's offset, and would then give that offset to another record (K4).
        self.log.sync()?;
        self.checkpoints.write(&state)?;
        // Only now (K5).
        self.checkpoints.remove_others(state.next)?;
        self.give_up_log(state.next)?;
        Ok(state.next)
    }

    /// How the store found its state when it was opened.
    pub fn replayed(&self) -> &Replayed {
        &self.replayed
    }

    /// Makes all writes durable and closes the store. To drop it does the same, and tells nobody if it fails.
    pub fn close(self) -> Result<()> {
        self.log.close().map(drop)
    }

    /// The inner result is not group commit's: a file that cannot be deleted is no reason to take no more writes.
    fn give_up_log(&self, limit: Offset) -> Result<()> {
        self.log.with_log(|applying| Ok(applying.log.delete_before(limit)))?
    }
}

fn bytes<'a>(bound: Bound<&&'a [u8]>) -> Bound<&'a [u8]> {
    bound.map(|key| *key)
}

impl<W: WriteAheadLog> fmt::Debug for KvStore<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KvStore").field("next", &self.table.snapshot().next).finish_non_exhaustive()
    }
}
