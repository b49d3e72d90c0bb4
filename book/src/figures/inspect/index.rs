//! The entries in an index file, each compared with the log.

use std::fs::File;
use std::sync::Arc;

use anyhow::Result;
use stage03::{DiskFile, ENTRY_BYTES, IndexEntry, Offset};

use super::{Field, FieldKind, Limits, Part, frames, read};

/// What an index is about.
pub(super) struct Log<'a> {
    /// The log's file, or the segment's; none if there is none that can be read.
    pub(super) file: Option<Arc<dyn DiskFile>>,
    /// Its name.
    pub(super) name: &'a str,
    /// The offset from which the entries count.
    pub(super) base: u64,
}

/// The entries at the start of the file, those at its end, and a part for all between.
pub(super) fn parts(file: &File, length: u64, log: &Log<'_>, limits: &Limits) -> Result<Vec<Part>> {
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

fn entry(bytes: Vec<u8>, at: u64, log: &Log<'_>) -> Result<Part> {
    let IndexEntry { relative_offset, position } = IndexEntry::decode(bytes.as_slice().try_into()?);
    let offset = log.base.saturating_add(relative_offset.into());
    // A record says its offset first, so a few bytes of it are enough to tell.
    let opening = format!("{{\"offset\":{offset},");
    let mut found = vec![0; opening.len()];
    let is_true = match &log.file {
        Some(file) => {
            let is_line = file.read_at(&mut found, position.into())? == opening.len() && found == opening.as_bytes();
            is_line || frames::has_frame(&**file, position.into(), Offset(offset))
        }
        None => false,
    };
    let verdict = if is_true { "" } else { ", and no such record starts there" };
    let meaning = format!("record {offset} starts at byte {position} ({position:#x}) of {}{verdict}", log.name);
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
