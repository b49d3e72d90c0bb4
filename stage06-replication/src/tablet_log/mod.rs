//! The log that a replica keeps on disk: a log of stage 5 whose frames are batches.
//!
//! Segments, rolling, retention, recovery, checksums, the index and the time index are those of stages 3 to 5. What is
//! new is little: a batch is one frame, and the log does not look into it; and the log can be cut at its end.
//!
//! - **B1** Each batch starts where the one in front of it ends, and its epoch is not smaller.
//! - **B2** A batch is there as a whole, byte for byte, or not at all.
//! - **B3** What was synced is there after any crash, unless it was cut or deleted.
//! - **B4** What a truncation has removed never comes back.

pub mod reader;
pub mod sequence;
pub mod snapshots;

use std::sync::Arc;

use stage05::batch_frame::BatchFrame;
use stage05::roll::Incoming;
use stage05::{
    Disk, Error, FormatError, Framed, Log, Maintenance, Offset, Reader, Result, SegmentOptions, SegmentedLog,
    Visibility,
};

use crate::batch::Batch;
use crate::epochs::Epochs;
use crate::ids::LeaderEpoch;
use crate::producers::Producers;
use crate::replica_log::ReplicaLog;

pub use reader::TabletReader;
use snapshots::{Snapshot, Snapshots};

/// The most bytes of batches that are written at once, unless one alone has more.
const WRITE_BYTES_MAX: usize = 1024 * 1024;

/// A log of batches on disk.
#[derive(Debug)]
pub struct TabletLog {
    log: SegmentedLog<Framed>,
    /// The epoch of the last batch.
    last_epoch: Option<LeaderEpoch>,
    /// Which batches it has of which producers. `None` until somebody has asked, after an opening or a cut.
    producers: Option<Producers>,
    snapshots: Snapshots,
    /// The write or sync that failed. Nobody knows what of it is on the disk, and a second sync that succeeds would not
    /// tell; so there is none (stage 2).
    failure: Option<Arc<Error>>,
}

impl TabletLog {
    /// Opens the tablet in `disk`, or makes one that begins at offset 0. What a crash has left is put in order, as
    /// stage 5 does it; [`TabletLog::end`] tells how far the log reaches then, all of it durable.
    ///
    /// # Errors
    ///
    /// Those of [`SegmentedLog::open`]: corruption is an error that says where, and nothing is changed.
    pub fn open(disk: &Arc<dyn Disk>, framed: Framed, options: SegmentOptions) -> Result<TabletLog> {
        let log = SegmentedLog::open(disk, framed, options)?;
        let snapshots = Snapshots::in_directory(disk);
        let mut tablet = TabletLog { log, last_epoch: None, producers: None, snapshots, failure: None };
        tablet.last_epoch = tablet.reader().last_epoch()?;
        Ok(tablet)
    }

    /// A reader for other threads. It sees what was written, durable or not: a replica's high watermark, and not its
    /// disk, says how far a consumer may read.
    pub fn reader(&self) -> TabletReader {
        TabletReader::new(self.log.reader().with_visibility(Visibility::Written))
    }

    /// The epoch of the last batch; `None` without one.
    pub fn last_epoch(&self) -> Option<LeaderEpoch> {
        self.last_epoch
    }

    /// Deletes whole segments whose batches are all in front of `limit`, and returns where the log starts now.
    pub fn delete_before(&mut self, limit: Offset) -> Result<Offset> {
        self.check_sound()?;
        self.log.delete_before(limit)?;
        Ok(self.start())
    }

    /// What can be done to the older segments by another thread: retention by time and by size.
    pub fn maintenance(&self) -> Maintenance<Framed> {
        self.log.maintenance()
    }

    /// Throws everything away: the next batch starts at `start`. After a crash meanwhile, the log may be whole, or a
    /// part of it from its start on, or empty and begin at 0.
    pub fn start_again(&mut self, start: Offset) -> Result<()> {
        self.check_sound()?;
        self.log.start_again(start)?;
        self.last_epoch = None;
        self.producers = Some(Producers::new(start));
        Ok(())
    }

    fn check_sound(&self) -> Result<()> {
        match &self.failure {
            Some(cause) => Err(Error::Poisoned { cause: Arc::clone(cause) }),
            None => Ok(()),
        }
    }

    /// Takes note of the error if there is one: the log takes no more batches then, and opening it again is the cure.
    fn noted<T>(&mut self, done: Result<T>) -> Result<T> {
        done.map_err(|error| {
            let cause = Arc::clone(self.failure.insert(Arc::new(error)));
            Error::Poisoned { cause }
        })
    }

