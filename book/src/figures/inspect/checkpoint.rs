//! A checkpoint of a key-value store: its header, its blocks with their pairs, and its trailer.

use std::fs::File;
use std::ops::Range;

use anyhow::Result;

use super::{Field, FieldKind, Limits, Part, read};

const HEADER_BYTES: usize = 40;
const BLOCK_HEADER_BYTES: usize = 12;
const TRAILER_BYTES: usize = 20;
/// More than any block has. A longer one is not read.
const BLOCK_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Whether a file of this name is a checkpoint, or is to become one.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with("checkpoint-")
}

/// The parts of a checkpoint, as far as they can be told from each other.
pub(super) fn parts(file: &File, length: u64, limits: &Limits) -> Result<Vec<Part>> {
    let header = read(file, 0, HEADER_BYTES)?;
    let (offset, is_wrong) = match header.len() {
        HEADER_BYTES => (u64_at(&header, 16), crc(&[&header[..36]]) != u32_at(&header, 36)),
        _ => (0, true),
    };
    let mut parts = vec![header_part(header, is_wrong)];
    let mut at = parts[0].length;
    let mut hidden = at..at;
    let mut number = 0;
    while !is_wrong && at < length {
        let block_header = read(file, at, BLOCK_HEADER_BYTES)?;
        let start = at + block_header.len() as u64;
        let is_block = block_header.len() == BLOCK_HEADER_BYTES && u32_at(&block_header, 0) > 0;
        let bytes = if is_block { u64::from(u32_at(&block_header, 0)) } else { 0 };
        if !is_block || bytes > (length - start).min(BLOCK_BYTES_MAX) {
            break;
        }
        if number < limits.parts_head as u64 {
            block(&block_header, read(file, start, bytes as usize)?, (offset, number, at), limits, &mut parts);
            hidden.start = start + bytes;
        }
        at = start + bytes;
        hidden.end = at;
        number += 1;
    }
    parts.extend((!hidden.is_empty()).then(|| Part::skipped(hidden.start, hidden.end - hidden.start, "blocks")));
    let rest = read(file, at, TRAILER_BYTES)?;
    let end = at + rest.len() as u64;
    parts.extend((!rest.is_empty()).then(|| trailer(rest, offset, number, at, length)));
    parts.extend((end < length).then(|| Part { is_wrong: true, ..Part::skipped(end, length - end, "something else") }));
    Ok(parts)
}

fn header_part(bytes: Vec<u8>, is_wrong: bool) -> Part {
    if is_wrong {
        return Part { is_wrong, ..Part::plain(0, bytes, "no header of a checkpoint".to_string()) };
    }
    let (offset, entries) = (u64_at(&bytes, 16), u64_at(&bytes, 24));
    let meaning = format!("the header: {entries} keys, as they were in front of record {offset}");
    let fields = vec![field(16..24, FieldKind::Offset), field(36..40, FieldKind::Checksum)];
    Part { fields, ..Part::plain(0, bytes, meaning) }
}

/// The header of a block, and a part for each of its pairs.
fn block(header: &[u8], body: Vec<u8>, place: (u64, u64, u64), limits: &Limits, parts: &mut Vec<Part>) {
    let (offset, number, at) = place;
    let sum = crc(&[&offset.to_le_bytes(), &number.to_le_bytes(), &header[..8], &body]);
    let is_wrong = sum != u32_at(header, 8);
    let meaning = match is_wrong {
        true => format!("block {number}: its checksum is another one"),
        false => format!("block {number}: {} pairs in {} bytes", u32_at(header, 4), body.len()),
    };
    let fields = vec![field(8..12, FieldKind::Checksum)];
    parts.push(Part { fields, is_wrong, ..Part::plain(at, header.to_vec(), meaning) });
    let start = at + header.len() as u64;
    let mut from = 0;
    for _ in 0..limits.parts_head {
        let Some((key, value)) = pair(&body, from) else { break };
        let (position, bytes, fields) = (start + from as u64, body[from..value.end].to_vec(), [&key, &value]);
        let meaning = format!("a key of {} bytes, a value of {} bytes", key.len(), value.len());
        let fields = fields.map(|range| range.start - from..range.end - from);
        let [key, value] = fields;
        let fields = vec![field(key, FieldKind::Key), field(value.clone(), FieldKind::Value)];
        parts.push(Part { fields, is_wrong, ..Part::plain(position, bytes, meaning) });
        from += value.end;
    }
    let left = (body.len() - from) as u64;
    parts.extend((left > 0).then(|| Part::skipped(start + from as u64, left, "pairs")));
}

