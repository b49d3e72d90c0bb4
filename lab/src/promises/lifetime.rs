//! The promises about what is left in the long run: of the disk's space, and of the records when the disk is gone.

use std::sync::Arc;

use stage01::{Disk, Log, Offset, Promise, Reader, Stage};

use super::Verdict;
use crate::records::{record, records};
use crate::sim::SimDisk;

/// How many records the log has, and how many of the last it has to keep.
const RECORDS: u64 = 1000;
const KEPT: u64 = 100;

/// Appends, syncs and reopens for a while, then gives up all but the last records.
pub(super) fn deletes_old_data<S: Stage>() -> Verdict {
    let promise = Promise::DeletesOldData;
    let sim = SimDisk::new();
    let mut log = S::open_small(sim.disk()).expect("a log opens on a new disk");
    while log.next_offset().0 < RECORDS {
        log.append(&records(log.next_offset(), 5)).expect("the disk takes records");
        log.sync().expect("the disk syncs");
    }
    let before = bytes_on(&sim);
    let limit = Offset(RECORDS - KEPT);
    if let Err(error) = S::delete_before(&mut log, limit) {
        return Verdict::broken(promise, format!("Giving up {limit} records of {RECORDS} fails: {error}."));
    }
    drop(log);
    let log = S::open_small(sim.disk()).expect("the log opens");
    let (start, after) = (log.reader().start(), bytes_on(&sim));
    if after * 2 > before {
        let evidence = format!(
            "{RECORDS} records take {before} bytes, and after asking to give up all but {KEPT} of them {after}: the \
             disk fills up, and that is the end of it."
        );
        return Verdict::broken(promise, evidence);
    }
    match (limit.0..RECORDS).find(|offset| !is_there(&log, Offset(*offset))) {
        Some(lost) => {
            Verdict::broken(promise, format!("The log gives up what is in front of {limit}, and record {lost}."))
        }
        None => Verdict::kept(
            promise,
            format!(
                "{RECORDS} records take {before} bytes; after giving up those in front of {limit}, the log starts at {start} and takes {after}."
            ),
        ),
    }
}

fn is_there(log: &impl Log, offset: Offset) -> bool {
    matches!(log.reader().read(offset), Ok(Some(found)) if found == record(offset))
}

fn bytes_on(sim: &SimDisk) -> usize {
    sim.names().iter().filter_map(|name| sim.cached(name)).map(|content| content.len()).sum()
}

/// The machine burns down. What the log has is on its disk, and the disk of the next machine is empty.
pub(super) fn survives_machine_loss<S: Stage>() -> Verdict {
    let acknowledged = 3;
    let machine = SimDisk::new().disk();
    let mut log = S::open(Arc::clone(&machine)).expect("a log opens on a new disk");
    for offset in (0..acknowledged).map(Offset) {
        log.append_durable(&record(offset)).expect("a new disk takes records");
    }
    drop(log);
    drop(machine);
    let next_machine: Arc<dyn Disk> = SimDisk::new().disk();
    let log = S::open(next_machine).expect("a log opens on a new disk");
    let found = log.reader().end().0;
    match found >= acknowledged {
        true => Verdict::kept(Promise::SurvivesMachineLoss, format!("The next machine has all {found} records.")),
        false => Verdict::broken(
            Promise::SurvivesMachineLoss,
            format!(
                "{acknowledged} records are acknowledged, the disk is lost, and on the next machine's disk the log \
                     opens with {found} records."
            ),
        ),
    }
}
