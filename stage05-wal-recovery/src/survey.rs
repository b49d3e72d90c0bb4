//! Looking at the newest segment: where it ends, and what that end is. Nothing is changed here.

use std::sync::Arc;

use stage04::{DiskFile, Error, FormatError, Offset, Place, Result};

use crate::behind::{Behind, look_behind};
use crate::decision::{Decision, Evidence, Found, HeaderBlock, Reason, RecoveryMode, Segment, decide};
use crate::frame::FRAME_ALIGNMENT_BYTES;
use crate::header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::recovery_point::RecoveryPoint;
use crate::walk::{FrameWalk, Stop};
use crate::window::Window;

/// What a look at a segment has found.
#[derive(Debug)]
pub struct Survey {
    /// The segment's header, if its block is good.
    pub header: Option<SegmentHeader>,
    /// Where the walk began.
    pub from: Place,
    /// Behind the last good frame.
    pub end: Place,
    /// Frames between the two.
    pub frames: u64,
    /// Records in them.
    pub records: u64,
    /// A frame's start, or `from`, such that every record in front of it is known to be durable. It lies not far in
    /// front of the first that is not.
    pub synced: Place,
    /// Every record in front of this one was synced once: the highest that any frame or the recovery point says.
    pub watermark: Offset,
    /// What follows the last good frame.
    pub behind: Behind,
    /// Everything that a decision depends on, but for the mode.
    evidence: Evidence,
    /// What is wrong at the end, as an error.
    error: Error,
}

/// Looks at the newest segment, from the recovery point on if that is allowed and if it lies in it, else from its first
/// frame.
///
/// # Errors
///
/// Those of the disk alone. What is wrong with the file is in the survey.
pub fn survey(
    file: &Arc<dyn DiskFile>,
    base: Offset,
    point: Option<&RecoveryPoint>,
    from_point: bool,
) -> Result<Survey> {
    let mut window = Window::new(file)?;
    let length = window.length();
    let block = check_block(window.at(0, SEGMENT_HEADER_BYTES)?, base);
    let watermark = point.map_or(Offset(0), |point| point.durable.offset);
    let header = match block {
        Ok(header) => header,
        Err((state, cause)) => return without_header(file, base, watermark, state, cause),
    };
    let first = Place { offset: base, position: SEGMENT_HEADER_BYTES as u64 };
    let from = point.filter(|point| from_point && is_in(point, base, length)).map_or(first, |point| point.durable);
    let mut walk = FrameWalk::new(file, header.salt, from)?;
    let mut synced = Synced { known: from, next: from, through: watermark };
    let (mut frames, mut records) = (0, 0);
    let stop = loop {
        let place = walk.place();
        match walk.step()? {
            Err(stop) => break stop,
            Ok(frame) => {
                frames += 1;
                synced.pass(place, frame.header.synced_through);
                records += u64::from(frame.header.count);
            }
        }
    };
    let end = walk.place();
    let behind = look_behind(file, header.salt, end.position)?;
    let Stop { found, error } = stop;
    let found = match found {
        Found::Zeros if behind.data_end > end.position => Found::Hole,
        found => found,
    };
    // A frame in front of the end cannot know more than there is in front of it: those behind may.
    let watermark = watermark.max(behind.synced_through).max(synced.through);
    let evidence = evidence(HeaderBlock::Good, found, end.offset < watermark);
    let (header, synced) = (Some(header), synced.known);
    Ok(Survey { header, from, end, frames, records, synced, watermark, behind, evidence, error })
}

impl Survey {
    /// What is to be done in this mode.
    pub fn decide(&self, mode: RecoveryMode) -> Decision {
        decide(Evidence { mode, ..self.evidence })
    }

    /// The error that says why it is corruption.
    pub fn into_error(self, reason: Reason) -> Error {
        match (reason, self.error) {
            (Reason::RecordsMissing | Reason::BelowWatermark, Error::BadFrame { path, position, expected, cause }) => {
                let cause = FormatError::NotTorn { synced_through: self.watermark, cause: Box::new(cause) };
                Error::BadFrame { path, position, expected, cause }
            }
            (_, error) => error,
        }
    }
}

/// The header, or the state of its block and what is wrong with it.
fn check_block(block: &[u8], base: Offset) -> std::result::Result<SegmentHeader, (HeaderBlock, FormatError)> {
    match SegmentHeader::decode(block) {
        Ok(header) if header.base == base => Ok(header),
        Ok(header) => {
            let what = format!("this is the segment of record {}, under the name of record {base}'s", header.base);
            Err((HeaderBlock::Bad, FormatError::Malformed(what)))
        }
        Err(cause) => {
            let is_short = block.len() < SEGMENT_HEADER_BYTES && SegmentHeader::may_begin_with(block, base);
            let is_unfinished = is_short || block.iter().all(|&byte| byte == 0);
            Err((if is_unfinished { HeaderBlock::Unfinished } else { HeaderBlock::Bad }, cause))
        }
    }
}

/// A survey of a file whose frames cannot be told, for want of a salt.
fn without_header(
    file: &Arc<dyn DiskFile>,
    base: Offset,
    watermark: Offset,
    state: HeaderBlock,
    cause: FormatError,
) -> Result<Survey> {
    let path = file.path().to_owned();
    let what = format!("no header of the segment of record {base}: {cause}");
    let error = Error::Damaged { path, position: 0, what };
    // No header has this salt but by chance; the look is for the last byte that is not zero.
    let behind = Behind { headers: 0, synced_through: Offset(0), ..look_behind(file, 0, 0)? };
    let found = match behind.data_end > SEGMENT_HEADER_BYTES as u64 {
        true => Found::BadHeader,
        false => Found::EndOfFile,
    };
    let start = Place { offset: base, position: 0 };
    let evidence = evidence(state, found, base < watermark);
    Ok(Survey {
        header: None,
        from: start,
        end: start,
        frames: 0,
        records: 0,
        synced: start,
        watermark,
        behind,
        evidence,
        error,
    })
}

fn evidence(header: HeaderBlock, found: Found, below_watermark: bool) -> Evidence {
    Evidence { segment: Segment::Newest, header, found, below_watermark, mode: RecoveryMode::default() }
}

/// Whether the recovery point is the start of a frame, or the end of the last, in this file. If it is not, the walk
/// from the first frame on shows what is missing.
fn is_in(point: &RecoveryPoint, base: Offset, length: u64) -> bool {
    let Place { offset, position } = point.durable;
    let frames = SEGMENT_HEADER_BYTES as u64..=length;
    point.segment == base && offset >= base && frames.contains(&position) && position % FRAME_ALIGNMENT_BYTES == 0
}

/// Finds the place up to which the log is known to be durable, in little memory: not the very last such place, but one
/// of those in front of the frames that the last two watermarks left open.
#[derive(Clone, Copy, Debug)]
struct Synced {
    /// Everything in front of this place is durable.
    known: Place,
    /// A later one, of which that is not known yet.
    next: Place,
    /// The highest watermark so far.
    through: Offset,
}

impl Synced {
    /// A frame at `place` says how far the log was synced.
    fn pass(&mut self, place: Place, synced_through: Offset) {
        self.through = self.through.max(synced_through);
        if self.next.offset <= self.through {
            (self.known, self.next) = (self.next, place);
        }
    }
}
