//! The frames of a log as text: a line for each.
//!
//! ```text
//! 00000000000000001000.log: base 1000, salt 5a17000012345678
//!     4096  1000..1002  2 records, 104 bytes, synced 1000, timestamps 1735689600100..1735689600101
//!     4208  zeros to the end
//! ```
//!
//! Nothing is repaired, locked or made. Damage is a line among the others, and the frames behind it are looked for.

use std::io::Write;
use std::sync::Arc;

use stage04::name::Part;
use stage04::{Disk, Error, Place, Result};

use crate::body::BodyCursor;
use crate::decision::Found;
use crate::header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::parts::{LogPart, parts};
use crate::walk::{Frame, FrameWalk};
use crate::window::read_front;

/// How many bytes of a key or a value are shown.
const SHOWN_BYTES: usize = 60;

/// Writes a line for each frame of the log in `disk` to `out`, and with `records` one for each record.
///
/// # Errors
///
/// If the disk fails, or `out` does. Damage is a line.
pub fn dump(disk: &Arc<dyn Disk>, records: bool, out: &mut dyn Write) -> Result<()> {
    for part in parts(disk)? {
        match dump_part(disk, &part, records, out) {
            Err(error @ Error::Damaged { .. }) => line(out, format_args!("    {error}"))?,
            dumped => dumped?,
        }
    }
    Ok(())
}

fn dump_part(disk: &Arc<dyn Disk>, part: &LogPart, records: bool, out: &mut dyn Write) -> Result<()> {
    let name = part.name.file(Part::Log);
    let file = part.open_over_damage(disk)?;
    let header = match SegmentHeader::decode(&read_front(&file, SEGMENT_HEADER_BYTES)?) {
        Ok(header) => header,
        Err(cause) => return line(out, format_args!("{name}: no header: {cause}")),
    };
    line(out, format_args!("{name}: base {}, salt {:016x}", header.base, header.salt))?;
    let start = Place { offset: header.base, position: SEGMENT_HEADER_BYTES as u64 };
    let mut walk = FrameWalk::new(&file, header.salt, start)?;
    if part.name.is_rewritten() {
        walk = walk.with_gaps();
    }
    loop {
        match walk.step()? {
            Ok(frame) => {
                dump_frame(&frame, out)?;
                if records && !frame.header.is_batch() {
                    dump_records(&mut walk, &frame, out)?;
                }
            }
            Err(stop) => {
                let Place { position, .. } = walk.place();
                let goes_on = walk.skip_damage()?;
                match stop.found {
                    Found::EndOfFile => {}
                    Found::Zeros if !goes_on => line(out, format_args!("{position:>9}  zeros, and no frame behind"))?,
                    _ => line(out, format_args!("{position:>9}  DAMAGED: {}", stop.error))?,
                }
                if !goes_on {
                    return Ok(());
                }
            }
        }
    }
}

fn dump_frame(frame: &Frame, out: &mut dyn Write) -> Result<()> {
    let Frame { header, position, end } = frame;
    let (base, count, bytes) = (header.base_offset, header.count, header.body_bytes);
    let (synced, first, last) = (header.synced_through, header.base_timestamp_ms, header.max_timestamp_ms);
    let text = format_args!(
        "{position:>9}  {base}..{end}  {count} records, {bytes} bytes, synced {synced}, timestamps {first}..{last}"
    );
    match header.is_batch() {
        true => line(out, format_args!("{text}, a batch of epoch {}", header.epoch)),
        false => line(out, text),
    }
}

fn dump_records(walk: &mut FrameWalk, frame: &Frame, out: &mut dyn Write) -> Result<()> {
    let mut cursor = BodyCursor::new(&frame.header);
    let body = walk.body_of(frame)?;
    loop {
        match cursor.next(body) {
            Ok(None) => return Ok(()),
            Err(cause) => return line(out, format_args!("           DAMAGED: {cause}")),
            Ok(Some((offset, record))) => {
                let key = record.key.as_ref().map_or("-".to_string(), |key| shown(key));
                let (time, value) = (record.timestamp_ms, shown(&record.value));
                line(out, format_args!("           {offset}  {time}  {key}  {value}"))?;
            }
        }
    }
}

/// The beginning of some bytes, in quotes.
fn shown(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN_BYTES) {
        Some(front) if bytes.len() > SHOWN_BYTES => format!("\"{}\"… {} bytes", front.escape_ascii(), bytes.len()),
        _ => format!("\"{}\"", bytes.escape_ascii()),
    }
}

fn line(out: &mut dyn Write, text: std::fmt::Arguments<'_>) -> Result<()> {
    writeln!(out, "{text}").map_err(|e| Error::io("write", "the output", e))
}
