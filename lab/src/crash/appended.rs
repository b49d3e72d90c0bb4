//! What was appended, by offset: what the records of a log are compared with.

use std::cell::RefCell;

use stage01::{Offset, Record};

use crate::records::record;

/// The records of a scenario.
pub(crate) trait Appended {
    /// Whether the record at `offset` is this one.
    fn is(&self, offset: u64, found: &Record<'_>) -> bool;

    /// The record at `offset`; `None` if none was appended there.
    fn record(&self, offset: u64) -> Option<Record<'static>>;

    /// Whether the record at `offset` may be gone even as the latest of its key: a tombstone, if no older record of its
    /// key is left.
    fn may_vanish(&self, offset: u64) -> bool {
        let _ = offset;
        false
    }
}

/// The records of the laboratory, each made once: making one costs as much as reading it.
#[derive(Debug, Default)]
pub(crate) struct LabRecords(RefCell<Vec<Record<'static>>>);

impl LabRecords {
    fn with<T>(&self, offset: u64, look: impl FnOnce(&Record<'static>) -> T) -> T {
        let mut records = self.0.borrow_mut();
        while records.len() as u64 <= offset {
            let next = record(Offset(records.len() as u64));
            records.push(next);
        }
        look(&records[offset as usize])
    }
}

impl Appended for LabRecords {
    fn is(&self, offset: u64, found: &Record<'_>) -> bool {
        self.with(offset, |record| record == found)
    }

    fn record(&self, offset: u64) -> Option<Record<'static>> {
        Some(self.with(offset, Record::clone))
    }
}

/// What is appended at `offset` after a crash: the record that belongs there, a day later.
pub(super) fn second_life_record(offset: u64) -> Record<'static> {
    let record = record(Offset(offset));
    Record { timestamp_ms: record.timestamp_ms + 24 * 60 * 60 * 1000, ..record }
}
