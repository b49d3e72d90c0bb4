//! The entries in an index file, each compared with the log.

use std::fs::File;

use anyhow::Result;
use stage03::{ENTRY_BYTES, IndexEntry};

use super::{Field, FieldKind, Limits, Part, read};

/// The entries at the start of the file, those at its end, and a part for all between.
pub(super) fn parts(file: &File, length: u64, log: Option<&File>, limits: &Limits) -> Result<Vec<Part>> {
    let size = ENTRY_BYTES as u64;
    let entries = length / size;
    let head = entries.min(limits.parts_head as u64);
    let tail = (entries - head).min(limits.parts_tail as u64);
    let mut parts = Vec::new();
    for number in (0..head).chain(entries - tail..entries) {
        if number == entries - tail && number > head {
            parts.push(Part::skipped(head * size, (number - head) * size, "entries"));
        }
        parts.push(entry(read(file, number * size, ENTRY_BYTES)?, number * size, log)?);
    }
    let rest = read(file, entries * size, (length % size) as usize)?;
    if !rest.is_empty() {
        let part = Part::plain(entries * size, rest, "half an entry: the index is rebuilt".to_string());
        parts.push(Part { is_wrong: true, ..part });
    }
    Ok(parts)
}

fn entry(bytes: Vec<u8>, at: u64, log: Option<&File>) -> Result<Part> {
    let decoded = IndexEntry::decode(bytes.as_slice().try_into()?);
    let IndexEntry { relative_offset, position } = decoded;
    // A record says its offset first, so a few bytes of it are enough to tell.
    let opening = format!("{{\"offset\":{relative_offset},");
    let is_true = match log {
        Some(log) => read(log, position.into(), opening.len())? == opening.as_bytes(),
        None => false,
    };
    let verdict = if is_true { "" } else { ", and no such record starts there" };
    let meaning = format!("record {relative_offset} starts at byte {position} ({position:#x}) of log.jsonl{verdict}");
    let half = ENTRY_BYTES / 2;
    let fields = vec![
        Field { start: 0, end: half, kind: FieldKind::Offset },
        Field { start: half, end: ENTRY_BYTES, kind: FieldKind::Position },
    ];
    Ok(Part { fields, is_wrong: !is_true, ..Part::plain(at, bytes, meaning) })
}

#[cfg(test)]
mod tests {
    use super::super::annotate;
    use super::*;

    #[test]
    fn an_entry_is_compared_with_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let first = "{\"offset\":0,\"timestamp_ms\":5,\"value\":\"\"}\n";
        let log = format!("{first}{}", first.replace(":0,", ":1,"));
        std::fs::write(directory.path().join("log.jsonl"), log).unwrap();
        let entry = |relative_offset, position| IndexEntry { relative_offset, position }.encode();
        let index = [&entry(1, first.len() as u32)[..], &entry(1, 3)[..], &[7; 3]].concat();
        std::fs::write(directory.path().join("log.index"), index).unwrap();
        let files = annotate(directory.path(), &Limits::default()).unwrap();
        let said: Vec<_> = files[0].parts.iter().map(|part| (part.meaning.as_str(), part.is_wrong)).collect();
        assert_eq!(
            said,
            [
                ("record 1 starts at byte 41 (0x29) of log.jsonl", false),
                ("record 1 starts at byte 3 (0x3) of log.jsonl, and no such record starts there", true),
                ("half an entry: the index is rebuilt", true),
            ]
        );
    }
}
