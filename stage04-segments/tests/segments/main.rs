//! Segments: how they begin, end, go, and are rewritten.

mod compaction;
mod compression;
mod faults;
mod follow;
mod leftovers;
mod preparation;
mod read_only;
mod recycling;
mod retention;
mod roll;
mod truncate;
mod watched;

use lab::records::{record, records};
use lab::sim::SimDisk;
use stage04::{
    CompactOptions, JsonSegments, Log, Offset, Part, Reader, Record, Scan, SegmentName, SegmentOptions, SegmentedLog,
    SegmentedReader,
};

/// Segments of a few records, indexes with an entry for nearly each.
fn small() -> SegmentOptions {
    SegmentOptions { segment_bytes_max: 400, index_interval_bytes: 100, ..SegmentOptions::default() }
}

fn open(sim: &SimDisk, options: SegmentOptions) -> SegmentedLog<JsonSegments> {
    SegmentedLog::open(&sim.disk(), JsonSegments, options).expect("the log opens")
}

/// A log in which every record has a segment of its own, the newest included.
fn one_record_each(sim: &SimDisk, count: u64) -> SegmentedLog<JsonSegments> {
    let log = open(sim, SegmentOptions { segment_bytes_max: 1, ..small() });
    append_to(log, count)
}

/// Appends the laboratory's records, each durably, until the log has `count` of them.
fn append_to(mut log: SegmentedLog<JsonSegments>, count: u64) -> SegmentedLog<JsonSegments> {
    while log.next_offset().0 < count {
        log.append(&records(log.next_offset(), 1)).expect("the disk takes a record");
        log.sync().expect("the disk syncs");
    }
    log
}

/// All records that a reader finds from `from` on.
fn scan_from(reader: &SegmentedReader<JsonSegments>, from: Offset) -> Vec<(u64, Record<'static>)> {
    let mut scan = reader.scan(from).expect("the scan starts");
    let mut found = Vec::new();
    while let Some(entry) = scan.next().expect("the scan goes on") {
        found.push((entry.offset.0, entry.record.into_owned()));
    }
    found
}

fn scan_all(reader: &SegmentedReader<JsonSegments>) -> Vec<(u64, Record<'static>)> {
    scan_from(reader, reader.start())
}

/// The laboratory's records in a range, as a scan finds them.
fn numbered(offsets: std::ops::Range<u64>) -> Vec<(u64, Record<'static>)> {
    offsets.map(|offset| (offset, record(Offset(offset)))).collect()
}

/// Compaction without merging and without mercy for tombstones.
fn compact_each() -> CompactOptions {
    CompactOptions { tombstone_age_max: std::time::Duration::ZERO, segment_bytes_max: 1, ..CompactOptions::default() }
}

/// Files that no segment of the disk accounts for.
fn strays(sim: &SimDisk) -> Vec<String> {
    let names = sim.names();
    let belongs =
        |file: &String| SegmentName::parse(file).is_some_and(|(segment, _)| names.contains(&segment.file(Part::Log)));
    names.iter().filter(|file| !belongs(file)).cloned().collect()
}
