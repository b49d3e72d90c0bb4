//! What a log of frames has to do with being cut, and with the time of records that it cannot tell one by one.

use std::ops::ControlFlow;

use stage04::{Offset, Place, Reader, Result, Scan, SegmentName, Site, Stamp};

use crate::reader::FramedReader;
use crate::recovery_point::RecoveryPoint;

/// A stamp for each record from `from` on, and for each batch one: its header says enough.
pub(crate) fn visit_stamps(
    reader: &FramedReader,
    from: Offset,
    visit: &mut dyn FnMut(Stamp) -> ControlFlow<()>,
) -> Result<()> {
    let mut scan = reader.scan(from)?;
    while let Some(header) = scan.peek_header()? {
        let position = scan.place().position;
        let stamp = if header.is_batch() {
            scan.pass_frame()?;
            let last = header.base_offset.plus(u64::from(header.count) - 1);
            let (first_timestamp_ms, max_timestamp_ms) = (header.base_timestamp_ms, header.max_timestamp_ms);
            Stamp { last, position, first_timestamp_ms, max_timestamp_ms }
        } else {
            let Some(entry) = scan.next()? else { break };
            let timestamp_ms = entry.record.timestamp_ms;
            let (first_timestamp_ms, max_timestamp_ms) = (timestamp_ms, timestamp_ms);
            Stamp { last: entry.offset, position, first_timestamp_ms, max_timestamp_ms }
        };
        if visit(stamp).is_break() {
            break;
        }
    }
    Ok(())
}

/// Where the frame starts that has the record at `offset`: a frame goes as a whole.
pub(crate) fn place_to_cut(reader: &FramedReader, offset: Offset) -> Result<Option<Place>> {
    let mut scan = reader.scan(offset)?;
    let header = scan.peek_header()?;
    Ok(header.map(|header| Place { offset: header.base_offset, position: scan.place().position }))
}

/// Moves the recovery point back to a cut that is about to be made: behind the end of the log it would be evidence that
/// records are missing (R6). No frame in front of the cut says more than that those in front of itself were durable.
pub(crate) fn move_point_back(site: &Site, segment: &SegmentName, cut: Place) -> Result<()> {
    let point = RecoveryPoint::read(&site.disk)?;
    let start = point.map_or(segment.base, |point| point.start.min(cut.offset));
    RecoveryPoint { start, segment: segment.base, durable: cut }.write(site)
}
