//! Scenarios that suit every stage.

use stage01::{Log, Offset, Result, Stage};

use crate::records::{record, records};
use crate::sim::SimDisk;

/// Appends the next `count` of the laboratory's records in one batch, syncs, and acknowledges: a step of any scenario.
///
/// # Errors
///
/// The log's.
pub fn append_synced(log: &mut impl Log, count: u64, sim: &SimDisk) -> Result<()> {
    log.append(&records(log.next_offset(), count))?;
    sim.acknowledge(log.sync()?.0);
    Ok(())
}

/// Appends `count` records durably, one by one, and acknowledges each.
pub fn append_each<S: Stage>(count: u64) -> impl Fn(&SimDisk) {
    move |sim| {
        let mut log = S::open(sim.disk()).expect("the log opens on a new disk");
        for offset in 0..count {
            log.append_durable(&record(Offset(offset))).expect("the disk takes a record");
            sim.acknowledge(offset + 1);
        }
    }
}

/// Appends `batches` times `batch` records in one write, syncs every second time, and acknowledges after each sync.
pub fn append_batches<S: Stage>(batches: u64, batch: u64) -> impl Fn(&SimDisk) {
    move |sim| {
        let mut log = S::open(sim.disk()).expect("the log opens on a new disk");
        for number in 0..batches {
            log.append(&records(log.next_offset(), batch)).expect("the disk takes a batch");
            if number % 2 == 1 {
                let durable = log.sync().expect("the disk syncs");
                sim.acknowledge(durable.0);
            }
        }
    }
}
