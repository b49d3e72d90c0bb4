//! The rules by which a segment ends. They look at numbers alone; the log acts on their answer.

use stage03::{Offset, Record};

use crate::options::SegmentOptions;

/// Why a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollReason {
    /// It has no room for the batch.
    Full,
    /// Its first record is too old.
    Old,
    /// Its index is full.
    IndexFull,
    /// The batch has offsets too far from the segment's first.
    OffsetSpan,
}

/// How far the newest segment is filled.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    /// The segment's base offset.
    pub base: Offset,
    /// The offset that the next record will get.
    pub next: Offset,
    /// Where its last record ends.
    pub bytes: u64,
    /// The size of its index.
    pub index_bytes: u64,
    /// The timestamp of its first record, in milliseconds.
    pub first_timestamp_ms: Option<u64>,
}

/// A batch that is about to be appended.
#[derive(Clone, Copy, Debug)]
pub struct Incoming {
    /// How many records it has.
    pub records: u64,
    /// The bytes of their keys and values.
    pub bytes: u64,
    /// The timestamp of its first record, in milliseconds.
    pub timestamp_ms: u64,
}

impl Incoming {
    /// What comes with these records; `None` if there are none.
    pub fn of(records: &[Record<'_>]) -> Option<Incoming> {
        let first = records.first()?;
        let bytes = records.iter().map(|record| record.bytes() as u64).sum();
        Some(Incoming { records: records.len() as u64, bytes, timestamp_ms: first.timestamp_ms })
    }
}

/// Whether the segment has to end before the batch is appended. An empty segment never does: another one would be as
/// empty, and have the same name.
///
/// The rules are those of Kafka's `LogSegment.shouldRoll`.
pub fn should_roll(fill: &Fill, incoming: &Incoming, options: &SegmentOptions) -> Option<RollReason> {
    if fill.next == fill.base {
        return None;
    }
    let last = fill.next.0.saturating_add(incoming.records.saturating_sub(1));
    let age_ms = fill.first_timestamp_ms.map_or(0, |first| incoming.timestamp_ms.saturating_sub(first));
    if fill.bytes.saturating_add(incoming.bytes) > options.segment_bytes_max {
        Some(RollReason::Full)
    } else if age_ms > age_limit_ms(fill.base, options) {
        Some(RollReason::Old)
    } else if fill.index_bytes >= options.index_bytes_max {
        Some(RollReason::IndexFull)
    } else if last - fill.base.0 >= options.offsets_max {
        Some(RollReason::OffsetSpan)
    } else {
        None
    }
}

/// The age limit of the segment that starts at `base`: the same whenever it is asked for, so that a segment's end does
/// not depend on how often the log was opened.
fn age_limit_ms(base: Offset, options: &SegmentOptions) -> u64 {
    let jitter_ms_max = millis(options.age_jitter_max);
    let jitter_ms = match jitter_ms_max {
        0 => 0,
        // A multiplication by a large odd number mixes the bits of small neighbours well enough to spread them.
        _ => {
            ((base.0 ^ options.jitter_seed).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16)
                % jitter_ms_max.saturating_add(1)
        }
    };
    millis(options.segment_age_max).saturating_sub(jitter_ms)
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
