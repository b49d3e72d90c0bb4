//! Opening the newest segment after a crash, or after anything else.
//!
//! 1. Look: where do the good frames end, and what is behind them ([`survey`](mod@crate::survey))?
//! 2. Decide ([`decision`](crate::decision)). If it is corruption, this is where it ends, and no byte was changed.
//! 3. A torn tail is saved in a file of its own, which is durable before the next step.
//! 4. The tail is cut off. Not with zeros, although the file may have been filled with them: to write many zeros takes
//!    many writes, and after a crash in the middle of them frames of the tail might still be there. A cut is one step
//!    of the file system.
//! 5. The frames of which it is not known that they are durable are written once more, over themselves: see
//!    [`write_again`].
//! 6. One sync, for both. Only now is anything of it shown to a reader, or written behind it. If the cut were not
//!    durable by then, a new frame could end just where an old one begins, and records would come back from the dead.
//!
//! A crash in front of, between and behind any of these steps leaves a file for which the same steps are right. The
//! recovery point is not moved forward, for recovery is no sync of the log's; see
//! [`recovery_point`](crate::recovery_point).

use std::io::ErrorKind;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stage04::name::Part;
use stage04::recover::write_again;
use stage04::{DiskFile, Error, Offset, Place, Result, SegmentName, Site};

use crate::decision::{Decision, RecoveryMode};
use crate::header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::recovery_point::RecoveryPoint;
use crate::survey::{Survey, survey};
use crate::torn_file::save;

/// The newest segment, ready for use.
#[derive(Debug)]
pub struct Recovered {
    /// Its file. Another one than before, if it had to be made once more.
    pub file: Arc<dyn DiskFile>,
    /// Its header.
    pub header: SegmentHeader,
    /// Behind the last record. All in front of it is durable.
    pub end: Place,
    /// What was found and done.
    pub report: RecoveryReport,
}

/// What recovery has found and done.
#[derive(Clone, Debug)]
pub struct RecoveryReport {
    /// How much damage was to be put up with.
    pub mode: RecoveryMode,
    /// Frames that were read.
    pub frames: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of these frames, and of whatever lay behind them.
    pub bytes_scanned: u64,
    /// Bytes of frames that were written again.
    pub bytes_written_again: u64,
    /// Every record in front of this one was synced before: the highest that any frame or the recovery point said.
    pub watermark: Offset,
    /// What was cut off, if anything was.
    pub cut: Option<Cut>,
    /// How long it took.
    pub took: Duration,
}

/// What was cut from the end of the newest segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Where the cut is in the segment's file.
    pub position: u64,
    /// How many bytes were behind it, up to the last that was not zero.
    pub bytes: u64,
    /// The file in the log's directory that they are kept in. `None` if there were none, or if the disk was too full to
    /// keep a torn tail.
    pub saved_as: Option<String>,
    /// The records that were acknowledged once and are gone: from the first that is missing to the watermark. Empty but
    /// for [`RecoveryMode::PointInTime`]. More may be gone that no watermark tells of.
    pub lost: Range<Offset>,
}

/// Finds the end of the newest segment, whose name is durable, and makes the segment ready for appending and reading.
///
/// `new_header` makes the header block of a new segment; it is asked if the file was never finished.
///
/// # Errors
///
/// Corruption, as the decision table has it: [`Error::BadFrame`] or [`Error::OutOfOrder`] with the place, or
/// [`Error::Damaged`] for the segment's header or the recovery point. Not a byte was changed then. Besides that, the
/// errors of the disk; trying again is safe. [`RecoveryMode::SkipAny`] is refused if there is anything to skip.
pub fn recover_newest(
    site: &Site,
    segment: &SegmentName,
    file: &Arc<dyn DiskFile>,
    mode: RecoveryMode,
    new_header: impl FnOnce() -> Result<Vec<u8>>,
) -> Result<Recovered> {
    let started = Instant::now();
    let (point, is_point_lost) = read_point(site, mode)?;
    // Whoever wants to be sure, or has reason for doubt, reads all of the segment.
    let from_point = mode == RecoveryMode::TolerateTornTail;
    let seen = survey(file, segment.base, point.as_ref(), from_point)?;
    let mut report = RecoveryReport {
        mode,
        frames: seen.frames,
        records: seen.records,
        bytes_scanned: seen.behind.data_end.saturating_sub(seen.from.position),
        bytes_written_again: seen.end.position - seen.synced.position,
        watermark: seen.watermark,
        cut: None,
        took: Duration::ZERO,
    };
    let work = Work { site, segment, file, seen: &seen };
    match seen.decide(mode) {
        Decision::End => {}
        Decision::TornTail => report.cut = Some(work.cut(mode)?),
        Decision::CutAcknowledged => {
            work.move_point_back(point)?;
            report.cut = Some(work.cut(mode)?);
        }
        Decision::RecreateEmpty => report.cut = Some(work.save_tail(mode)?),
        Decision::Skip => return Err(cannot_skip(file)),
        Decision::Corrupt(reason) => return Err(seen.into_error(reason)),
    }
    let (file, header, end) = match seen.header {
        Some(header) => (work.make_durable()?, header, seen.end),
        None => work.recreate(new_header)?,
    };
    if is_point_lost {
        // All in front of the end was synced just now, so this is a recovery point that a sync has moved.
        RecoveryPoint { start: segment.base, segment: segment.base, durable: end }.write(site)?;
    }
    report.took = started.elapsed();
    Ok(Recovered { file, header, end, report })
}

