//! What the parts of the stage's exercises have to do. Part K is judged by the tests whose names begin `s04pK_`.

mod part1;
mod part2;
mod part3;
mod part4;
mod part5;

use lab::sim::SimDisk;
use stage04::{Format, JsonLines, JsonSegments, Offset, Part, Record, SegmentName, SegmentOptions, SegmentedLog};

/// Small, so that eight or nine records fill a segment.
const SEGMENT_BYTES: u64 = 400;

fn small() -> SegmentOptions {
    SegmentOptions { index_interval_bytes: 100, ..SegmentOptions::with_segment_bytes(SEGMENT_BYTES) }
}

fn open(sim: &SimDisk) -> SegmentedLog<JsonSegments> {
    SegmentedLog::open(&sim.disk(), JsonSegments, small()).expect("the log opens")
}

/// The record that these tests put at an offset.
fn record(offset: u64) -> Record<'static> {
    Record::new(1000 + offset, format!("value {offset:03}").into_bytes())
}

/// The line of that record.
fn line(offset: u64) -> Vec<u8> {
    let mut line = Vec::new();
    JsonLines.encode(Offset(offset), &record(offset), &mut line);
    line
}

fn lines(offsets: std::ops::Range<u64>) -> Vec<u8> {
    offsets.flat_map(line).collect()
}

fn log_name(base: u64) -> String {
    SegmentName::new(Offset(base)).file(Part::Log)
}

/// Where segments begin if the records up to `count` are appended one by one: made without the code of this stage.
fn bases(count: u64) -> Vec<u64> {
    let (mut bases, mut bytes) = (vec![0], 0);
    for offset in 0..count {
        if bytes > 0 && bytes + record(offset).bytes() as u64 > SEGMENT_BYTES {
            bases.push(offset);
            bytes = 0;
        }
        bytes += line(offset).len() as u64;
    }
    bases
}

/// A disk with segments of these records, as they lie there when the log is closed.
fn disk_with(segments: &[std::ops::Range<u64>]) -> SimDisk {
    let files: Vec<_> = segments.iter().map(|range| (log_name(range.start), lines(range.clone()))).collect();
    SimDisk::with_files(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))
}
