//! Producers that count their batches: what a log knows of them, and what a replica does with that.

mod known;
mod replica;

use bytes::Bytes;
use stage06::Offset;
use stage06::batch::{Batch, Sequence};
use stage06::ids::LeaderEpoch;
use stage06::producers::Producers;

fn sequence(producer: u64, epoch: u16, first: u32) -> Sequence {
    Sequence { producer, epoch, first }
}

fn batch(base: u64, count: u32, sequence: Sequence) -> Batch {
    Batch {
        base_offset: Offset(base),
        epoch: LeaderEpoch(1),
        count,
        base_timestamp_ms: 0,
        max_timestamp_ms: 0,
        sequence: Some(sequence),
        body: Bytes::from_static(b"8 bytes."),
    }
}

/// The producers of a log with these batches.
fn of(start: u64, batches: &[Batch]) -> Producers {
    let mut producers = Producers::new(Offset(start));
    batches.iter().for_each(|batch| producers.append(batch));
    producers
}
