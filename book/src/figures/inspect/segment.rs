//! The files of a log that has many: which segment a file belongs to, and which part of it it is.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::Result;
use stage04::{Access, Disk, OsDisk, PackedFile, SegmentName};

use super::{Limits, Part, frames, index, json_lines, packed, read, time_index};

/// What a file is, and its parts, if it is one of a segment. A file that is not whole yet, or whose format is of another
/// stage, is none that this knows.
pub(super) fn parts(
    directory: &Path,
    name: &str,
    file: &File,
    length: u64,
    limits: &Limits,
) -> Result<Option<(&'static str, Vec<Part>)>> {
    let Some((segment, part)) = SegmentName::parse(name) else { return Ok(None) };
    let first = read(file, 0, 1)?;
    Ok(match part {
        stage04::Part::Log if segment.is_rewritten() => {
            Some(("a rewritten segment, packed in blocks", packed::parts(directory, name, file, length, limits)?))
        }
        stage04::Part::Log if matches!(*first, [] | [b'{'] | [0]) => {
            Some(("a segment: records as lines of JSON", lines(file, length, segment, limits)?))
        }
        stage04::Part::Log if *first == [b'S'] => {
            Some(("a segment: a header and frames", frames::parts(file, length, segment.base, limits)?))
        }
        stage04::Part::Log => None,
        stage04::Part::TimeIndex => Some((
            "a segment's time index: entries of sixteen bytes",
            time_index::parts(file, length, segment.base.0, limits)?,
        )),
        stage04::Part::Index => {
            let log_name = segment.file(stage04::Part::Log);
            let log = OsDisk::existing(directory)?.open(&log_name, Access::Read).ok();
            let log = match segment.is_rewritten() {
                true => log.and_then(|log| PackedFile::open(log).ok()).map(|packed| packed as _),
                false => log,
            };
            // Positions in a packed file are those of the bytes that were packed.
            let shown = if segment.is_rewritten() { "the unpacked segment" } else { &*log_name };
            let log = index::Log { file: log, name: shown, base: segment.base.0 };
            Some(("a segment's index: entries of eight bytes", index::parts(file, length, &log, limits)?))
        }
    })
}

/// The lines, and the zeros of a prepared file behind them.
fn lines(file: &File, length: u64, segment: SegmentName, limits: &Limits) -> Result<Vec<Part>> {
    let end = without_zeros(file, length)?;
    let mut parts = json_lines::parts(file, end, segment.base, limits)?;
    parts.extend((end < length).then(|| Part::skipped(end, length - end, "zeros, room for more records,")));
    Ok(parts)
}

/// Where the last byte that is not zero ends.
fn without_zeros(file: &File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(64 * 1024);
        let window = read(file, start, (end - start) as usize)?;
        if let Some(last) = window.iter().rposition(|byte| *byte != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::super::annotate;
    use super::*;
    use stage04::{Log, Offset, Reader, Record, SegmentOptions, SegmentedLog};

    #[test]
    fn every_file_of_a_log_of_segments_is_known_and_right() {
        let directory = tempfile::tempdir().unwrap();
        let disk: std::sync::Arc<dyn Disk> = std::sync::Arc::new(OsDisk::existing(directory.path()).unwrap());
        let options = SegmentOptions {
            index_interval_bytes: 100,
            preparation: stage04::Preparation::AtRoll,
            ..SegmentOptions::with_segment_bytes(2000)
        };
        let mut log = SegmentedLog::open(&disk, stage04::JsonSegments, options).unwrap();
        for offset in 0..100 {
            log.append_durable(&Record::new(offset, format!("value {offset}").into_bytes())).unwrap();
        }
        log.maintenance().compress().unwrap();
        log.roll().unwrap();
        log.reader().read(Offset(3)).unwrap();
        let files = annotate(directory.path(), &Limits::default()).unwrap();
        for file in &files {
            assert_ne!(file.kind, "not a file of a log that this tool knows", "{}", file.name);
            let wrong: Vec<_> = file.parts.iter().filter(|part| part.is_wrong).map(|part| &part.meaning).collect();
            assert!(wrong.is_empty(), "{}: {wrong:?}", file.name);
            let bytes: u64 = file.parts.iter().map(|part| part.length).sum();
            assert_eq!(bytes, file.length, "{}: the parts are the whole file", file.name);
        }
        let said: Vec<&str> = files.iter().flat_map(|file| &file.parts).map(|part| part.meaning.as_str()).collect();
        for meaning in ["of the unpacked segment", "of zeros, room for more records, that are not shown", "the seal: "]
        {
            assert!(said.iter().any(|said| said.contains(meaning)), "{meaning}: {said:?}");
        }
    }
}
