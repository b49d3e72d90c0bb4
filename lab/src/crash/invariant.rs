//! What must hold after any crash, by name.

use std::cell::RefCell;
use std::fmt;

use stage01::{Offset, Record};

use crate::records::record;

/// The invariants of a crash. A failed check names one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// **C1** Every acknowledged record is in the log.
    AcknowledgedSurvive,
    /// **C2** Offsets start at 0 and grow by one, and the log goes on behind the last of them.
    OrderUnbroken,
    /// **C3** Each record is the one that was appended at its offset.
    NothingInvented,
    /// **C4** The log opens, and reads to its end.
    OpensAgain,
    /// **C5** What a reader was shown as durable is never taken back.
    ServedStaysServed,
    /// **C6** Opening once more finds the same records.
    RecoveryIsIdempotent,
    /// **C7** The log takes a record, and shows it.
    AppendingGoesOn,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Invariant::AcknowledgedSurvive => "C1 acknowledged records survive",
            Invariant::OrderUnbroken => "C2 order unbroken",
            Invariant::NothingInvented => "C3 nothing invented",
            Invariant::OpensAgain => "C4 opens again",
            Invariant::ServedStaysServed => "C5 served stays served",
            Invariant::RecoveryIsIdempotent => "C6 recovery is idempotent",
            Invariant::AppendingGoesOn => "C7 appending goes on",
        })
    }
}

/// An invariant that does not hold, and how that shows.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    pub(super) invariant: Invariant,
    pub(super) what: String,
}

impl Broken {
    pub(super) fn new(invariant: Invariant, what: impl Into<String>) -> Broken {
        Broken { invariant, what: what.into() }
    }
}

/// The records of the first life, each made once: making one costs as much as reading it.
#[derive(Debug, Default)]
pub(super) struct Appended(RefCell<Vec<Record<'static>>>);

impl Appended {
    fn is(&self, offset: u64, found: &Record<'_>) -> bool {
        let mut records = self.0.borrow_mut();
        while records.len() as u64 <= offset {
            let next = record(Offset(records.len() as u64));
            records.push(next);
        }
        records[offset as usize] == *found
    }
}

/// What a log has to hold when it is opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    /// At least these, because they were acknowledged.
    pub(super) acknowledged: u64,
    /// At least these, because they were shown.
    pub(super) served: u64,
    /// What was appended in the first life.
    pub(super) appended: &'a Appended,
    /// From this offset on, records were appended after a crash. They differ from what was there before, so that a
    /// stale record from before the crash is not taken for one of them.
    pub(super) second_life_from: Option<u64>,
}

impl Expected<'_> {
    /// Checks that `found` is the record that was appended at `offset`.
    pub(super) fn check_record(&self, offset: u64, found: &Record<'_>) -> Result<(), Broken> {
        let second_life = self.second_life_from.is_some_and(|first| offset >= first);
        let right = if second_life { *found == second_life_record(offset) } else { self.appended.is(offset, found) };
        if !right {
            let appended = if second_life { second_life_record(offset) } else { record(Offset(offset)) };
            let what = format!("record {offset} is {found:?}, appended was {appended:?}");
            return Err(Broken::new(Invariant::NothingInvented, what));
        }
        Ok(())
    }

    /// Checks that this many records are enough.
    pub(super) fn check_count(&self, records: u64) -> Result<(), Broken> {
        let missing = |required: u64, verb: &str| format!("{required} records were {verb}, the log holds {records}");
        if records < self.acknowledged {
            let what = missing(self.acknowledged, "acknowledged");
            return Err(Broken::new(Invariant::AcknowledgedSurvive, what));
        }
        if records < self.served {
            let what = missing(self.served, "shown to a reader as durable");
            return Err(Broken::new(Invariant::ServedStaysServed, what));
        }
        Ok(())
    }
}

/// What is appended at `offset` after a crash: the record that belongs there, a day later.
pub(super) fn second_life_record(offset: u64) -> Record<'static> {
    let record = record(Offset(offset));
    Record { timestamp_ms: record.timestamp_ms + 24 * 60 * 60 * 1000, ..record }
}
