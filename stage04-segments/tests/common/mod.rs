//! A log with segments so small that every test crosses their boundaries.

use std::sync::Arc;

use stage04::{Disk, JsonSegments, SegmentOptions, SegmentedLog};

/// Segments of a few records, indexes with an entry for nearly each.
pub(crate) fn small() -> SegmentOptions {
    SegmentOptions { segment_bytes_max: 400, index_interval_bytes: 100, ..SegmentOptions::default() }
}

pub(crate) fn open(disk: &Arc<dyn Disk>, options: SegmentOptions) -> SegmentedLog<JsonSegments> {
    SegmentedLog::open(disk, JsonSegments, options).expect("the log opens")
}
