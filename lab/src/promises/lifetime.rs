//! The promises about what is left in the long run: of the disk's space, and of the records when the disk is gone.

use std::sync::Arc;

use stage01::{Disk, Log, Offset, Promise, Reader, Stage};

use super::Verdict;
use crate::disks::Image;
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

/// A machine burns down: the only one there is, or if the stage has several, each of them in turn, with time to recover in
/// between. What the log has is on its disks, and the disk of a new machine is empty.
pub(super) fn survives_machine_loss<S: Stage>() -> Verdict {
    let mut image = Image::of(&SimDisk::new().disk());
    let mut log = S::open(disk_with(&image)).expect("a log opens on a new disk");
    let machines = if S::MACHINES.is_empty() { &[""] } else { S::MACHINES };
    for (acknowledged, machine) in (3..).zip(machines) {
        drop(log);
        let disk = disk_with(&image);
        log = S::open(Arc::clone(&disk)).expect("the log opens");
        while log.next_offset().0 < acknowledged {
            log.append_durable(&record(log.next_offset())).expect("the disk takes records");
        }
        // Closing a log may write down what it knows. A fire does not wait for that.
        image = Image::of(&disk).without_directory(machine);
        drop(log);
        let disk = disk_with(&image);
        log = match S::open(Arc::clone(&disk)) {
            Ok(log) => log,
            Err(error) => return broken_by_fire(machine, format!("the log does not open ({error})")),
        };
        if let Some(lost) = (0..acknowledged).find(|offset| !is_there(&log, Offset(*offset))) {
            let found = log.reader().end();
            return broken_by_fire(
                machine,
                format!("of {acknowledged} acknowledged records it opens with {found}, and record {lost} is gone"),
            );
        }
        image = Image::of(&disk);
    }
    Verdict::kept(
        Promise::SurvivesMachineLoss,
        format!(
            "Each of the {} machines is lost in turn, its directory with all that is in it, until none of the first ones \
             is left: every acknowledged record is there each time.",
            machines.len()
        ),
    )
}

fn broken_by_fire(machine: &str, what: String) -> Verdict {
    let machine = if machine.is_empty() { "The machine" } else { machine };
    Verdict::broken(Promise::SurvivesMachineLoss, format!("{machine} is lost, with its disk: on another one, {what}."))
}

fn disk_with(image: &Image) -> Arc<dyn Disk> {
    let disk = SimDisk::new().disk();
    image.restore(&disk);
    disk
}
