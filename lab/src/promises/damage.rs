//! The promise about a flipped bit, tried on every bit.

use std::sync::Arc;

use stage01::{Error, Log, Offset, Promise, Reader, Record, Scan, Stage};

use super::Verdict;
use crate::disks::Image;
use crate::records::{record, records};
use crate::sim::SimDisk;

const RECORDS: u64 = 5;

/// The words that tell of a wrong value.
const WRONG_VALUE: &str = "in place of";

/// What becomes of a flipped bit.
enum Outcome {
    /// Every record is served as it was written.
    Harmless,
    /// The log does not open, or a read gives an error.
    Noticed,
    /// A wrong record is served, or one is missing, and nobody is told.
    Silent(String),
}

pub(super) fn survives_flipped_bit<S: Stage>() -> Verdict {
    let image = closed_log::<S>();
    let (mut harmless, mut noticed) = (0, 0);
    let mut losses = Vec::new();
    // Copies are alike: it is enough to look at one of them, and at some of its bits.
    let step = if S::MACHINES.is_empty() { 1 } else { 61 };
    let is_alike = |name: &&str| !S::MACHINES.iter().skip(1).any(|machine| name.starts_with(machine));
    for name in image.names().filter(is_alike) {
        for bit in (0..image.bytes(name).len() as u64 * 8).step_by(step) {
            match flip::<S>(&image, name, bit) {
                Outcome::Harmless => harmless += 1,
                Outcome::Noticed => noticed += 1,
                Outcome::Silent(loss) => {
                    losses.push(format!("bit {} of byte {} of {name}: {loss}", bit % 8, bit / 8));
                }
            }
        }
    }
    let all = harmless + noticed + losses.len();
    // A wrong value is the plainest loss of all.
    match losses.iter().find(|loss| loss.contains(WRONG_VALUE)).or(losses.first()) {
        None => Verdict::kept(
            Promise::SurvivesFlippedBit,
            format!("Of {all} bits, each flipped alone, {noticed} are noticed and {harmless} do no harm."),
        ),
        Some(loss) => Verdict::broken(
            Promise::SurvivesFlippedBit,
            format!("Of {all} bits, each flipped alone, {} are not noticed. One of them is {loss}.", losses.len()),
        ),
    }
}

fn closed_log<S: Stage>() -> Image {
    let disk = SimDisk::new().disk();
    let mut log = S::open(Arc::clone(&disk)).expect("a log opens on a new disk");
    log.append(&records(Offset(0), RECORDS)).expect("a new disk takes records");
    log.sync().expect("a new disk syncs");
    drop(log);
    Image::of(&disk)
}

fn flip<S: Stage>(image: &Image, name: &str, bit: u64) -> Outcome {
    let sim = SimDisk::new();
    image.restore(&sim.disk());
    sim.flip_bit(name, bit);
    match read_all::<S>(&sim) {
        Err(_) => Outcome::Noticed,
        Ok(None) => Outcome::Harmless,
        Ok(Some(loss)) => Outcome::Silent(loss),
    }
}

/// Reads the log; `Some` says in what it differs from what was written.
fn read_all<S: Stage>(sim: &SimDisk) -> Result<Option<String>, Error> {
    let log = S::open(sim.disk())?;
    let mut scan = log.reader().scan(Offset(0))?;
    for offset in (0..RECORDS).map(Offset) {
        match scan.next()? {
            Some(entry) if entry.record == record(offset) => {}
            Some(entry) => return Ok(Some(difference(offset, &entry.record))),
            None => {
                return Ok(Some(format!("{RECORDS} records were written, the log ends in front of record {offset}")));
            }
        }
    }
    Ok(scan.next()?.map(|entry| format!("{RECORDS} records were written, the log has a record {}", entry.offset)))
}

/// How a record that was served differs from the one that was written.
fn difference(offset: Offset, served: &Record<'_>) -> String {
    let written = record(offset);
    if served.value != written.value {
        let [served, written] = [&served.value, &written.value].map(|value| value.escape_ascii().to_string());
        return format!("record {offset} is served with the value \"{served}\" {WRONG_VALUE} \"{written}\"");
    }
    let part = if served.key == written.key { "timestamp" } else { "key" };
    format!("record {offset} is served with another {part}")
}
