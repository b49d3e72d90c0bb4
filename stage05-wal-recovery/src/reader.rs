//! Reading one segment: the newest, or a sealed one.

use std::sync::Arc;

use stage04::scan::WINDOW_BYTES;
use stage04::{IndexReport, Offset, Place, Reader, Result, Visibility};

use crate::encoder::FRAME_BODY_BYTES;
use crate::frame::FRAME_HEADER_BYTES;
use crate::frame_scan::FrameScan;
use crate::lazy_index::lands;
use crate::segment::Segment;

/// How much more to read at the place that the index names than lies between two entries: the frame that the interval
/// ends in goes on for about as much, if its records are small.
const FIRST_READ_MORE_BYTES: usize = FRAME_HEADER_BYTES + 256;

/// A reader of one segment of frames.
///
/// It uses the index as stage 3's reader does: an entry is believed once the frame that it names was seen to be there
/// (I4), and an index that lied is built anew, in memory, for all readers of the segment. What says that a frame is
/// there is its header, whose checksum covers its position.
#[derive(Clone, Debug)]
pub struct FramedReader {
    segment: Arc<Segment>,
    visibility: Visibility,
    /// How much to read at the place that the index names.
    window_bytes: usize,
}

impl FramedReader {
    pub(crate) fn new(segment: Arc<Segment>) -> FramedReader {
        let interval_bytes = usize::try_from(segment.lazy_index.site().interval_bytes).unwrap_or(WINDOW_BYTES);
        let window_bytes = interval_bytes.clamp(FRAME_BODY_BYTES, WINDOW_BYTES) + FIRST_READ_MORE_BYTES;
        FramedReader { segment, visibility: Visibility::default(), window_bytes }
    }

    /// The state of the index, which is loaded if it is not yet.
    pub fn index_report(&self) -> IndexReport {
        self.segment.lazy_index.report(&self.segment.frames)
    }

    /// A scan from `from` on that starts where the index says, or `None` if what the index says is not so.
    fn scan_by_index(&self, from: Offset, end: Place) -> Result<Option<FrameScan>> {
        let frames = &self.segment.frames;
        // The index may know of frames that this reader does not see yet. The one to land on has to be in its sight.
        let last_seen = Offset(end.offset.0.saturating_sub(1));
        let place = self.segment.index().index.lookup(from.min(last_seen));
        if place.position == 0 {
            return self.scan_from_start(from, end, self.window_bytes).map(Some);
        }
        let mut scan = frames.scan(place, end, self.window_bytes)?;
        if !lands(&mut scan, place)? {
            return Ok(None);
        }
        scan.skip_to(from)?;
        Ok(Some(scan))
    }

    /// A scan from `from` on that passes everything in front of it, frame by frame.
    fn scan_from_start(&self, from: Offset, end: Place, window_bytes: usize) -> Result<FrameScan> {
        let frames = &self.segment.frames;
        let mut scan = frames.scan(frames.start(), end, window_bytes)?;
        scan.skip_to(from)?;
        Ok(scan)
    }

    /// Builds the index anew from the headers of all frames that this reader sees, for all readers. The writer will
    /// find that it is another one, and save it.
    fn rebuild(&self, end: Place) -> Result<()> {
        let Segment { frames, .. } = &*self.segment;
        let index = &self.segment.index().index;
        let mut scan = frames.scan(frames.start(), end, WINDOW_BYTES)?;
        let mut rebuilt = index.fresh();
        while let Some(place) = scan.pass_frame()? {
            if frames.is_worth_an_entry(place) {
                rebuilt.push(place);
            }
        }
        index.replace(rebuilt, scan.place().offset);
        Ok(())
    }
}

impl Reader for FramedReader {
    type Scan = FrameScan;

    fn scan(&self, from: Offset) -> Result<FrameScan> {
        let end = self.segment.end(self.visibility);
        if from <= self.segment.frames.start().offset {
            return self.scan_from_start(from, end, WINDOW_BYTES);
        }
        if from >= end.offset {
            return self.segment.frames.scan(end, end, 0);
        }
        if let Some(scan) = self.scan_by_index(from, end)? {
            return Ok(scan);
        }
        let _one_at_a_time = self.segment.index().index.lock_replacing();
        // While this reader waited, another may have met the same lie and dealt with it.
        if let Some(scan) = self.scan_by_index(from, end)? {
            return Ok(scan);
        }
        // A segment that cannot be read to its end gets no new index. The records in front of the damage are still there.
        if self.rebuild(end).is_ok()
            && let Some(scan) = self.scan_by_index(from, end)?
        {
            return Ok(scan);
        }
        self.scan_from_start(from, end, WINDOW_BYTES)
    }

    fn end(&self) -> Offset {
        self.segment.end(self.visibility).offset
    }

    fn with_visibility(self, visibility: Visibility) -> Self {
        FramedReader { visibility, ..self }
    }
}
