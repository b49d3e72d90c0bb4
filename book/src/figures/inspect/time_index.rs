//! The entries of a time index, each held against its checksum.

use std::fs::File;

use anyhow::Result;

use super::{Field, FieldKind, Limits, Part, read};

const ENTRY_BYTES: usize = 16;

/// The entries at the start of the file, those at its end, and a part for all between.
pub(super) fn parts(file: &File, length: u64, base: u64, limits: &Limits) -> Result<Vec<Part>> {
    let size = ENTRY_BYTES as u64;
    let entries = length / size;
    let head = entries.min(limits.parts_head as u64);
    // The seal is always shown.
    let tail = (entries - head).min(limits.parts_tail.max(1) as u64);
    let mut parts = Vec::new();
    for number in (0..head).chain(entries - tail..entries) {
        if number == entries - tail && number > head {
            parts.push(Part::skipped(head * size, (number - head) * size, "entries"));
        }
        parts.push(entry(read(file, number * size, ENTRY_BYTES)?, number, base));
    }
    let rest = read(file, entries * size, (length % size) as usize)?;
    if !rest.is_empty() {
        let part = Part::plain(entries * size, rest, "half an entry: it is not believed".to_string());
        parts.push(Part { is_wrong: true, ..part });
    }
    Ok(parts)
}

fn entry(bytes: Vec<u8>, number: u64, base: u64) -> Part {
    let timestamp_ms = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    let relative_offset = u32::from_le_bytes(bytes[8..12].try_into().expect("four bytes"));
    let mut sum = crc32fast::Hasher::new();
    sum.update(&base.to_le_bytes());
    sum.update(&(number as u32).to_le_bytes());
    sum.update(&bytes[..12]);
    let is_wrong = sum.finalize().to_le_bytes() != bytes[12..];
    let meaning = match relative_offset {
        _ if is_wrong => "no entry of this segment: its checksum is another one".to_string(),
        u32::MAX => format!("the seal: no record of the segment is younger than {timestamp_ms} ms"),
        _ => {
            let offset = base.saturating_add(relative_offset.into());
            format!("up to record {offset}, none is younger than {timestamp_ms} ms")
        }
    };
    let field = |start, end, kind| Field { start, end, kind };
    let fields =
        vec![field(0, 8, FieldKind::Timestamp), field(8, 12, FieldKind::Offset), field(12, 16, FieldKind::Checksum)];
    Part { fields, is_wrong, ..Part::plain(number * ENTRY_BYTES as u64, bytes, meaning) }
}

#[cfg(test)]
mod tests {
    use super::super::annotate;
    use super::*;
    use stage04::{Offset, TimeIndex};

    #[test]
    fn an_entry_in_another_place_is_wrong() {
        let directory = tempfile::tempdir().unwrap();
        let mut index = TimeIndex::new(Offset(7), 0);
        (0..3).for_each(|i| index.note(Offset(7 + i), 10 * i, 100 + i));
        let bytes = index.seal().encode_from(0);
        let moved = [&bytes[16..32], &bytes[..], &[7; 3]].concat();
        for (bytes, wrong) in [(&bytes, 0), (&moved, 1 + bytes.len() / 16 + 1)] {
            std::fs::write(directory.path().join("00000000000000000007.timeindex"), bytes).unwrap();
            let files = annotate(directory.path(), &Limits::default()).unwrap();
            assert_eq!(files[0].parts.iter().filter(|part| part.is_wrong).count(), wrong, "{:?}", files[0].parts);
        }
    }
}