    /// Refuses batches of which one does not start where the one in front of it ends, or goes back to an older epoch
    /// (B1).
    fn check_order(&self, batches: &[Batch]) -> Result<()> {
        let position = self.log.newest().end().position;
        let path = || self.log.newest().path().to_owned();
        let (mut expected, mut last_epoch) = (self.end(), self.last_epoch);
        for batch in batches {
            let found = batch.base_offset;
            if found != expected {
                return Err(Error::OutOfOrder { path: path(), position, expected, found });
            }
            if let Some(last) = last_epoch.filter(|last| *last > batch.epoch) {
                let cause = FormatError::Malformed(format!("a batch of {} behind one of {last}", batch.epoch));
                return Err(Error::BadFrame { path: path(), position, expected, cause });
            }
            if let Err(cause) = frame_of(batch).check() {
                return Err(Error::BadFrame { path: path(), position, expected, cause });
            }
            (expected, last_epoch) = (batch.end_offset(), Some(batch.epoch));
        }
        Ok(())
    }

    /// Writes some batches by one write.
    fn write(&mut self, batches: &[Batch]) -> Result<()> {
        let (Some(first), Some(last)) = (batches.first(), batches.last()) else { return Ok(()) };
        let incoming = Incoming {
            records: last.end_offset().0 - first.base_offset.0,
            bytes: batches.iter().map(|batch| batch.body.len() as u64).sum(),
            timestamp_ms: first.base_timestamp_ms,
        };
        let frames: Vec<BatchFrame<'_>> = batches.iter().map(frame_of).collect();
        let written = self.log.append_with(&incoming, |newest| newest.append_batches(&frames));
        self.noted(written)?;
        self.note_producers(batches);
        self.last_epoch = Some(last.epoch);
        Ok(())
    }

    /// Notes whose batches were written. If they begin a segment, what is in front of it goes into a snapshot.
    fn note_producers(&mut self, batches: &[Batch]) {
        let Some(mut producers) = self.producers.take() else { return };
        let (start, end) = (self.start(), batches[0].base_offset);
        if let Some(epoch) = self.last_epoch
            && start < end
            && self.begins_segment(end)
        {
            producers.delete_before(start);
            self.snapshots.write(&Snapshot { start, end, epoch, producers: producers.clone() });
        }
        batches.iter().for_each(|batch| producers.append(batch));
        self.producers = Some(producers);
    }

    fn begins_segment(&self, offset: Offset) -> bool {
        let segment = self.log.reader().segments_from(offset).ok().and_then(|mut segments| segments.next());
        matches!(segment, Some(Ok(segment)) if segment.base == offset)
    }
}

fn frame_of(batch: &Batch) -> BatchFrame<'_> {
    BatchFrame {
        base_offset: batch.base_offset,
        epoch: batch.epoch.0,
        count: batch.count,
        base_timestamp_ms: batch.base_timestamp_ms,
        max_timestamp_ms: batch.max_timestamp_ms,
        body: &batch.body,
    }
}

impl ReplicaLog for TabletLog {
    /// If one of the batches is refused, none is written ([`Error::OutOfOrder`], [`Error::BadFrame`]). If the disk fails,
    /// some from the front on may be there after the next open, and this log takes no more ([`Error::Poisoned`]).
    fn append(&mut self, batches: &[Batch]) -> Result<()> {
        self.check_sound()?;
        self.check_order(batches)?;
        let mut rest = batches;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |batch: &&Batch| {
                bytes += batch.body.len();
                bytes <= WRITE_BYTES_MAX
            };
            let count = rest.iter().take_while(fits).count().max(1);
            self.write(&rest[..count])?;
            rest = &rest[count..];
        }
        Ok(())
    }

    /// A sync that fails is the last one: [`Error::Poisoned`], now and later.
    fn sync(&mut self) -> Result<Offset> {
        self.check_sound()?;
        let synced = self.log.sync();
        self.noted(synced)
    }

    /// See [`SegmentedLog::truncate`] for what a crash in the middle leaves, and what readers see. A log that starts
    /// behind `end` is emptied.
    fn truncate(&mut self, end: Offset) -> Result<Offset> {
        self.check_sound()?;
        // Of older batches than those that were remembered, some may be the last ones then.
        self.producers = None;
        let end = self.log.truncate(end)?;
        self.last_epoch = self.epochs()?.latest();
        Ok(end)
    }

    /// [`Error::Deleted`] if the log starts behind `from`.
    fn read(&self, from: Offset, bytes_max: usize) -> Result<Vec<Batch>> {
        self.reader().read(from, bytes_max)
    }

    fn start(&self) -> Offset {
        self.reader().start()
    }

    fn end(&self) -> Offset {
        self.log.next_offset()
    }

    fn epochs(&self) -> Result<Epochs> {
        self.reader().epochs()
    }

    fn producers(&mut self) -> Result<Producers> {
        let mut producers = match self.producers.take() {
            Some(producers) => producers,
            None => self.snapshots.look_up(&self.reader())?,
        };
        // Another thread may have given up the front.
        producers.delete_before(self.start());
        Ok(self.producers.insert(producers).clone())
    }
}
