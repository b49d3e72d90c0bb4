//! A segment of frames: its header, and each frame with its records, held against both checksums.

use std::fs::File;
use std::ops::Range;

use anyhow::Result;
use stage05::body::BodyCursor;
use stage05::frame::{FRAME_HEADER_BYTES, FrameHeader};
use stage05::header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use stage05::{FormatError, Offset};

use super::{Field, FieldKind, Limits, Part, read, unknown};

/// The fields of the segment's header; zeros follow up to the end of its block.
const FIELDS_BYTES: usize = 64;

/// The header's block, the frames at the start and at the end, and whatever lies behind the last good one.
pub(super) fn parts(file: &File, length: u64, base: Offset, limits: &Limits) -> Result<Vec<Part>> {
    let block = read(file, 0, SEGMENT_HEADER_BYTES)?;
    let header = match SegmentHeader::decode(&block) {
        Ok(header) => header,
        Err(error) => {
            let meaning = format!("no header of a segment, so nothing else can be told: {error}");
            let wrong = |part| Part { is_wrong: true, meaning: meaning.clone(), ..part };
            return Ok(unknown(file, length)?.into_iter().map(wrong).collect());
        }
    };
    let mut parts = header_parts(&block, &header, base);
    let (places, end, error) = walk(file, length, header.salt)?;
    let head = places.len().min(limits.parts_head);
    let tail = (places.len() - head).min(limits.parts_tail);
    for (number, (position, frame)) in places.iter().enumerate() {
        if number < head || number >= places.len() - tail {
            parts.push(frame_part(file, *position, frame)?);
        } else if number == head {
            let next = places.get(places.len() - tail).map_or(end, |(position, _)| *position);
            parts.push(Part::skipped(*position, next - position, "frames"));
        }
    }
    match error {
        FormatError::Zeros | FormatError::Unfinished { bytes: 0 } if is_zero(file, end, length)? => {
            let zeros = Part::skipped(end, length - end, "zeros, room for more records,");
            parts.extend((end < length).then_some(zeros));
        }
        error => {
            let bytes = read(file, end, (length - end).min(64) as usize)?;
            let shown = end + bytes.len() as u64;
            let meaning = format!("no frame: {error}");
            parts.push(Part { is_wrong: true, ..Part::plain(end, bytes, meaning) });
            parts.extend((shown < length).then(|| Part::skipped(shown, length - shown, "what lies behind it")));
        }
    }
    Ok(parts)
}

/// Whether the header of a frame is at this place of a file that has a segment's header, and whether it begins with this
/// record.
pub(super) fn has_frame(file: &dyn stage05::DiskFile, position: u64, offset: Offset) -> bool {
    let mut block = [0; SEGMENT_HEADER_BYTES];
    let mut bytes = [0; FRAME_HEADER_BYTES];
    let read = |buffer: &mut [u8], at| file.read_at(buffer, at).is_ok_and(|read| read == buffer.len());
    read(&mut block, 0)
        && read(&mut bytes, position)
        && SegmentHeader::decode(&block).is_ok_and(|header| {
            FrameHeader::decode(&bytes, header.salt, position).is_ok_and(|frame| frame.base_offset == offset)
        })
}

fn header_parts(block: &[u8], header: &SegmentHeader, base: Offset) -> Vec<Part> {
    let SegmentHeader { base: found, salt, .. } = header;
    let mut meaning = format!("the segment's header: from record {found} on, with the salt {salt:#018x}");
    if *found != base {
        meaning.push_str(&format!("; by its name it is the segment of record {base}"));
    }
    let fields = vec![
        field(16..24, FieldKind::Offset),
        field(32..40, FieldKind::Timestamp),
        field(CRC_AT..FIELDS_BYTES, FieldKind::Checksum),
    ];
    let part = Part { fields, is_wrong: *found != base, ..Part::plain(0, block[..FIELDS_BYTES].to_vec(), meaning) };
    vec![part, Part::skipped(FIELDS_BYTES as u64, (SEGMENT_HEADER_BYTES - FIELDS_BYTES) as u64, "zeros of its block")]
}

const CRC_AT: usize = 60;

/// The places and headers of all frames up to the first header that is none, where that is, and what is wrong there.
#[allow(clippy::type_complexity, reason = "three answers to one question")]
fn walk(file: &File, length: u64, salt: u64) -> Result<(Vec<(u64, FrameHeader)>, u64, FormatError)> {
    let mut places = Vec::new();
    let mut position = SEGMENT_HEADER_BYTES as u64;
    loop {
        let bytes = read(file, position, FRAME_HEADER_BYTES)?;
        let header = match bytes.first_chunk() {
            Some(bytes) => FrameHeader::decode(bytes, salt, position),
            None if !bytes.is_empty() && bytes.iter().all(|byte| *byte == 0) => Err(FormatError::Zeros),
            None => Err(FormatError::Unfinished { bytes: bytes.len() as u64 }),
        };
        match header.and_then(|header| header.check_fits(length - position).map(|()| header)) {
            Ok(header) => {
                places.push((position, header));
                position += header.frame_bytes();
            }
            Err(error) => return Ok((places, position, error)),
        }
    }
}

