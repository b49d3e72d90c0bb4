//! Files that were written once and are kept: today's code has to write the same bytes, and to read them. A format then
//! does not change by accident, and what a reader has on his disk stays readable.
//!
//! Whoever changes a format on purpose gives it another version, keeps the old files for reading, and deletes the
//! directory of the new ones: the test writes it then, and fails this once, so that somebody looks at it.
#![allow(dead_code, unreachable_pub, reason = "stage 5 has the same files, in its own format")]

use std::fs;
use std::path::Path;

use lab::records::{FIRST_TIMESTAMP_MS, record, records};
use lab::sim::SimDisk;
use stage04::{CompactOptions, Log, Offset, Reader, Scan, SegmentOptions, SegmentedLog, SegmentedReader, Storage};

/// How many records a log is given.
const RECORDS: u64 = 40;

/// The options of all logs here. A segment has a few records, and an index entry for nearly each.
pub fn options(header_bytes: u64) -> SegmentOptions {
    SegmentOptions { index_interval_bytes: 200, ..SegmentOptions::with_segment_bytes(header_bytes + 1200) }
}

/// A log with all kinds of files: compacted segments, sealed ones, and the newest. `is_compressed`: the same, with all
/// that is sealed compressed.
pub fn log<S: Storage>(storage: S, header_bytes: u64, is_compressed: bool) -> SimDisk {
    let sim = SimDisk::new();
    let mut log = SegmentedLog::open(&sim.disk(), storage, options(header_bytes)).unwrap();
    let maintenance = log.maintenance();
    let mut append_up_to = |end: u64| {
        while log.next_offset() < Offset(end) {
            log.append(&records(log.next_offset(), 2)).unwrap();
            log.sync().unwrap();
        }
        log.roll().unwrap();
    };
    append_up_to(24);
    let options = CompactOptions { segment_bytes_max: 2 * (header_bytes + 1200), ..CompactOptions::default() };
    maintenance.compact(FIRST_TIMESTAMP_MS, &options).unwrap();
    append_up_to(RECORDS - 4);
    append_up_to(RECORDS);
    if is_compressed {
        maintenance.compress().unwrap();
    }
    drop(log);
    sim
}

/// The kept files of a directory.
pub fn kept(directory: &Path) -> SimDisk {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display())) {
        let entry = entry.unwrap();
        files.push((entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
    }
    SimDisk::with_files(files.iter().map(|(name, bytes)| (&**name, &**bytes)))
}

/// The files on this disk are those that were kept, byte by byte; but for those whose bytes are `not_ours` to say, which
/// have to be there.
pub fn assert_kept(written: &SimDisk, directory: &Path, not_ours: impl Fn(&str) -> bool) {
    if !directory.exists() {
        fs::create_dir_all(directory).unwrap();
        for name in written.names() {
            fs::write(directory.join(&name), written.cached(&name).unwrap()).unwrap();
        }
        panic!("{} was not there, and was written: look at it", directory.display());
    }
    let kept = kept(directory);
    assert_eq!(written.names(), kept.names(), "the files of {}", directory.display());
    for name in written.names().iter().filter(|name| !not_ours(name)) {
        let (written, kept) = (written.cached(name).unwrap(), kept.cached(name).unwrap());
        let differs = written.iter().zip(&kept).position(|(a, b)| a != b).unwrap_or(written.len().min(kept.len()));
        assert!(written == kept, "{name} differs from the kept one from byte {differs} on");
    }
}

/// The log on this disk holds the laboratory's records, and nothing has to be made anew to read it.
pub fn assert_reads<S: Storage>(sim: &SimDisk, storage: S, header_bytes: u64) {
    let reader = SegmentedReader::open(&sim.disk(), storage.clone(), &options(header_bytes)).unwrap();
    let mut offsets = Vec::new();
    let mut scan = reader.scan(Offset(0)).unwrap();
    while let Some(entry) = scan.next().unwrap() {
        assert_eq!(entry.record, record(entry.offset), "record {}", entry.offset);
        offsets.push(entry.offset);
    }
    assert_eq!((reader.start(), reader.end()), (Offset(0), Offset(RECORDS)));
    // Of each key of the first 24 records, the latest is left.
    let is_latest = |offset: &u64| {
        let key = |offset: u64| record(Offset(offset)).key;
        *offset >= 24 || key(*offset).is_none() || (*offset + 1..24).all(|later| key(later) != key(*offset))
    };
    assert_eq!(offsets, (0..RECORDS).filter(is_latest).map(Offset).collect::<Vec<_>>());
    for offset in (0..RECORDS).map(Offset) {
        let found = reader.read(offset).unwrap();
        assert_eq!(found, is_latest(&offset.0).then(|| record(offset)), "record {offset}");
        // A record's timestamp is its offset, in milliseconds after the first.
        let at = reader.offset_for_time(FIRST_TIMESTAMP_MS + offset.0).unwrap();
        assert_eq!(at, offsets.iter().find(|left| **left >= offset).copied(), "what came at {offset}");
    }
    // Opened for writing, the log keeps all of the files but the newest segment as they are.
    let before = sim.names();
    drop(SegmentedLog::open(&sim.disk(), storage, options(header_bytes)).unwrap());
    assert_eq!(sim.names(), before, "files were added or removed");
}
