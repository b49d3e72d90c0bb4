//! One entry of a time index: 16 bytes that carry their own checksum.

use stage03::Offset;

/// The size of an entry in the file.
pub(super) const ENTRY_BYTES: usize = 16;

/// What the seal has for an offset.
const SEAL: u32 = u32::MAX;

/// Every record of the segment up to this one, itself included, has this timestamp or a smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeEntry {
    pub(super) timestamp_ms: u64,
    pub(super) relative_offset: u32,
}

impl TimeEntry {
    /// An entry, or `None` if the record is too far from the base for 32 bits.
    pub(super) fn new(timestamp_ms: u64, relative_offset: u64) -> Option<TimeEntry> {
        let relative_offset = u32::try_from(relative_offset).ok().filter(|&relative| relative != SEAL)?;
        Some(TimeEntry { timestamp_ms, relative_offset })
    }

    /// What the index of a sealed segment ends with.
    pub(super) fn seal(largest_timestamp_ms: u64) -> TimeEntry {
        TimeEntry { timestamp_ms: largest_timestamp_ms, relative_offset: SEAL }
    }

    pub(super) fn is_seal(self) -> bool {
        self.relative_offset == SEAL
    }

    /// The offset behind the records that the entry covers.
    pub(super) fn end(self, base: Offset) -> Offset {
        Offset(base.0.saturating_add(u64::from(self.relative_offset) + 1))
    }

    /// Whether the entry can stand behind `last`. Nothing follows the seal, whose offset is the greatest.
    pub(super) fn follows(self, last: Option<TimeEntry>) -> bool {
        last.is_none_or(|last| last.timestamp_ms <= self.timestamp_ms && last.relative_offset < self.relative_offset)
    }

    /// The entry as it lies in the file of the segment `base`, as number `slot`.
    pub(super) fn encode(self, base: Offset, slot: usize) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.timestamp_ms.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.relative_offset.to_le_bytes());
        let crc = checksum(base, slot, &bytes);
        bytes[12..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The entry in these bytes, if they are one of this segment, with this number.
    pub(super) fn decode(base: Offset, slot: usize, bytes: &[u8; ENTRY_BYTES]) -> Option<TimeEntry> {
        let [a, b, c, d, e, f, g, h, i, j, k, l, crc @ ..] = *bytes;
        let holds = u32::from_le_bytes(crc) == checksum(base, slot, bytes);
        // One time in four thousand million, the checksum of zeros is zero. They are what crashes leave.
        let is_entry = holds && *bytes != [0; ENTRY_BYTES];
        is_entry.then(|| TimeEntry {
            timestamp_ms: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            relative_offset: u32::from_le_bytes([i, j, k, l]),
        })
    }
}

/// Where a scan may start that looks for the first record with a timestamp of at least `timestamp_ms`: behind the last
/// entry whose records are all older.
pub(super) fn lookup(base: Offset, entries: &[TimeEntry], timestamp_ms: u64) -> Offset {
    let older = entries.partition_point(|entry| entry.timestamp_ms < timestamp_ms);
    entries[..older].last().map_or(base, |entry| entry.end(base))
}

/// The entries from `slot` on, as they lie in the file.
pub(super) fn encode_from(base: Offset, entries: &[TimeEntry], slot: usize) -> Vec<u8> {
    entries.iter().enumerate().skip(slot).flat_map(|(slot, entry)| entry.encode(base, slot)).collect()
}

fn checksum(base: Offset, slot: usize, bytes: &[u8; ENTRY_BYTES]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&base.0.to_le_bytes());
    sum.update(&(slot as u32).to_le_bytes());
    sum.update(&bytes[..12]);
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one case in which only the rule about zeros refuses them: a slot whose checksum of zeros is zero.
    #[test]
    fn zeros_are_no_entry_even_where_their_checksum_is_zero() {
        // A checksum of 32 bits can be steered to any value by 32 bits of its input: here, those of the slot.
        let base = Offset(0x1234_5678);
        let slot = slot_with_checksum_of_zeros_zero(base);
        assert_eq!(checksum(base, slot, &[0; ENTRY_BYTES]), 0);
        assert_eq!(TimeEntry::decode(base, slot, &[0; ENTRY_BYTES]), None);
    }

    /// CRC is linear: the sum for a slot is the sum for slot 0 with the differences of its bits, so Gauss finds it.
    fn slot_with_checksum_of_zeros_zero(base: Offset) -> usize {
        let sum = |slot: u32| checksum(base, slot as usize, &[0; ENTRY_BYTES]);
        let mut rows: Vec<(u32, u32)> = (0..32).map(|bit| (sum(1 << bit) ^ sum(0), 1 << bit)).collect();
        let (mut left, mut slot) = (sum(0), 0);
        for bit in (0..32).map(|bit| 1u32 << bit) {
            let at = rows.iter().position(|row| row.0 & bit != 0).expect("the bits of a slot change all of the sum");
            let pivot = rows.swap_remove(at);
            rows.iter_mut().filter(|row| row.0 & bit != 0).for_each(|row| {
                row.0 ^= pivot.0;
                row.1 ^= pivot.1;
            });
            if left & bit != 0 {
                left ^= pivot.0;
                slot ^= pivot.1;
            }
        }
        slot as usize
    }
}
