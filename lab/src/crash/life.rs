//! The life of a log after a crash: it opens, reads, opens once more, and goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};

use stage01::{Log, Offset, Reader, Stage};

use super::appended::second_life_record;
use super::held::{Held, check_held};
use super::invariant::{Broken, Expected, Invariant};
use crate::sim::SimDisk;

/// Opens the log and checks that it holds what it has to, and nothing else. Returns what it holds.
pub(crate) fn check_open<S: Stage>(disk: &SimDisk, expected: &Expected<'_>) -> Result<Held, Broken> {
    without_panic(|| open::<S>(disk, expected).map(|(_, held)| held))
}

/// A whole life: opens the log, shows its records, opens it a second time, and appends a record. Leaves in the disk's
/// trace what was shown and acknowledged. Returns the end of what it found.
pub(crate) fn live<S: Stage>(disk: &SimDisk, expected: &Expected<'_>) -> Result<u64, Broken> {
    without_panic(|| {
        let (log, held) = open::<S>(disk, expected)?;
        let records = held.end;
        disk.served(records);
        drop(log);
        let mut log = reopen::<S>(disk, expected, held)?;
        append(&mut log, records)?;
        disk.acknowledge(records + 1);
        Ok(records)
    })
}

fn open<S: Stage>(disk: &SimDisk, expected: &Expected<'_>) -> Result<(S::Log, Held), Broken> {
    let log = S::open(disk.disk()).map_err(|e| Broken::new(Invariant::OpensAgain, e.to_string()))?;
    let held = check_held(&log, expected)?;
    expected.check_count(held.end)?;
    Ok((log, held))
}

/// Opens the log once more, where it has to hold what it held the first time, no more and no less.
fn reopen<S: Stage>(disk: &SimDisk, expected: &Expected<'_>, held: Held) -> Result<S::Log, Broken> {
    let any_number = Expected { acknowledged: 0, served: 0, ..*expected };
    let (log, again) = open::<S>(disk, &any_number)?;
    if again != held {
        let what = format!("the first time the log held {held}, the second time {again}");
        return Err(Broken::new(Invariant::RecoveryIsIdempotent, what));
    }
    Ok(log)
}

fn append(log: &mut impl Log, offset: u64) -> Result<(), Broken> {
    let broken = |what: String| Broken::new(Invariant::AppendingGoesOn, what);
    let record = second_life_record(offset);
    let given = log.append_durable(&record).map_err(|e| broken(e.to_string()))?;
    let found = log.reader().read(given).map_err(|e| broken(e.to_string()))?;
    match given == Offset(offset) && found.as_ref() == Some(&record) {
        true => Ok(()),
        false => Err(broken(format!("appended {record:?} at offset {offset}, found {found:?} at offset {given}"))),
    }
}

/// A log that panics does not open.
pub(crate) fn without_panic<T>(life: impl FnOnce() -> Result<T, Broken>) -> Result<T, Broken> {
    catch_unwind(AssertUnwindSafe(life)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(Broken::new(Invariant::OpensAgain, format!("the log panicked: {text}")))
    })
}
