//! What must hold after any crash, by name.

use std::collections::HashMap;
use std::fmt;

use stage01::Record;

use super::appended::{Appended, second_life_record};
use crate::sim::Remarks;

/// The invariants of a crash. A failed check names one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// **C1** Every acknowledged record is in the log, if it may not be deleted or compacted.
    AcknowledgedSurvive,
    /// **C2** Offsets start at 0 and grow by one, and the log goes on behind the last of them. Where records may be
    /// deleted, they start later; where records may be compacted, they grow by more.
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
    /// **C8** What is found by its offset is what a scan finds there.
    LookupsAgree,
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
            Invariant::LookupsAgree => "C8 lookups agree",
        })
    }
}

/// An invariant that does not hold, and how that shows.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) invariant: Invariant,
    pub(crate) what: String,
}

impl Broken {
    pub(crate) fn new(invariant: Invariant, what: impl Into<String>) -> Broken {
        Broken { invariant, what: what.into() }
    }
}

/// What a log has to hold when it is opened.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// At least these, because they were acknowledged.
    pub(crate) acknowledged: u64,
    /// At least these, because they were shown.
    pub(crate) served: u64,
    /// But for these, which may be deleted: the log may start here, or anywhere in front of it.
    pub(crate) may_delete: u64,
    /// And but for those below this which have a later record of the same key there, or no key.
    pub(crate) may_compact: u64,
    /// What was appended in the first life.
    pub(crate) appended: &'a dyn Appended,
    /// From this offset on, records were appended after a crash. They differ from what was there before, so that a
    /// stale record from before the crash is not taken for one of them.
    pub(crate) second_life_from: Option<u64>,
    /// Any number. It says which record is looked up by its offset.
    pub(crate) sample: u64,
}

impl<'a> Expected<'a> {
    /// What the remarks ask for.
    pub(crate) fn new(remarks: Remarks, appended: &'a dyn Appended, sample: u64) -> Expected<'a> {
        let Remarks { acknowledged, served, may_delete, may_compact } = remarks;
        Expected { acknowledged, served, may_delete, may_compact, appended, second_life_from: None, sample }
    }

    /// Checks that `found` is the record that was appended at `offset`.
    pub(crate) fn check_record(&self, offset: u64, found: &Record<'_>) -> Result<(), Broken> {
        let second_life = self.second_life_from.is_some_and(|first| offset >= first);
        let right = if second_life { *found == second_life_record(offset) } else { self.appended.is(offset, found) };
        if !right {
            let appended = if second_life { Some(second_life_record(offset)) } else { self.appended.record(offset) };
            let appended = appended.map_or("nothing".to_string(), |record| format!("{record:?}"));
            let what = format!("record {offset} is {found:?}, appended was {appended}");
            return Err(Broken::new(Invariant::NothingInvented, what));
        }
        Ok(())
    }

    /// Checks that this many records are enough.
    pub(crate) fn check_count(&self, records: u64) -> Result<(), Broken> {
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

    /// Checks that the log may start here.
    pub(crate) fn check_start(&self, start: u64) -> Result<(), Broken> {
        match start <= self.may_delete {
            true => Ok(()),
            false => {
                let what = format!("the log starts at record {start}, those below {} may be deleted", self.may_delete);
                Err(self.missing(self.may_delete, what))
            }
        }
    }

    /// Checks that none of the records in `gaps` has to be there: that each has no key, or a later record of its key is
    /// there. The gaps lie below `may_compact`, and the log ends in front of `end`.
    pub(crate) fn check_gaps(&self, start: u64, gaps: &[(u64, u64)], end: u64) -> Result<(), Broken> {
        if gaps.is_empty() {
            return Ok(());
        }
        let below = self.may_compact.min(end);
        let keys = (start..below).filter_map(|offset| Some((self.appended.record(offset)?.key?, offset)));
        let latest: HashMap<_, _> = keys.collect();
        for offset in gaps.iter().flat_map(|(first, behind)| *first..*behind) {
            let Some(key) = self.appended.record(offset).and_then(|record| record.key) else { continue };
            if latest.get(&key) != Some(&offset) {
                continue;
            }
            if !self.appended.may_vanish(offset) {
                let what = format!("record {offset} is gone, the latest of its key below {below}");
                return Err(self.missing(offset, what));
            }
            let is_gap = |older: &u64| gaps.iter().any(|(first, behind)| (*first..*behind).contains(older));
            let has_key =
                |older: &u64| self.appended.record(*older).is_some_and(|record| record.key.as_ref() == Some(&key));
            if let Some(older) = (start..offset).find(|older| has_key(older) && !is_gap(older)) {
                let what = format!("record {older} is back: {offset} had deleted its key, and is gone");
                return Err(Broken::new(Invariant::NothingInvented, what));
            }
        }
        Ok(())
    }

    /// The invariant that is broken if the record at `offset` is not there.
    fn missing(&self, offset: u64, what: String) -> Broken {
        let invariant = match offset {
            offset if offset < self.acknowledged => Invariant::AcknowledgedSurvive,
            offset if offset < self.served => Invariant::ServedStaysServed,
            _ => Invariant::OrderUnbroken,
        };
        Broken::new(invariant, what)
    }
}
