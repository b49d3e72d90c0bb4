//! The promises about what is left in the long run: of the disk's space, and of the records when the disk is gone.

use std::sync::Arc;

use stage01::{Disk, Log, Offset, Promise, Reader, Stage};

use super::Verdict;
use crate::records::{record, records};
use crate::sim::SimDisk;

/// Appends, syncs and reopens for a while. A log that gives old data up would get shorter at some point.
pub(super) fn deletes_old_data<S: Stage>() -> Verdict {
    let sim = SimDisk::new();
    let mut sizes = Vec::new();
    for _ in 0..20 {
        let mut log = S::open(sim.disk()).expect("the log opens");
        log.append(&records(log.next_offset(), 50)).expect("the disk takes records");
        log.sync().expect("the disk syncs");
        drop(log);
        sizes.push(bytes_on(&sim));
    }
    let (first, last) = (sizes[0], sizes[sizes.len() - 1]);
    let most = sizes.iter().max().unwrap_or(&0);
    match sizes.is_sorted_by(|before, after| before < after) {
        false => Verdict::kept(Promise::DeletesOldData, format!("The log took {most} bytes, and takes {last} now.")),
        true => Verdict::broken(
            Promise::DeletesOldData,
            format!(
                "After 50 records the log takes {first} bytes, after 1000 it takes {last}: it never gave one back, \
                     and has no operation that would. The disk fills up, and that is the end of it."
            ),
        ),
    }
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