/// Where the newest segment ends for somebody who may not change it: in front of a torn tail, if there is one. What is
/// corruption for [`recover_newest`] is corruption here.
///
/// Another process may be appending meanwhile. A frame that was not there when the walk came to its place, and one
/// behind it that was written after its sync, look like corruption. So that is believed when it is seen twice.
///
/// # Errors
///
/// As for [`recover_newest`], and `NotFound` if the recovery point names a later segment: look at the names again.
pub fn find_newest_end(
    site: &Site,
    segment: &SegmentName,
    file: &Arc<dyn DiskFile>,
    mode: RecoveryMode,
) -> Result<Place> {
    let mut seen_before = None;
    loop {
        let (point, _) = read_point(site, mode)?;
        if let Some(later) = point.filter(|point| point.segment > segment.base && mode != RecoveryMode::PointInTime) {
            let name = SegmentName::new(later.segment).file(Part::Log);
            return Err(Error::io("open", site.disk.path().join(name), ErrorKind::NotFound.into()));
        }
        let seen = survey(file, segment.base, point.as_ref(), mode == RecoveryMode::TolerateTornTail)?;
        match seen.decide(mode) {
            Decision::Corrupt(_) if seen_before != Some(seen.end) => seen_before = Some(seen.end),
            Decision::Corrupt(reason) => return Err(seen.into_error(reason)),
            Decision::Skip => return Err(cannot_skip(file)),
            _ => return Ok(seen.end),
        }
    }
}

/// The recovery point, and whether there is one that cannot be read, which only those put up with who are ready to
/// lose what it knows.
fn read_point(site: &Site, mode: RecoveryMode) -> Result<(Option<RecoveryPoint>, bool)> {
    match RecoveryPoint::read(&site.disk) {
        Err(Error::Damaged { .. }) if mode == RecoveryMode::PointInTime => Ok((None, true)),
        read => read.map(|point| (point, false)),
    }
}

/// One segment in the middle of its recovery.
struct Work<'a> {
    site: &'a Site,
    segment: &'a SegmentName,
    file: &'a Arc<dyn DiskFile>,
    seen: &'a Survey,
}

impl Work<'_> {
    /// The recovery point must not lie behind the end of the log: it would call the cut corruption. So it moves first.
    fn move_point_back(&self, point: Option<RecoveryPoint>) -> Result<()> {
        let Some(point) = point.filter(|point| point.durable.offset > self.seen.end.offset) else { return Ok(()) };
        let first_frame = SEGMENT_HEADER_BYTES as u64;
        let durable = Place { position: self.seen.end.position.max(first_frame), ..self.seen.end };
        let start = point.start.min(durable.offset);
        RecoveryPoint { start, segment: self.segment.base, durable }.write(self.site)
    }

    /// Saves what lies behind the last good frame, and cuts it. The cut is durable after [`Work::make_durable`].
    fn cut(&self, mode: RecoveryMode) -> Result<Cut> {
        let cut = self.save_tail(mode)?;
        if self.seen.header.is_some() {
            let truncated = self.file.truncate(cut.position);
            truncated.map_err(|e| Error::io(format!("cut at byte {}", cut.position), self.file.path(), e))?;
        }
        Ok(cut)
    }

    /// Copies what lies behind the last good frame into a file of its own.
    fn save_tail(&self, mode: RecoveryMode) -> Result<Cut> {
        let (from, to) = (self.seen.end.position, self.seen.behind.data_end);
        let saved_as = match to > from {
            true => match save(self.site, self.segment, self.file, from, to) {
                // A torn tail was promised to nobody, and a full disk is what tears many of them. To refuse to open
                // would take the whole log away for the sake of these bytes.
                Err(Error::Io { cause, .. }) if is_full(&cause) && mode != RecoveryMode::PointInTime => None,
                saved => Some(saved?),
            },
            false => None,
        };
        let missing = self.seen.end.offset;
        Ok(Cut { position: from, bytes: to - from, saved_as, lost: missing..self.seen.watermark.max(missing) })
    }

    /// Makes the good frames durable, and the cut behind them, if there was one.
    fn make_durable(&self) -> Result<Arc<dyn DiskFile>> {
        write_again(self.file, self.seen.synced.position, self.seen.end.position)?;
        self.file.sync_data().map_err(|e| Error::io("sync", self.file.path(), e))?;
        Ok(Arc::clone(self.file))
    }

    /// Makes the segment's file once more, without records. The old one stays until the new one is whole.
    fn recreate(
        &self,
        new_header: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Result<(Arc<dyn DiskFile>, SegmentHeader, Place)> {
        let block = new_header()?;
        let name = self.segment.file(Part::Log);
        let file = self.site.create_temporary(&name)?;
        let written = file.write_at(&block, 0).and_then(|()| file.sync_data());
        written.map_err(|e| Error::io("write", file.path(), e))?;
        let file = self.site.publish(&name)?;
        let header = SegmentHeader::decode(&block).map_err(|cause| {
            let what = format!("the header that was written: {cause}");
            Error::Damaged { path: file.path().to_owned(), position: 0, what }
        })?;
        Ok((file, header, Place { offset: self.segment.base, position: block.len() as u64 }))
    }
}

fn is_full(cause: &std::io::Error) -> bool {
    matches!(cause.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// A log with holes takes no records: their offsets would say that nothing is missing in front of them.
fn cannot_skip(file: &Arc<dyn DiskFile>) -> Error {
    Error::io("skip damage in a log that is to be appended to; salvage it", file.path(), ErrorKind::Unsupported.into())
}
