//! The files of stage 4, as they were written once: see [`golden_common`].

mod golden_common;

use std::path::PathBuf;

use golden_common::{assert_kept, assert_reads, kept, log};
use stage04::JsonSegments;

fn directory(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Segments of JSON lines, sparse indexes, time indexes, packed segments.
#[test]
fn the_files_of_a_log_are_the_kept_ones_byte_by_byte_and_can_be_read() {
    assert_kept(&log(JsonSegments, 0, false), &directory("log"), |_| false);
    assert_reads(&kept(&directory("log")), JsonSegments, 0);
}

/// The bytes that LZ4 makes are those of its library's version. That they can be read is ours.
#[test]
fn a_compressed_segment_of_another_year_can_be_read() {
    assert_kept(&log(JsonSegments, 0, true), &directory("log-lz4"), |name| name.ends_with(".packed"));
    assert_reads(&kept(&directory("log-lz4")), JsonSegments, 0);
}
