//! Reading a tablet's log, from any thread.

use std::sync::Arc;

use bytes::Bytes;
use stage05::batch_frame::BatchFrame;
use stage05::reader::FramedReader;
use stage05::{
    Disk, Framed, Offset, Reader, Result, SegmentAt, SegmentOptions, SegmentedReader, SegmentsFrom, Visibility,
};

use super::sequence::sequence_of;
use crate::batch::Batch;
use crate::epochs::Epochs;
use crate::ids::LeaderEpoch;
use crate::producers::Producers;

/// A reader of a [`TabletLog`](super::TabletLog): cheap to clone, never in the writer's way.
///
/// A call sees the segments of one moment. If the log is cut while it runs, it still gives what was there before; whoever
/// stays in front of the high watermark does not notice.
#[derive(Clone, Debug)]
pub struct TabletReader {
    reader: SegmentedReader<Framed>,
}

impl TabletReader {
    pub(super) fn new(reader: SegmentedReader<Framed>) -> TabletReader {
        TabletReader { reader }
    }

    /// Opens the log in `disk` for reading alone: nothing is locked, cut, made, removed or synced.
    pub fn open(disk: &Arc<dyn Disk>, framed: Framed, options: &SegmentOptions) -> Result<TabletReader> {
        let reader = SegmentedReader::open(disk, framed, options)?;
        Ok(TabletReader { reader: reader.with_visibility(Visibility::Written) })
    }

    /// The segments from the one on that `from` falls into, for whoever reads batches one by one.
    pub fn segments_from(&self, from: Offset) -> Result<SegmentsFrom<Framed>> {
        self.reader.segments_from(from)
    }

    /// The epoch of the last batch; `None` without one. By the index: however long the log is, little of it is read.
    pub fn last_epoch(&self) -> Result<Option<LeaderEpoch>> {
        match self.end().0.checked_sub(1).map(Offset).filter(|last| *last >= self.start()) {
            Some(last) => self.epoch_at(last),
            None => Ok(None),
        }
    }

    /// The epoch of the batch that has the record at `offset`; `None` if there is none. By the index too.
    pub fn epoch_at(&self, offset: Offset) -> Result<Option<LeaderEpoch>> {
        let Some(segment) = self.segments_from(offset)?.next() else { return Ok(None) };
        let header = segment?.reader.scan(offset)?.peek_header()?;
        Ok(header.map(|header| LeaderEpoch(header.epoch)))
    }

    /// Batches from the one that holds `from` on, as [`ReplicaLog::read`](crate::replica_log::ReplicaLog::read) says.
    /// Each was checked, and is copied once.
    ///
    /// # Errors
    ///
    /// [`Error::Deleted`](stage05::Error::Deleted) if the log starts behind `from`; damage, with its place. What is in
    /// front of the damage comes from a call for less.
    pub fn read(&self, from: Offset, bytes_max: usize) -> Result<Vec<Batch>> {
        let (mut batches, mut bytes): (Vec<Batch>, usize) = (Vec::new(), 0);
        for segment in self.reader.segments_from(from)? {
            let SegmentAt { reader, base, .. } = segment?;
            let mut scan = reader.scan(from.max(base))?;
            // The header says how long a batch is, so that one which is too much is not read.
            while let Some(header) = scan.peek_header()? {
                bytes = bytes.saturating_add(header.body_bytes as usize);
                if !batches.is_empty() && bytes > bytes_max {
                    return Ok(batches);
                }
                batches.extend(scan.next_batch()?.map(batch_of));
            }
        }
        Ok(batches)
    }

    /// The offset of the first record of a batch such that every batch in front of it is older than `timestamp_ms`, and
    /// it is not: its largest timestamp is that or later. `None` if there is none.
    ///
    /// Which of the batch's records it is, only its producer's format can tell.
    pub fn offset_for_time(&self, timestamp_ms: u64) -> Result<Option<Offset>> {
        let from = self.reader.start_for_time(timestamp_ms)?.max(self.start());
        for segment in self.reader.segments_from(from)? {
            let SegmentAt { reader, base, .. } = segment?;
            let mut scan = reader.scan(from.max(base))?;
            while let Some(header) = scan.peek_header()? {
                if header.max_timestamp_ms >= timestamp_ms {
                    return Ok(Some(header.base_offset));
                }
                scan.pass_frame()?;
            }
        }
        Ok(None)
    }

    /// Where each leader's batches start.
    ///
    /// Epochs only grow. So a segment whose first batch has the same epoch as the first of the next one has no other, and
    /// is not read: in a log of a thousand segments, that is a thousand headers and a few segments.
    pub fn epochs(&self) -> Result<Epochs> {
        let mut epochs = Epochs::default();
        let mut segments = Vec::new();
        for segment in self.reader.segments_from(self.start())? {
            let segment = segment?;
            let first = segment.reader.scan(segment.base)?.peek_header()?;
            segments.push((segment, first.map(|header| LeaderEpoch(header.epoch))));
        }
        for (at, (segment, first)) in segments.iter().enumerate() {
            let Some(first) = *first else { continue };
            epochs.begin(first, segment.base);
            let next = segments.get(at + 1).and_then(|(_, epoch)| *epoch);
            if next != Some(first) {
                begin_all(segment, &mut epochs)?;
            }
        }
        Ok(epochs)
    }

    /// Which batches the log has of which producers. All of it is read for that; whoever has the log itself need not
    /// (see [`snapshots`](super::snapshots)).
    pub fn producers(&self) -> Result<Producers> {
        let start = self.start();
        self.producers_from(start, Producers::new(start))
    }

    /// The same, if what is in front of `from` is known.
    pub(super) fn producers_from(&self, from: Offset, mut producers: Producers) -> Result<Producers> {
        for segment in self.reader.segments_from(from)? {
            let SegmentAt { reader, base, .. } = segment?;
            let mut scan = reader.scan(from.max(base))?;
            while let Some(frame) = scan.next_batch()? {
                producers.append(&batch_of(frame));
            }
        }
        Ok(producers)
    }

    /// The offset of the first record that is still there.
    pub fn start(&self) -> Offset {
        self.reader.start()
    }

    /// The offset behind the last record that was written.
    pub fn end(&self) -> Offset {
        self.reader.end()
    }
}

/// Notes the epochs of one segment, by the headers of its batches.
fn begin_all(segment: &SegmentAt<FramedReader>, epochs: &mut Epochs) -> Result<()> {
    let mut scan = segment.reader.scan(segment.base)?;
    while let Some(header) = scan.peek_header()? {
        epochs.begin(LeaderEpoch(header.epoch), header.base_offset);
        scan.pass_frame()?;
    }
    Ok(())
}

fn batch_of(frame: BatchFrame<'_>) -> Batch {
    Batch {
        base_offset: frame.base_offset,
        epoch: LeaderEpoch(frame.epoch),
        count: frame.count,
        base_timestamp_ms: frame.base_timestamp_ms,
        max_timestamp_ms: frame.max_timestamp_ms,
        sequence: sequence_of(frame.body),
        body: Bytes::copy_from_slice(frame.body),
    }
}
