//! The records of all tests, workloads and crash scenarios.
//!
//! A record is a function of its offset alone. Whoever finds a record in a log can therefore tell whether it is the
//! right one, without a list of what was written.

use stage01::{Offset, Record};

/// The timestamp of record 0: the first millisecond of 2025.
pub const FIRST_TIMESTAMP_MS: u64 = 1_735_689_600_000;

/// How many kinds of record there are; [`record`] goes through them in turn.
pub const KINDS: u64 = 8;

/// The record that belongs at `offset`. Any [`KINDS`] neighbours hold every kind of value (empty, text, quotes and line
/// breaks, not text at all, zeros, a value that looks like a record, one longer than a sector), with and without a key.
pub fn record(offset: Offset) -> Record<'static> {
    let value = match offset.0 % KINDS {
        0 => format!("value {offset}").into_bytes(),
        1 => Vec::new(),
        2 => format!("line {offset}\nsecond \"line\"\r\n\\ and a tab\t").into_bytes(),
        3 => [&[0xff, 0x00, 0xfe, b'\n'], &offset.0.to_be_bytes()[..]].concat(),
        4 => vec![0; 24],
        5 => format!("{{\"offset\":{offset},\"timestamp_ms\":0,\"value\":\"nested\"}}\n").into_bytes(),
        6 => text(offset, 700),
        _ => format!("größer als ASCII: {offset} \u{1f4dc}").into_bytes(),
    };
    let record = Record::new(FIRST_TIMESTAMP_MS + offset.0, value);
    match offset.0 % 3 {
        0 => record,
        1 => record.with_key(format!("key-{}", offset.0 % 5).into_bytes()),
        _ => record.with_key(vec![0x80, offset.0 as u8]),
    }
}

/// The records from `first` on, `count` of them.
pub fn records(first: Offset, count: u64) -> Vec<Record<'static>> {
    (first.0..first.0 + count).map(|offset| record(Offset(offset))).collect()
}

/// A record whose value is `bytes` long: what the workloads write.
pub fn record_of(offset: Offset, bytes: usize) -> Record<'static> {
    Record::new(FIRST_TIMESTAMP_MS + offset.0, text(offset, bytes))
}

/// Printable text that differs from offset to offset and from one 8-byte word to the next, so that a lost, moved or
/// repeated piece of it shows.
fn text(offset: Offset, bytes: usize) -> Vec<u8> {
    let mut state = offset.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = Vec::with_capacity(bytes + 8);
    while text.len() < bytes {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        text.extend(state.to_be_bytes().map(|byte| b'a' + byte % 26));
    }
    text.truncate(bytes);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_offsets_have_the_same_record() {
        let all = records(Offset(0), 500);
        for (i, record) in all.iter().enumerate() {
            assert_eq!(all.iter().filter(|other| *other == record).count(), 1, "record {i} is not alone");
        }
    }

    #[test]
    fn a_sized_record_has_the_size_and_differs_between_offsets() {
        for bytes in [0, 1, 7, 8, 100, 256] {
            assert_eq!(record_of(Offset(3), bytes).value.len(), bytes);
        }
        assert_ne!(record_of(Offset(3), 100).value, record_of(Offset(4), 100).value);
    }
}
