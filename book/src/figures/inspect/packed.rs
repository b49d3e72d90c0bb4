//! A packed file: its header, its blocks, its table and its trailer.

use std::fs::File;
use std::path::Path;

use anyhow::Result;
use stage04::{Access, Disk, OsDisk, PackedFile};

use super::{Field, FieldKind, Limits, Part, read, unknown};

const HEADER_BYTES: u64 = 40;
const ENTRY_BYTES: u64 = 16;
const TRAILER_BYTES: u64 = 44;

/// The parts of a packed file. One that its own reader refuses is shown as bytes, with the reader's complaint.
pub(super) fn parts(directory: &Path, name: &str, file: &File, length: u64, limits: &Limits) -> Result<Vec<Part>> {
    let opened = PackedFile::open(OsDisk::existing(directory)?.open(name, Access::Read)?);
    let packed = match opened {
        Ok(packed) => packed,
        Err(error) => {
            let wrong = |part| Part { is_wrong: true, meaning: error.to_string(), ..part };
            return Ok(unknown(file, length)?.into_iter().map(wrong).collect());
        }
    };
    let header = read(file, 0, HEADER_BYTES as usize)?;
    let trailer = read(file, length - TRAILER_BYTES, TRAILER_BYTES as usize)?;
    let (table, blocks, unpacked) = (u64_at(&trailer, 0), u64_at(&trailer, 8), u64_at(&trailer, 16));
    let block_bytes = u64::from(u32_at(&header, 32));
    let codec = if u32_at(&header, 12) == 0 { "not compressed" } else { "LZ4" };
    let meaning = format!(
        "the header: records {} to {}, in blocks of {block_bytes} bytes, {codec}",
        packed.base(),
        packed.end().0.saturating_sub(1)
    );
    let mut parts = vec![Part {
        fields: vec![
            field(16, 24, FieldKind::Offset),
            field(24, 32, FieldKind::Offset),
            field(36, 40, FieldKind::Checksum),
        ],
        ..Part::plain(0, header, meaning)
    }];
    let shown = blocks.min(limits.parts_head as u64);
    let mut entries = Vec::new();
    let mut end = HEADER_BYTES;
    for number in 0..shown {
        let bytes = read(file, table + number * ENTRY_BYTES, ENTRY_BYTES as usize)?;
        let (position, stored) = (u64_at(&bytes, 0), u64::from(u32_at(&bytes, 8)));
        let holds = block_bytes.min(unpacked - number * block_bytes);
        let meaning = format!("block {number}: {holds} bytes of the segment in {stored}");
        parts.push(Part::plain(position, read(file, position, stored as usize)?, meaning));
        end = position + stored;
        let meaning = format!("block {number} lies at byte {position} ({position:#x}) and takes {stored} bytes");
        let fields = vec![field(0, 8, FieldKind::Position), field(12, 16, FieldKind::Checksum)];
        entries.push(Part { fields, ..Part::plain(table + number * ENTRY_BYTES, bytes, meaning) });
    }
    parts.extend((end < table).then(|| Part::skipped(end, table - end, "blocks")));
    parts.extend(entries);
    let end = table + shown * ENTRY_BYTES;
    let start = length - TRAILER_BYTES;
    parts.extend((end < start).then(|| Part::skipped(end, start - end, "the table")));
    let fields =
        vec![field(0, 8, FieldKind::Position), field(24, 32, FieldKind::Timestamp), field(32, 36, FieldKind::Checksum)];
    let meaning = format!("the trailer: {blocks} blocks, {unpacked} bytes when unpacked, and the table's place");
    parts.push(Part { fields, ..Part::plain(start, trailer, meaning) });
    Ok(parts)
}

fn field(start: usize, end: usize, kind: FieldKind) -> Field {
    Field { start, end, kind }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