/// Where key and value of the pair at `from` are.
fn pair(body: &[u8], from: usize) -> Option<(Range<usize>, Range<usize>)> {
    let field = |at: usize| {
        let start = at.checked_add(4).filter(|start| *start <= body.len())?;
        let end = start.checked_add(u32_at(body, at) as usize).filter(|end| *end <= body.len())?;
        Some(start..end)
    };
    let key = field(from)?;
    let value = field(key.end)?;
    Some((key, value))
}

fn trailer(bytes: Vec<u8>, offset: u64, blocks: u64, at: u64, length: u64) -> Part {
    let is_right = bytes.len() == TRAILER_BYTES
        && u64::from(u32_at(&bytes, 4)) == blocks
        && u64_at(&bytes, 8) == length
        && crc(&[&offset.to_le_bytes(), &bytes[..16]]) == u32_at(&bytes, 16);
    if !is_right {
        return Part { is_wrong: true, ..Part::plain(at, bytes, "not the trailer of this checkpoint".to_string()) };
    }
    let meaning = format!("the trailer: {blocks} blocks in {length} bytes");
    Part { fields: vec![field(16..20, FieldKind::Checksum)], ..Part::plain(at, bytes, meaning) }
}

fn field(range: Range<usize>, kind: FieldKind) -> Field {
    Field { start: range.start, end: range.end, kind }
}

fn crc(pieces: &[&[u8]]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    pieces.iter().for_each(|piece| sum.update(piece));
    sum.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::super::{AnnotatedFile, annotate_file};
    use super::*;
    use stage04::{Disk, OsDisk};
    use stage05::kv::{KvOptions, KvStore};

    const NAME: &str = "checkpoint-00000000000000000030";

    /// A checkpoint of thirty pairs, in blocks of a few.
    fn write(directory: &Path) {
        let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(directory).unwrap());
        let store = KvStore::open(&disk, KvOptions { checkpoint_block_bytes: 64, ..KvOptions::default() }).unwrap();
        for number in 0..30 {
            store.put(format!("key {number:02}").as_bytes(), format!("value {number}").as_bytes()).unwrap();
        }
        store.checkpoint().unwrap();
    }

    fn explain(directory: &Path) -> AnnotatedFile {
        let limits = Limits { parts_head: 3, ..Limits::default() };
        let file = annotate_file(directory, NAME, &limits).unwrap();
        let bytes: u64 = file.parts.iter().map(|part| part.length).sum();
        assert_eq!(bytes, file.length, "the parts are the whole file");
        file
    }

    #[test]
    fn a_checkpoint_is_shown_with_nothing_wrong_in_it() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path());
        let file = explain(directory.path());
        let said: Vec<&str> = file.parts.iter().map(|part| part.meaning.as_str()).collect();
        assert!(!file.parts.iter().any(|part| part.is_wrong), "{said:?}");
        assert_eq!(
            said[..2],
            ["the header: 30 keys, as they were in front of record 30", "block 0: 4 pairs in 84 bytes"]
        );
        assert!(said[said.len() - 1].starts_with("the trailer: 10 blocks in "), "{said:?}");
    }

    #[test]
    fn every_flipped_bit_is_wrong_somewhere_in_what_is_shown() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path());
        let path = directory.path().join(NAME);
        let bytes = std::fs::read(&path).unwrap();
        let shown =
            explain(directory.path()).parts.iter().find(|part| part.bytes.is_empty()).unwrap().position as usize;
        for at in (0..shown).chain(bytes.len() - TRAILER_BYTES..bytes.len()) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            std::fs::write(&path, damaged).unwrap();
            assert!(explain(directory.path()).parts.iter().any(|part| part.is_wrong), "byte {at}");
        }
    }

    #[test]
    fn a_checkpoint_that_is_cut_is_shown_as_far_as_it_goes() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path());
        let path = directory.path().join(NAME);
        let bytes = std::fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            explain(directory.path());
        }
    }
}