fn frame_part(file: &File, position: u64, header: &FrameHeader) -> Result<Part> {
    let bytes = read(file, position, header.frame_bytes() as usize)?;
    let last = header.base_offset.0 + u64::from(header.count) - 1;
    let records = match header.count {
        1 => format!("record {}", header.base_offset),
        _ if header.has_gaps() => format!("{} records from {} on, with gaps", header.count, header.base_offset),
        _ => format!("records {} to {last}", header.base_offset),
    };
    let through = header.synced_through;
    let what = if header.is_batch() { format!("a batch of epoch {}", header.epoch) } else { "a frame".to_string() };
    let meaning = format!("{what}: {records}; the log was synced through {through} when it was written");
    let mut fields = vec![
        field(0..4, FieldKind::Checksum),
        field(4..8, FieldKind::Length),
        field(8..16, FieldKind::Offset),
        field(24..32, FieldKind::Watermark),
        field(32..40, FieldKind::Timestamp),
        field(40..48, FieldKind::Timestamp),
        field(52..56, FieldKind::Checksum),
    ];
    let fault = match header.check_body(&bytes[FRAME_HEADER_BYTES..]) {
        Err(fault) => Some(fault),
        Ok(()) => {
            let body = &bytes[FRAME_HEADER_BYTES..][..header.body_bytes as usize];
            push_records(header, body, &mut fields).err()
        }
    };
    let wrong = fault.as_ref().map(|fault| format!("; {fault}")).unwrap_or_default();
    let part = Part::plain(position, bytes, format!("{meaning}{wrong}"));
    Ok(Part { fields, is_wrong: fault.is_some(), ..part })
}

/// Where the keys and values are.
fn push_records(header: &FrameHeader, body: &[u8], fields: &mut Vec<Field>) -> Result<(), FormatError> {
    if header.is_batch() {
        // Only its producer knows what is in it.
        return Ok(());
    }
    let mut cursor = BodyCursor::new(header);
    while let Some((_, record)) = cursor.next(body)? {
        let place = |bytes: &[u8]| {
            let start = bytes.as_ptr() as usize - body.as_ptr() as usize + FRAME_HEADER_BYTES;
            start..start + bytes.len()
        };
        fields.extend(record.key.as_deref().map(|key| field(place(key), FieldKind::Key)));
        fields.push(field(place(&record.value), FieldKind::Value));
    }
    fields.retain(|field| field.start < field.end);
    Ok(())
}

fn is_zero(file: &File, from: u64, to: u64) -> Result<bool> {
    let mut position = from;
    while position < to {
        let bytes = read(file, position, (to - position).min(64 * 1024) as usize)?;
        if bytes.is_empty() || bytes.iter().any(|byte| *byte != 0) {
            return Ok(bytes.is_empty());
        }
        position += bytes.len() as u64;
    }
    Ok(true)
}

fn field(range: Range<usize>, kind: FieldKind) -> Field {
    Field { start: range.start, end: range.end, kind }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::super::{AnnotatedFile, annotate};
    use super::*;
    use stage05::salt::SaltSource;
    use stage05::{Disk, Framed, Log, OsDisk, Record, SegmentOptions, SegmentedLog};

    const LOG: &str = "00000000000000000000.log";

    fn write(directory: &Path) {
        let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(directory).unwrap());
        let options = SegmentOptions { index_interval_bytes: 300, ..SegmentOptions::with_segment_bytes(9000) };
        let mut log = SegmentedLog::open(&disk, Framed::with_salts(SaltSource::Fixed(1)), options).unwrap();
        for offset in 0..60 {
            let record = Record::new(offset, vec![b'v'; 100]).with_key(b"key".to_vec());
            log.append_durable(&record).unwrap();
        }
    }

    fn part_bytes(file: &AnnotatedFile) -> u64 {
        file.parts.iter().map(|part| part.length).sum()
    }

    #[test]
    fn every_file_of_a_log_of_frames_is_known_and_right() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path());
        let files = annotate(directory.path(), &Limits::default()).unwrap();
        assert!(files.iter().filter(|file| file.name.ends_with(".log")).count() > 1);
        for file in &files {
            assert_ne!(file.kind, "not a file of a log that this tool knows", "{}", file.name);
            let wrong: Vec<_> = file.parts.iter().filter(|part| part.is_wrong).map(|part| &part.meaning).collect();
            assert!(wrong.is_empty(), "{}: {wrong:?}", file.name);
            assert_eq!(part_bytes(file), file.length, "{}: the parts are the whole file", file.name);
        }
    }

    #[test]
    fn a_flipped_bit_is_wrong_where_it_is_and_nowhere_in_front_of_it() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path());
        let path = directory.path().join(LOG);
        let good = std::fs::read(&path).unwrap();
        for (at, complaint) in [(4096 + 5, "the header's checksum is"), (4096 + 80, "the body's checksum is"), (3, "")]
        {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            let files = annotate(directory.path(), &Limits::default()).unwrap();
            let file = files.iter().find(|file| file.name == LOG).unwrap();
            let wrong = file.parts.iter().find(|part| part.is_wrong).expect("a part that is wrong");
            assert!(wrong.meaning.contains(complaint), "byte {at}: {}", wrong.meaning);
            assert!(wrong.position <= at as u64 && part_bytes(file) == file.length, "byte {at}");
        }
    }
}
