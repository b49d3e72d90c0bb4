//! Reading what can still be read of a damaged log: [`RecoveryMode::SkipAny`](crate::decision::RecoveryMode::SkipAny).
//!
//! Damaged frames are passed over, and good ones behind them are found by their headers: a header that passes its
//! checksum belongs to this file and this place, so that nothing is taken for a frame that is none.
//!
//! The log itself stays as it is. It is not opened for appending with holes in it: the offsets of a log say that
//! nothing is missing in front of them, and readers, indexes and followers build on that. Whoever wants to go on
//! appends what was salvaged to a new log, and decides there what the holes mean.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use stage04::name::Part;
use stage04::{Disk, DiskFile, Error, FormatError, Offset, Place, Record, Result};

use crate::body::BodyCursor;
use crate::decision::Found;
use crate::header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::parts::{LogPart, parts};
use crate::verify::PROBLEMS_MAX;
use crate::walk::{Frame, FrameWalk};
use crate::window::read_front;

/// What was salvaged and what was not.
#[derive(Debug, Default)]
pub struct Salvaged {
    /// Records that were read.
    pub records: u64,
    /// The first of the holes, at most [`PROBLEMS_MAX`].
    pub holes: Vec<Hole>,
    /// How many holes there are.
    pub hole_count: u64,
    /// Bytes in them.
    pub bytes_skipped: u64,
}

/// A piece of a log that could not be read.
#[derive(Debug)]
pub struct Hole {
    /// The segment's file.
    pub path: PathBuf,
    /// Where the hole is in it, or in what was packed in it.
    pub positions: Range<u64>,
    /// The records that are missing for certain. Behind the last one that was read, nobody knows how many there were.
    pub missing: Range<Offset>,
    /// What is wrong where the hole begins.
    pub error: Error,
}

/// Reads every record of the log in `disk` that is whole, in order, and gives it to `take` with its offset.
///
/// # Errors
///
/// Those of the disk. Damage is none: it is in the answer.
pub fn salvage(disk: &Arc<dyn Disk>, mut take: impl FnMut(Offset, &Record<'_>)) -> Result<Salvaged> {
    let mut salvaged = Salvaged::default();
    let mut next = Offset(0);
    for (i, part) in parts(disk)?.iter().enumerate() {
        let hole_in_front = if i == 0 { Offset(0) } else { next };
        let found = match part.open_over_damage(disk) {
            // A damaged container of a packed segment: none of its blocks can be found.
            Err(error @ Error::Damaged { .. }) => {
                let path = disk.path().join(part.name.file(Part::Log));
                salvaged.add(path, 0..0, part.name.base..part.end.unwrap_or(part.name.base), error);
                continue;
            }
            opened => salvage_part(&opened?, part, hole_in_front, &mut salvaged, &mut take)?,
        };
        next = next.max(found);
    }
    Ok(salvaged)
}

/// Reads one segment, and returns the offset behind its last record. Records in front of `from` were read before.
fn salvage_part(
    file: &Arc<dyn DiskFile>,
    part: &LogPart,
    from: Offset,
    salvaged: &mut Salvaged,
    take: &mut impl FnMut(Offset, &Record<'_>),
) -> Result<Offset> {
    let path = file.path().to_owned();
    let header = SegmentHeader::decode(&read_front(file, SEGMENT_HEADER_BYTES)?);
    let header = match header {
        Ok(header) => header,
        Err(cause) => {
            let length = file.length().map_err(|e| Error::io("ask for the length", &path, e))?;
            let missing = part.name.base..part.end.unwrap_or(part.name.base);
            let error = Error::BadFrame { path: path.clone(), position: 0, expected: part.name.base, cause };
            salvaged.add(path, 0..length, missing, error);
            return Ok(from);
        }
    };
    let start = Place { offset: part.name.base, position: SEGMENT_HEADER_BYTES as u64 };
    let mut walk = FrameWalk::new(file, header.salt, start)?;
    if part.name.is_rewritten() {
        walk = walk.with_gaps();
    }
    loop {
        let stop = match walk.step()? {
            Ok(frame) => {
                salvaged.records += take_records(&mut walk, &frame, from, take)?;
                continue;
            }
            Err(stop) => stop,
        };
        let damaged = walk.place();
        let goes_on = walk.skip_damage()?;
        let behind = match goes_on {
            true => walk.place(),
            false => Place { offset: part.end.unwrap_or(damaged.offset), position: walk.file_bytes() },
        };
        let is_end = !goes_on && matches!(stop.found, Found::EndOfFile | Found::Zeros);
        let is_missing = behind.offset > damaged.offset && !part.name.is_rewritten();
        if !is_end || is_missing {
            salvaged.add(path.clone(), damaged.position..behind.position, damaged.offset..behind.offset, stop.error);
        }
        if !goes_on {
            return Ok(damaged.offset);
        }
    }
}

/// Gives the records of a good frame away, and returns how many there were.
fn take_records(
    walk: &mut FrameWalk,
    frame: &Frame,
    from: Offset,
    take: &mut impl FnMut(Offset, &Record<'_>),
) -> Result<u64> {
    let path = walk.path();
    let bad_frame = |cause: FormatError| Error::BadFrame {
        path,
        position: frame.position,
        expected: frame.header.base_offset,
        cause,
    };
    let mut cursor = BodyCursor::new(&frame.header);
    let body = walk.body_of(frame)?;
    let mut taken = 0;
    loop {
        match cursor.next(body) {
            Ok(Some((offset, record))) if offset >= from => {
                take(offset, &record);
                taken += 1;
            }
            Ok(Some(_)) => {}
            Ok(None) => return Ok(taken),
            // Both checksums hold, so this is no damage: a program wrote it that has another idea of the format.
            Err(cause) => return Err(bad_frame(cause)),
        }
    }
}

impl Salvaged {
    fn add(&mut self, path: PathBuf, positions: Range<u64>, missing: Range<Offset>, error: Error) {
        self.hole_count += 1;
        self.bytes_skipped += positions.end - positions.start;
        if self.holes.len() < PROBLEMS_MAX {
            self.holes.push(Hole { path, positions, missing, error });
        }
    }
}
