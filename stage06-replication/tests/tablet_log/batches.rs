//! What all tests of a tablet's log need.

use std::sync::Arc;

use bytes::Bytes;
use stage05::header::SEGMENT_HEADER_BYTES;
use stage06::batch::{Batch, Sequence};
use stage06::epochs::Epochs;
use stage06::ids::LeaderEpoch;
use stage06::replica_log::ReplicaLog;
use stage06::tablet_log::TabletLog;
use stage06::{Disk, Framed, Offset, Preparation, Result, SegmentOptions};

/// Segments of a few batches, with an index entry for nearly each.
pub(crate) fn options() -> SegmentOptions {
    let bytes = SEGMENT_HEADER_BYTES as u64 + 400;
    SegmentOptions { index_interval_bytes: 100, ..SegmentOptions::with_segment_bytes(bytes) }
}

/// The same where files are filled with zeros, and those of deleted segments are used again.
pub(crate) fn recycling() -> SegmentOptions {
    SegmentOptions { preparation: Preparation::AtRoll, recycle: true, ..options() }
}

pub(crate) fn open(disk: &Arc<dyn Disk>) -> Result<TabletLog> {
    open_with(disk, options())
}

pub(crate) fn open_with(disk: &Arc<dyn Disk>, options: SegmentOptions) -> Result<TabletLog> {
    TabletLog::open(disk, Framed::default(), options)
}

/// A batch with a body that says which one it is. `salt` tells it from another at the same offset.
pub(crate) fn batch(base: Offset, count: u32, epoch: u32, salt: u64) -> Batch {
    let body = format!("batch {base}, {count} records, epoch {epoch}, {salt:04}");
    let base_timestamp_ms = 1000 + base.0;
    Batch {
        base_offset: base,
        epoch: LeaderEpoch(epoch),
        count,
        base_timestamp_ms,
        max_timestamp_ms: base_timestamp_ms + u64::from(count),
        sequence: None,
        body: Bytes::from(body),
    }
}

/// Batches of 1, 2, 3, 1, 2 … records from `base` on.
pub(crate) fn batches(base: Offset, how_many: u32, epoch: u32, salt: u64) -> Vec<Batch> {
    let mut next = base;
    let one = |number| {
        let batch = batch(next, number % 3 + 1, epoch, salt);
        next = batch.end_offset();
        batch
    };
    (0..how_many).map(one).collect()
}

/// The header of a Kafka record batch of magic 2, as far as the log looks at it, and bytes of records.
pub(crate) fn record_batch(producer: i64, epoch: i16, first: i32, records: &[u8]) -> Vec<u8> {
    let mut body = vec![0; 61];
    body[8..12].copy_from_slice(&(49 + records.len() as i32).to_be_bytes());
    body[16] = 2;
    body[43..51].copy_from_slice(&producer.to_be_bytes());
    body[51..53].copy_from_slice(&epoch.to_be_bytes());
    body[53..57].copy_from_slice(&first.to_be_bytes());
    body.extend_from_slice(records);
    body
}

/// The same batches, now of five producers that count them. One of the five has written the first batch alone.
pub(crate) fn counted(batches: Vec<Batch>) -> Vec<Batch> {
    let count = |batch: Batch| {
        let producer = if batch.base_offset == Offset(0) { 4 } else { batch.base_offset.0 % 4 };
        let sequence = Sequence { producer, epoch: batch.epoch.0 as u16 / 2, first: batch.base_offset.0 as u32 };
        let body = record_batch(producer as i64, sequence.epoch as i16, sequence.first as i32, &batch.body);
        Batch { sequence: Some(sequence), body: body.into(), ..batch }
    };
    batches.into_iter().map(count).collect()
}

/// The epochs of these batches.
pub(crate) fn epochs_of(batches: &[Batch]) -> Epochs {
    let mut epochs = Epochs::default();
    batches.iter().for_each(|batch| epochs.begin(batch.epoch, batch.base_offset));
    epochs
}

/// All batches of a log.
pub(crate) fn all(log: &TabletLog) -> Vec<Batch> {
    log.read(log.start(), usize::MAX).expect("the log can be read")
}
