//! The promises about a disk that fails, tried by a careless caller: one who takes an error for bad luck with that
//! one record, and goes on with the next.

use stage01::{Log, Offset, Promise, Reader, Record, Stage};

use super::Verdict;
use crate::records::record_of;
use crate::sim::{Fault, Lens, Sampling, SimDisk, Which};

/// Bytes of the values that the caller appends, one record after another: long ones and short ones.
const SIZES: [usize; 8] = [20, 600, 20, 600, 20, 20, 600, 20];

/// Records that are acknowledged before anything fails.
const GOOD: usize = 2;

pub(super) fn survives_failed_sync<S: Stage>() -> Verdict {
    let promise = Promise::SurvivesFailedSync;
    for (failing, reopens) in (1..=4).flat_map(|failing| [(failing, false), (failing, true)]) {
        let sim = SimDisk::new();
        let mut acknowledged =
            careless_life::<S>(&sim, || sim.inject(Fault::sync_fails_then_lies(Which::Nth(failing))));
        if reopens {
            acknowledged.extend(next_life::<S>(&sim));
        }
        if let Some(loss) = loss_after::<S>(&sim, &acknowledged) {
            let reopens =
                if reopens { "the log is opened again and takes another record" } else { "the caller goes on" };
            let story = format!(
                "A sync fails, {reopens}, {} records are acknowledged in all, and then the power is cut: {loss}.",
                acknowledged.len()
            );
            return Verdict::broken(promise, story);
        }
    }
    Verdict::kept(
        promise,
        "A sync fails, the caller goes on or opens the log again, the power is cut: every acknowledged record is there.",
    )
}

/// Opens the log on the same machine, where the cache still shows what the disk never got, and appends one record.
fn next_life<S: Stage>(sim: &SimDisk) -> Option<(Offset, Record<'static>)> {
    let mut log = S::open(sim.disk()).ok()?;
    let record = record_of(log.next_offset(), SIZES[0]);
    let offset = log.append_durable(&record).ok()?;
    Some((offset, record))
}

pub(super) fn survives_full_disk<S: Stage>() -> Verdict {
    let promise = Promise::SurvivesFullDisk;
    for free_bytes in (0..1500).step_by(50) {
        let sim = SimDisk::new();
        let acknowledged = careless_life::<S>(&sim, || {
            let used_bytes = sim.counters().bytes_written;
            sim.set_space(used_bytes + free_bytes);
        });
        if let Some(loss) = loss_after::<S>(&sim, &acknowledged) {
            let story = format!(
                "The disk has {free_bytes} bytes left, an append that does not fit fails, the caller goes on with a \
                 shorter one, {} records are acknowledged in all, and the log is opened again: {loss}.",
                acknowledged.len()
            );
            return Verdict::broken(promise, story);
        }
    }
    Verdict::kept(
        promise,
        "The disk fills up in the middle of an append, the caller goes on: no acknowledged record is lost.",
    )
}

/// Appends and syncs record by record, and ignores every error. After the first records, `fail` breaks the disk.
/// Returns the records that were acknowledged: those whose append was Ok, once a sync is Ok.
fn careless_life<S: Stage>(sim: &SimDisk, fail: impl FnOnce()) -> Vec<(Offset, Record<'static>)> {
    let mut log = S::open(sim.disk()).expect("a log opens on a new disk");
    let (mut appended, mut acknowledged) = (Vec::new(), Vec::new());
    let mut fail = Some(fail);
    for (i, bytes) in SIZES.into_iter().enumerate() {
        if i == GOOD
            && let Some(fail) = fail.take()
        {
            fail();
        }
        let record = record_of(Offset(i as u64), bytes);
        if let Ok(offset) = log.append(std::slice::from_ref(&record)) {
            appended.push((offset, record));
        }
        if log.sync().is_ok() {
            acknowledged.append(&mut appended);
        }
    }
    assert!(acknowledged.len() >= GOOD, "a disk that works takes records");
    acknowledged
}

/// Ends the process, with and without a power cut, and looks for what was acknowledged.
fn loss_after<S: Stage>(sim: &SimDisk, acknowledged: &[(Offset, Record<'static>)]) -> Option<String> {
    let trace = sim.trace();
    let mut replay = trace.replay();
    replay.advance_to(trace.events().len());
    let cuts = replay.crash(Lens::PowerCut).states(Sampling { states_max: 100, seed: 1 });
    let disks = std::iter::once(replay.killed(0)).chain(cuts.map(|state| state.disk));
    disks.into_iter().find_map(|disk| loss_on::<S>(&disk, acknowledged))
}

fn loss_on<S: Stage>(sim: &SimDisk, acknowledged: &[(Offset, Record<'static>)]) -> Option<String> {
    let reader = match S::open(sim.disk()) {
        Ok(log) => log.reader(),
        Err(error) => return Some(format!("the log does not open ({error})")),
    };
    acknowledged.iter().find_map(|(offset, record)| match reader.read(*offset) {
        Ok(Some(found)) if found == *record => None,
        Ok(Some(_)) => Some(format!("record {offset} is another one")),
        Ok(None) => Some(format!("record {offset} is gone")),
        Err(error) => Some(format!("record {offset} cannot be read ({error})")),
    })
}
