//! Looking at a segment: where it ends, and what that end is. Nothing is changed here.

use std::sync::Arc;

use stage04::{DiskFile, Error, FormatError, Offset, Place, Result};

use crate::behind::{Behind, look_behind};
use crate::decision::{Decision, Evidence, Found, HeaderBlock, Reason, RecoveryMode, Segment, decide};
use crate::frame::FRAME_ALIGNMENT_BYTES;
use crate::header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::parts::LogPart;
use crate::recovery_point::RecoveryPoint;
use crate::walk::{FrameWalk, Stop};
use crate::window::read_front;

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
    let synced_through = point.map_or(Offset(0), |point| point.durable.offset);
    let from = point.filter(|_| from_point).filter(|point| point.segment == base).map(|point| point.durable);
    let subject = Subject { base, segment: Segment::Newest, has_gaps: false, synced_through };
    look(file, subject, from)
}

/// Looks at all of any segment.
pub(crate) fn survey_part(file: &Arc<dyn DiskFile>, part: &LogPart, point: Option<&RecoveryPoint>) -> Result<Survey> {
    let (base, segment, has_gaps) = (part.name.base, part.segment, part.name.is_rewritten());
    match (segment, part.end) {
        (Segment::Newest, _) => survey(file, base, point, false),
        // The last records of a rewritten segment may be among those that were taken out.
        (Segment::Sealed, Some(end)) if !has_gaps => {
            look(file, Subject { base, segment, has_gaps, synced_through: end }, None)
        }
        (Segment::Sealed, _) => look(file, Subject { base, segment, has_gaps, synced_through: base }, None),
    }
}

/// What is known of a segment before it is looked at.
#[derive(Clone, Copy, Debug)]
struct Subject {
    base: Offset,
    segment: Segment,
    has_gaps: bool,
    /// The records in front of this one were synced, whatever the file says.
    synced_through: Offset,
}

fn look(file: &Arc<dyn DiskFile>, subject: Subject, from: Option<Place>) -> Result<Survey> {
    let header = match check_block(&read_front(file, SEGMENT_HEADER_BYTES)?, subject.base) {
        Ok(header) => header,
        Err((state, cause)) => return without_header(file, subject, state, cause),
    };
    let first = Place { offset: subject.base, position: SEGMENT_HEADER_BYTES as u64 };
    let length = file.length().map_err(|e| Error::io("ask for the length", file.path(), e))?;
    let from = from.filter(|from| is_place(*from, first, length)).unwrap_or(first);
    let mut walk = FrameWalk::new(file, header.salt, from)?;
    if subject.has_gaps {
        walk = walk.with_gaps();
    }
    let mut synced = Synced { known: from, next: from, through: subject.synced_through };
    let (mut frames, mut records) = (0, 0);
    let Stop { found, error } = loop {
        let place = walk.place();
        match walk.step()? {
            Err(stop) => break stop,
            Ok(frame) => {
                frames += 1;
                records += u64::from(frame.header.count);
                synced.pass(place, frame.header.synced_through);
            }
        }
    };
    let end = walk.place();
    let behind = look_behind(file, header.salt, end.position)?;
    let found = match found {
        Found::Zeros if behind.data_end > end.position => Found::Hole,
        found => found,
    };
    // A good frame in front of the end knows of no record behind it. Those behind the end may.
    let watermark = synced.through.max(behind.synced_through);
    // Of a rewritten segment, nobody can say which records have to be there.
    let below_watermark = end.offset < watermark && !subject.has_gaps;
    let evidence = subject.evidence(HeaderBlock::Good, found, below_watermark);
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
    subject: Subject,
    state: HeaderBlock,
    cause: FormatError,
) -> Result<Survey> {
    let Subject { base, synced_through: watermark, .. } = subject;
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
    Ok(Survey {
        header: None,
        from: start,
        end: start,
        frames: 0,
        records: 0,
        synced: start,
        watermark,
        behind,
        evidence: subject.evidence(state, found, base < watermark),
        error,
    })
}

impl Subject {
    fn evidence(&self, header: HeaderBlock, found: Found, below_watermark: bool) -> Evidence {
        let (segment, mode) = (self.segment, RecoveryMode::default());
        Evidence { segment, header, found, below_watermark, mode }
    }
}

/// Whether a recovery point may be the start of a frame, or the end of the last, in a file of this length. If it may
/// not, the walk from the first frame on shows what is missing.
fn is_place(place: Place, first: Place, length: u64) -> bool {
    let is_inside = (first.position..=length).contains(&place.position);
    place.offset >= first.offset && is_inside && place.position.is_multiple_of(FRAME_ALIGNMENT_BYTES)
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
