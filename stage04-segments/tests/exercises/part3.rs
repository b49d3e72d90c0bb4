//! Part 3: many files, read as one log.

use std::sync::Arc;

use lab::sim::{Errno, Fault, Operation, SimDisk, Which};
use stage04::{
    Error, JsonSegments, Log, Offset, PackOptions, PackedWriter, Part, Reader, Scan, SegmentName, SegmentedLog,
    SegmentedReader, Visibility,
};

use crate::{disk_with, line, lines, log_name, open, record, small};

const RECORDS: u64 = 60;

/// A log of this many records in many segments, and its disk.
fn log_of(count: u64) -> (SimDisk, SegmentedLog<JsonSegments>) {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    for offset in 0..count {
        log.append_durable(&record(offset)).unwrap();
    }
    (sim, log)
}

/// The offsets that a scan from here gives; each record has to be the one of its offset.
fn scanned(reader: &SegmentedReader<JsonSegments>, from: u64) -> Vec<u64> {
    let mut scan = reader.scan(Offset(from)).unwrap();
    let mut offsets = Vec::new();
    while let Some(entry) = scan.next().unwrap() {
        assert_eq!(entry.record, record(entry.offset.0), "the record at {}", entry.offset);
        offsets.push(entry.offset.0);
    }
    offsets
}

fn range(from: u64, to: u64) -> Vec<u64> {
    (from..to).collect()
}

/// Where a segment ends is nobody's business who reads: a scan goes over all boundaries, from any record on.
#[test]
fn s04p3_a_scan_from_any_record_reads_to_the_end() {
    let (_sim, log) = log_of(RECORDS);
    for from in 0..RECORDS {
        assert_eq!(scanned(&log.reader(), from), range(from, RECORDS), "a scan from record {from}");
    }
}

/// Each record can be read alone, the first and last ones of segments too.
#[test]
fn s04p3_each_record_is_found_alone() {
    let (_sim, log) = log_of(RECORDS);
    for offset in 0..RECORDS {
        assert_eq!(log.reader().read(Offset(offset)).unwrap(), Some(record(offset)), "record {offset}");
    }
}

/// At the end and behind it there is nothing, and no error either: a consumer that is ahead only waits.
#[test]
fn s04p3_behind_the_end_there_is_nothing() {
    let (_sim, log) = log_of(RECORDS);
    for from in [RECORDS, RECORDS + 1, u64::MAX] {
        assert_eq!(scanned(&log.reader(), from), [0; 0], "a scan from record {from} of a log of {RECORDS}");
        assert_eq!(log.reader().read(Offset(from)).unwrap(), None, "record {from} of a log of {RECORDS}");
    }
    assert_eq!(scanned(&open(&SimDisk::new()).reader(), 0), [0; 0], "a scan of an empty log");
}

/// A read of one record opens and reads one segment, however many there are.
#[test]
fn s04p3_a_read_touches_one_segment_alone() {
    let (sim, log) = log_of(400);
    drop(log);
    let log = open(&sim);
    log.reader().read(Offset(200)).unwrap();
    let before = sim.bytes_read();
    log.reader().read(Offset(201)).unwrap();
    let read = sim.bytes_read() - before;
    assert!(read < 1000, "{read} bytes were read for one record; a segment has about 400");
}

/// A reader sees what is durable, unless it asks for what is written.
#[test]
fn s04p3_a_scan_ends_where_the_reader_sees() {
    let (_sim, mut log) = log_of(RECORDS);
    // Not enough to end the segment, which would sync it.
    log.append(&[record(RECORDS)]).unwrap();
    assert_eq!(scanned(&log.reader(), 50), range(50, RECORDS), "what is durable");
    let written = log.reader().with_visibility(Visibility::Written);
    assert_eq!(scanned(&written, 50), range(50, RECORDS + 1), "what is written");
}

/// `is_at_end` tells whether there is another record, and takes none: not inside a segment, and not between two.
#[test]
fn s04p3_to_ask_for_the_end_takes_no_record() {
    let (_sim, log) = log_of(RECORDS);
    let mut scan = log.reader().scan(Offset(0)).unwrap();
    for offset in 0..RECORDS {
        assert!(!scan.is_at_end().unwrap() && !scan.is_at_end().unwrap(), "in front of record {offset} is not the end");
        let entry = scan.next().unwrap().expect("a record");
        assert_eq!(entry.offset, Offset(offset));
    }
    assert!(scan.is_at_end().unwrap() && scan.next().unwrap().is_none(), "behind the last record is the end");
}

/// A scan has a snapshot (S5): what comes after it has begun, it does not see, and what is deleted meanwhile it does.
#[test]
fn s04p3_a_scan_keeps_what_it_saw_when_it_began() {
    let (sim, mut log) = log_of(RECORDS);
    let mut scan = log.reader().scan(Offset(0)).unwrap();
    for offset in RECORDS..RECORDS + 20 {
        log.append_durable(&record(offset)).unwrap();
    }
    log.maintenance().delete_before(Offset(40)).unwrap();
    assert!(!sim.names().contains(&log_name(0)), "the first segment has no name any more");
    let mut seen = Vec::new();
    while let Some(entry) = scan.next().unwrap() {
        seen.push(entry.offset.0);
    }
    assert_eq!(seen, range(0, RECORDS), "what a scan gives that began before all of this");
}

