//! Which segments may go. Numbers in, a number out; the log acts on it.

use std::time::Duration;

use stage03::Offset;

/// How much of a log is kept. Both rules may be on; a segment goes when one of them lets it go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// A segment is kept until its youngest record is older than this (Kafka's `retention.ms`).
    pub age_max: Option<Duration>,
    /// The oldest segments go as long as at least this is left without them (Kafka's `retention.bytes`): the log never
    /// falls short of it.
    pub bytes_min: Option<u64>,
}

/// What retention has to know of a sealed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    /// The offset behind its last record.
    pub end: Offset,
    /// What it takes on the disk.
    pub stored_bytes: u64,
    /// The largest timestamp in it, in milliseconds.
    pub largest_timestamp_ms: u64,
}

impl Retention {
    /// How many of the sealed segments, from the oldest on, may be deleted at `now_ms`. `newest_bytes` is the size of
    /// the segment behind them, which stays; nothing at or behind `limit` goes.
    ///
    /// It stops at the first one that has to stay, whatever the ones behind it would say: a log has no holes (S4). A
    /// record with a timestamp in the far future therefore keeps everything behind it, too.
    pub fn deletable(&self, sealed: &[SegmentFacts], newest_bytes: u64, now_ms: u64, limit: Offset) -> usize {
        let mut left_bytes = newest_bytes + sealed.iter().map(|segment| segment.stored_bytes).sum::<u64>();
        let mut count = 0;
        for segment in sealed {
            left_bytes -= segment.stored_bytes;
            let is_too_much = self.bytes_min.is_some_and(|bytes_min| left_bytes >= bytes_min);
            if segment.end > limit || !(is_too_much || self.is_too_old(segment, now_ms)) {
                break;
            }
            count += 1;
        }
        count
    }

    fn is_too_old(&self, segment: &SegmentFacts, now_ms: u64) -> bool {
        let age_ms = u128::from(now_ms.saturating_sub(segment.largest_timestamp_ms));
        self.age_max.is_some_and(|age_max| age_ms > age_max.as_millis())
    }
}
