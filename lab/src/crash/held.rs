//! What a log holds, read from its start to its end and held against what it has to hold.

use std::fmt;

use stage01::{Error, Log, Offset, Reader, Scan};

use super::invariant::{Broken, Expected, Invariant};

/// What a log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// Where it starts: the records below this are deleted.
    pub(crate) start: u64,
    /// Where it goes on: the offset behind its last record.
    pub(crate) end: u64,
    /// How many records are in between: all of them, if nothing was compacted.
    pub(crate) records: u64,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records", self.records)?;
        match self.records == self.end {
            true => Ok(()),
            false => write!(f, " between {} and {}", self.start, self.end),
        }
    }
}

/// Reads every record, and looks one of them up by its offset.
pub(crate) fn check_held(log: &impl Log, expected: &Expected<'_>) -> Result<Held, Broken> {
    let reader = log.reader();
    let (start, end) = (reader.start().0, log.next_offset().0);
    expected.check_start(start)?;
    let (records, gaps) = check_scan(&reader, start, end, expected)?;
    expected.check_gaps(start, &gaps, end)?;
    check_lookups(&reader, start..end, &gaps, expected)?;
    Ok(Held { start, end, records })
}

fn unreadable(error: Error) -> Broken {
    Broken::new(Invariant::OpensAgain, error.to_string())
}

/// Offsets that are not there: from the first to behind the last.
type Gap = (u64, u64);

/// Reads every record, and returns how many there are, and where there are none.
fn check_scan<R: Reader>(reader: &R, start: u64, end: u64, expected: &Expected<'_>) -> Result<(u64, Vec<Gap>), Broken> {
    let mut scan = reader.scan(Offset(start)).map_err(unreadable)?;
    let (mut next, mut records, mut gaps) = (start, 0, Vec::new());
    let may_be_gap = |first: u64, behind: u64| first < behind && behind <= expected.may_compact;
    while let Some(entry) = scan.next().map_err(unreadable)? {
        let offset = entry.offset.0;
        if offset != next {
            if !may_be_gap(next, offset) {
                let what = format!("record {offset} follows where record {next} belongs");
                return Err(Broken::new(Invariant::OrderUnbroken, what));
            }
            gaps.push((next, offset));
        }
        expected.check_record(offset, &entry.record)?;
        next = offset + 1;
        records += 1;
    }
    if next != end {
        if !may_be_gap(next, end) {
            let what = format!("the log holds {records} records and would go on at offset {end}");
            return Err(Broken::new(Invariant::OrderUnbroken, what));
        }
        gaps.push((next, end));
    }
    Ok((records, gaps))
}

/// Looks up a record by its offset, one that is compacted, and one that is deleted.
fn check_lookups<R: Reader>(
    reader: &R,
    there: std::ops::Range<u64>,
    gaps: &[Gap],
    expected: &Expected<'_>,
) -> Result<(), Broken> {
    let disagree = |what: String| Err(Broken::new(Invariant::LookupsAgree, what));
    let is_gap = |offset: u64| gaps.iter().any(|(first, behind)| (*first..*behind).contains(&offset));
    let sampled = (!there.is_empty()).then(|| there.start + expected.sample % (there.end - there.start));
    for offset in sampled.into_iter().chain(gaps.first().map(|(first, _)| *first)) {
        match (reader.read(Offset(offset)).map_err(unreadable)?, is_gap(offset)) {
            (Some(record), false) => expected.check_record(offset, &record)?,
            (None, true) => {}
            (None, false) => return disagree(format!("a scan shows record {offset}, and it cannot be looked up")),
            (Some(record), true) => {
                return disagree(format!("no scan shows record {offset}, and it is looked up as {record:?}"));
            }
        }
    }
    let Some(deleted) = there.start.checked_sub(1) else { return Ok(()) };
    match reader.read(Offset(deleted)) {
        Err(Error::Deleted { start, .. }) if start.0 == there.start => Ok(()),
        other => disagree(format!(
            "record {deleted} is deleted, the log starts at {}, and a read says {other:?}",
            there.start
        )),
    }
}
