//! When a segment ends, and how the next one is made ready.

use std::time::Duration;

use stage03::INDEX_INTERVAL_BYTES;

/// The largest file that is filled with zeros in advance: 1 GiB. Segments may be larger; they grow.
pub const PREPARED_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The options of a [`SegmentedLog`](crate::SegmentedLog). The names in brackets are Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentOptions {
    /// A segment that would grow beyond this is ended first (`segment.bytes`). A batch is never divided, so one that is
    /// larger gets a larger segment for itself.
    pub segment_bytes_max: u64,
    /// A segment is ended when a record comes whose timestamp is later than that of its first record by more than this
    /// (`segment.ms`): old records do not have to wait for a full segment in order to be deleted.
    pub segment_age_max: Duration,
    /// Each segment's age limit is shorter than that by a random part of this (`segment.jitter.ms`), so that the many
    /// logs of one machine do not all end their segments in the same second.
    pub age_jitter_max: Duration,
    /// What makes that part another one in another log; [`Partitions`](crate::Partitions) takes the log's name.
    pub jitter_seed: u64,
    /// A segment is ended when its index has grown to this (`segment.index.bytes`).
    pub index_bytes_max: u64,
    /// The most offsets in one segment. The indexes count them in 32 bits.
    pub offsets_max: u64,
    /// The bytes of log for each index entry (`index.interval.bytes`).
    pub index_interval_bytes: u64,
    /// How the next segment's file is made ready.
    pub preparation: Preparation,
    /// Whether the file of a segment that is given up becomes the next one's (PostgreSQL's `wal_recycle`, RocksDB's
    /// `recycle_log_file_num`). Only with `preparation`, which writes zeros over it. The log looks after its own readers;
    /// one that another process has opened would see the file change.
    pub recycle: bool,
}

/// Whether a segment's file is filled with zeros before it is written to.
///
/// A sync of a file that grows has to write its new length and new blocks into the file system's journal, too. Bytes
/// that were written before, zeros as well as others, cost one write. The zeros have to be real ones: space that is
/// only reserved is marked as such, and the mark is changed, through the journal, with the first write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preparation {
    /// The file grows as it is written.
    #[default]
    None,
    /// Filled when the segment begins, by whoever appends: the laboratory's way, where nothing may happen behind its
    /// back.
    AtRoll,
    /// Filled by a thread while the segment before is written.
    InBackground,
}

impl Default for SegmentOptions {
    fn default() -> SegmentOptions {
        SegmentOptions {
            segment_bytes_max: 64 * 1024 * 1024,
            segment_age_max: Duration::from_secs(7 * 24 * 60 * 60),
            age_jitter_max: Duration::ZERO,
            jitter_seed: 0,
            index_bytes_max: 10 * 1024 * 1024,
            offsets_max: u32::MAX as u64,
            index_interval_bytes: INDEX_INTERVAL_BYTES,
            preparation: Preparation::None,
            recycle: false,
        }
    }
}

impl SegmentOptions {
    /// The default options with another size of segments.
    pub fn with_segment_bytes(segment_bytes_max: u64) -> SegmentOptions {
        SegmentOptions { segment_bytes_max, ..SegmentOptions::default() }
    }
}