/// A record that was deleted is not one that never was: a consumer that was away for too long has to learn of it, and
/// where the log starts now.
#[test]
fn s04p3_a_deleted_record_is_an_error_that_says_where_the_log_starts() {
    let (_sim, log) = log_of(RECORDS);
    log.maintenance().delete_before(Offset(40)).unwrap();
    let start = log.reader().start();
    assert!(Offset(20) < start && start <= Offset(40), "the log starts at {start}");
    for offset in (0..start.0).map(Offset) {
        let says_so = |error: Option<Error>| matches!(error, Some(Error::Deleted { offset: o, start: s }) if o == offset && s == start);
        assert!(
            says_so(log.reader().scan(offset).err()),
            "a scan from record {offset} of a log that starts at {start}"
        );
        assert!(says_so(log.reader().read(offset).err()), "record {offset} of a log that starts at {start}");
    }
    assert_eq!(scanned(&log.reader(), start.0), range(start.0, RECORDS), "what is left");
}

/// A segment that is missing in the middle is no crash of ours (S1, S4). The scan gives what is in front of the hole, and
/// then an error, and again: it must not go on with the next segment as if nothing were missing.
#[test]
fn s04p3_a_missing_segment_is_a_gap() {
    let sim = disk_with(&[0..10, 10..20, 30..40, 40..45]);
    let log = open(&sim);
    let mut scan = log.reader().scan(Offset(5)).unwrap();
    for offset in 5..20 {
        let entry = scan.next().unwrap().expect("a record in front of the hole");
        assert_eq!(entry.offset, Offset(offset));
    }
    for attempt in 0..2 {
        match scan.next() {
            Err(Error::Gap { path, expected, found }) => {
                assert_eq!((expected, found), (Offset(20), Offset(30)), "attempt {attempt}");
                assert!(path.ends_with(log_name(10)), "the segment in front of the hole: {}", path.display());
            }
            other => panic!("attempt {attempt}: behind record 19 comes record 30, and the scan says {other:?}"),
        }
    }
    assert_eq!(scanned(&log.reader(), 30), range(30, 45), "what is behind the hole can be read");
}

/// A disk with records 0 to 19 rewritten, of which these are left, and then records 20 to 29.
fn disk_with_gaps(kept: &[u64]) -> SimDisk {
    let sim = SimDisk::new();
    let name = SegmentName::rewritten(Offset(0), Offset(20)).file(Part::Log);
    let file = sim.disk().create(&name).unwrap();
    let mut writer = PackedWriter::new(file, PackOptions::default(), Offset(0), Offset(20)).unwrap();
    kept.iter().for_each(|offset| writer.write(&line(*offset)).unwrap());
    writer.finish(2000).unwrap();
    let newest = sim.disk().create(&log_name(20)).unwrap();
    newest.write_at(&lines(20..30), 0).unwrap();
    newest.sync_data().unwrap();
    sim.disk().sync_directory().unwrap();
    sim
}

/// A compacted segment has gaps, at its ends too. They are not holes: its name says how far it goes, and a scan passes
/// over them.
#[test]
fn s04p3_the_gaps_of_a_compacted_segment_are_passed_over() {
    for kept in [&[3, 4, 11][..], &[0, 19], &[7], &[]] {
        let log = open(&disk_with_gaps(kept));
        for from in 0..30 {
            let right: Vec<u64> = kept.iter().copied().chain(20..30).filter(|offset| *offset >= from).collect();
            assert_eq!(scanned(&log.reader(), from), right, "a scan from {from}, where {kept:?} are left of 0 to 19");
        }
    }
}

/// A record that was compacted away is not there. The one behind it is another record, and no answer.
#[test]
fn s04p3_a_record_that_was_compacted_away_is_none() {
    let kept = [3, 4, 11];
    let log = open(&disk_with_gaps(&kept));
    for offset in 0..20 {
        let right = kept.contains(&offset).then(|| record(offset));
        assert_eq!(log.reader().read(Offset(offset)).unwrap(), right, "record {offset}, where {kept:?} are left");
    }
}

/// A disk that cannot be read is an error of that moment, in every segment. No record is passed over for it.
#[test]
fn s04p3_a_failed_read_ends_no_scan_quietly() {
    for from in [0, 25, 55] {
        let (sim, log) = log_of(RECORDS);
        let reader = log.reader();
        sim.inject(Fault::fail(Operation::Read, Which::Every, Errno::Io));
        let said = reader.scan(Offset(from)).and_then(|mut scan| scan.next().map(|entry| entry.is_some()));
        assert!(matches!(said, Err(Error::Io { .. })), "a scan from {from} on a broken disk says {said:?}");
    }
}

/// A reader in another process, without a writer, reads the same.
#[test]
fn s04p3_a_reader_without_a_writer_reads_the_same() {
    let (sim, log) = log_of(RECORDS);
    drop(log);
    let names = sim.names();
    let reader = SegmentedReader::open(&sim.disk(), JsonSegments, &small()).unwrap();
    let clone = Arc::new(reader.clone());
    for from in [0, 8, 9, 31, RECORDS] {
        assert_eq!(scanned(&clone, from), range(from, RECORDS), "a scan from record {from}");
    }
    assert_eq!(sim.names(), names, "a reader makes no files and removes none");
}
