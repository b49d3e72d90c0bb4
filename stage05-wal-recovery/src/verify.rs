//! Looking at a whole log: every checksum, in little memory, without changing a byte.
//!
//! Opening a log reads its newest segment behind the recovery point, and nothing else: damage anywhere else is found by
//! whoever reads there, which may be in a year. This is for a night without work, or for a copy: it reads everything.
//!
//! However long the log is, the memory that it takes is one window: 64 KiB, or the largest frame if that is larger, and
//! no frame is larger than [`BATCH_BYTES_MAX`](crate::frame::BATCH_BYTES_MAX) and a little. Frames are counted and not
//! kept, and of the problems the first [`PROBLEMS_MAX`] are. The same is true of a dump and of a salvage.

use std::fmt;
use std::sync::Arc;

use stage04::name::Part;
use stage04::{Disk, Error, Offset, Place, Result};

use crate::decision::{Decision, Reason, RecoveryMode, Segment};
use crate::header::SEGMENT_HEADER_BYTES;
use crate::parts::{LogPart, is_damage, parts};
use crate::recovery_point::RecoveryPoint;
use crate::survey::survey_part;
use crate::torn_file::torn_files;

/// How many problems are told one by one; the rest is counted.
pub const PROBLEMS_MAX: usize = 100;

/// What became of looking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Every record is there, as it was written.
    #[default]
    Clean,
    /// The same, and the rest of an append that was never acknowledged lies behind them. Opening the log cuts it.
    TornTail,
    /// Records are damaged or missing. Opening the log gives an error, or reading it does.
    Corrupt,
}

impl Outcome {
    /// What a program that has verified a log exits with: 0, 1 or 2.
    pub fn exit_code(self) -> u8 {
        self as u8
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Verification {
    /// How many segments there are.
    pub segments: usize,
    /// Good frames in them.
    pub frames: u64,
    /// Records in the good frames.
    pub records: u64,
    /// Bytes of the good frames; for packed segments, those that were packed.
    pub bytes: u64,
    /// The first record that is there.
    pub start: Offset,
    /// Behind the last good record of the newest segment.
    pub end: Offset,
    /// The first of the problems, at most [`PROBLEMS_MAX`].
    pub problems: Vec<Problem>,
    /// How many problems there are; behind the first in a segment, that segment was not read on.
    pub problem_count: u64,
    /// The worst of it.
    pub outcome: Outcome,
    /// The files with what recovery has cut from this log, see [`torn_file`](crate::torn_file). They are no problem of
    /// the log's, and they stay until a person has looked at them and removes them.
    pub torn_files: Vec<String>,
}

/// Something that is not as it was written.
#[derive(Debug)]
pub struct Problem {
    /// Whether it is a torn tail or corruption.
    pub outcome: Outcome,
    /// What it is, and where.
    pub error: Error,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.outcome == Outcome::TornTail { "torn tail" } else { "corrupt" };
        write!(f, "{kind}: {}", self.error)
    }
}

/// Reads the whole log in `disk`. What is wrong with it is in the answer, from the oldest segment to the newest.
///
/// # Errors
///
/// If there is no log, or if the disk fails: then nobody knows.
pub fn verify(disk: &Arc<dyn Disk>) -> Result<Verification> {
    let mut seen = Verification::default();
    let point = match RecoveryPoint::read(disk) {
        Err(error @ Error::Damaged { .. }) => {
            seen.add(Outcome::Corrupt, error);
            None
        }
        read => read?,
    };
    seen.torn_files = torn_files(disk)?;
    let parts = parts(disk)?;
    let Some(first) = parts.first() else {
        let nothing = std::io::Error::new(std::io::ErrorKind::NotFound, "there is no segment");
        return Err(Error::io("find a log", disk.path(), nothing));
    };
    seen.segments = parts.len();
    seen.start = first.name.base;
    for pair in parts.windows(2) {
        check_neighbours(disk, pair, &mut seen);
    }
    for part in &parts {
        match verify_part(disk, part, point.as_ref(), &mut seen) {
            // A packed segment is damaged: its checksums are looked at before ours.
            Err(error) if is_damage(&error) => seen.add(Outcome::Corrupt, error),
            verified => verified?,
        }
    }
    if let Some(last) = parts.last().filter(|last| last.segment == Segment::Sealed) {
        let what = "this segment was sealed, and the one behind it is missing".to_string();
        let path = disk.path().join(last.name.file(Part::Log));
        seen.add(Outcome::Corrupt, Error::Damaged { path, position: 0, what });
    }
    Ok(seen)
}

/// A rewritten segment says itself where it ends.
fn check_neighbours(disk: &Arc<dyn Disk>, pair: &[LogPart], seen: &mut Verification) {
    if let Some(expected) = pair[0].name.rewritten_end.filter(|end| *end != pair[1].name.base) {
        let path = disk.path().join(pair[0].name.file(Part::Log));
        seen.add(Outcome::Corrupt, Error::Gap { path, expected, found: pair[1].name.base });
    }
}

fn verify_part(
    disk: &Arc<dyn Disk>,
    part: &LogPart,
    point: Option<&RecoveryPoint>,
    seen: &mut Verification,
) -> Result<()> {
    let file = part.open(disk)?;
    let survey = survey_part(&file, part, point)?;
    if let Some(end) = part.end.filter(|end| survey.end.offset > *end) {
        let what = format!("records up to {} in a segment that ends in front of record {end}", survey.end.offset);
        let (path, position) = (file.path().to_owned(), survey.end.position);
        seen.add(Outcome::Corrupt, Error::Damaged { path, position, what });
    }
    seen.frames += survey.frames;
    seen.records += survey.records;
    seen.end = survey.end.offset;
    let Place { position, .. } = survey.end;
    seen.bytes += position.saturating_sub(SEGMENT_HEADER_BYTES as u64);
    match survey.decide(RecoveryMode::TolerateTornTail) {
        Decision::End => {}
        Decision::TornTail | Decision::RecreateEmpty => {
            seen.add(Outcome::TornTail, survey.into_error(Reason::TornTail))
        }
        Decision::Corrupt(reason) => seen.add(Outcome::Corrupt, survey.into_error(reason)),
        Decision::Skip | Decision::CutAcknowledged => unreachable!("decisions of other modes"),
    }
    Ok(())
}

impl Verification {
    fn add(&mut self, outcome: Outcome, error: Error) {
        self.problem_count += 1;
        self.outcome = self.outcome.max(outcome);
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { outcome, error });
        }
    }
}
