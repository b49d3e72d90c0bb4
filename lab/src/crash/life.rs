//! The life of a log after a crash: it opens, reads, opens once more, and goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};

use stage01::{Log, Offset, Reader, Scan, Stage};

use super::invariant::{Broken, Expected, Invariant, second_life_record};
use crate::sim::SimDisk;

/// Opens the log and checks that it holds what it has to, and nothing else. Returns how many records it holds.
pub(super) fn check_open<S: Stage>(disk: &SimDisk, expected: &Expected<'_>) -> Result<u64, Broken> {
    without_panic(|| open::<S>(disk, expected).map(|(_, records)| records))
}

/// A whole life: opens the log, shows its records, opens it a second time, and appends a record. Leaves in the disk's
/// trace what was shown and acknowledged. Returns how many records it found.
pub(super) fn live<S: Stage>(disk: &SimDisk, expected: &Expected<'_>) -> Result<u64, Broken> {
    without_panic(|| {
        let (log, records) = open::<S>(disk, expected)?;
        disk.served(records);
        drop(log);
        let mut log = reopen::<S>(disk, expected, records)?;
        append(&mut log, records)?;
        disk.acknowledge(records + 1);
        Ok(records)
    })
}

fn open<S: Stage>(disk: &SimDisk, expected: &Expected<'_>) -> Result<(S::Log, u64), Broken> {
    let log = S::open(disk.disk()).map_err(|e| Broken::new(Invariant::OpensAgain, e.to_string()))?;
    let records = check_records(&log, expected)?;
    expected.check_count(records)?;
    Ok((log, records))
}

/// Opens the log once more, where it has to hold `records` records, no more and no fewer.
fn reopen<S: Stage>(disk: &SimDisk, expected: &Expected<'_>, records: u64) -> Result<S::Log, Broken> {
    let any_number = Expected { acknowledged: 0, served: 0, ..*expected };
    let (log, again) = open::<S>(disk, &any_number)?;
    if again != records {
        let what = format!("the first time the log held {records} records, the second time {again}");
        return Err(Broken::new(Invariant::RecoveryIsIdempotent, what));
    }
    Ok(log)
}

/// Reads every record, and returns how many there are.
fn check_records(log: &impl Log, expected: &Expected<'_>) -> Result<u64, Broken> {
    let unreadable = |e: stage01::Error| Broken::new(Invariant::OpensAgain, e.to_string());
    let mut scan = log.reader().scan(Offset(0)).map_err(unreadable)?;
    let mut records = 0;
    while let Some(entry) = scan.next().map_err(unreadable)? {
        if entry.offset != Offset(records) {
            let what = format!("record {} follows where record {records} belongs", entry.offset);
            return Err(Broken::new(Invariant::OrderUnbroken, what));
        }
        expected.check_record(records, &entry.record)?;
        records += 1;
    }
    let next = log.next_offset();
    match next == Offset(records) {
        true => Ok(records),
        false => {
            let what = format!("the log holds {records} records and would go on at offset {next}");
            Err(Broken::new(Invariant::OrderUnbroken, what))
        }
    }
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
fn without_panic<T>(life: impl FnOnce() -> Result<T, Broken>) -> Result<T, Broken> {
    catch_unwind(AssertUnwindSafe(life)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(Broken::new(Invariant::OpensAgain, format!("the log panicked: {text}")))
    })
}
