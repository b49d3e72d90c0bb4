//! The contract of the readers: from where, how far, and beside a writer that goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use stage01::{Disk, Log, Offset, Reader, Scan, Stage};

use super::{append_synced, assert_holds, open};
use crate::disks::Disks;
use crate::meter::MeteredDisk;
use crate::records::record;
use crate::watchdog::within_limit;

/// Every record can be the first of a scan, and be read alone.
pub fn a_scan_starts_at_any_offset<S: Stage>(disks: &dyn Disks) {
    let mut log = open::<S>(&disks.empty());
    append_synced(&mut log, 40);
    let reader = log.reader();
    for from in 0..40 {
        let mut scan = reader.scan(Offset(from)).unwrap();
        for offset in (from..40).map(Offset) {
            let entry = scan.next().unwrap().unwrap_or_else(|| panic!("a scan from {from} ends in front of {offset}"));
            assert_eq!((entry.offset, entry.record), (offset, record(offset)), "in a scan from {from}");
        }
        assert_eq!(scan.next().unwrap(), None, "a scan from {from} ends with the log");
        assert_eq!(reader.read(Offset(from)).unwrap(), Some(record(Offset(from))));
    }
}

/// Positions never go back, and a scan from the middle gives the same ones: an index may rely on both.
pub fn a_record_has_one_position_from_wherever_it_is_reached<S: Stage>(disks: &dyn Disks) {
    let mut log = open::<S>(&disks.empty());
    (0..5).for_each(|_| append_synced(&mut log, 4));
    let reader = log.reader();
    let mut positions = Vec::new();
    let mut scan = reader.scan(Offset(0)).unwrap();
    while let Some(entry) = scan.next().unwrap() {
        positions.push(entry.position);
    }
    assert_eq!(positions.len(), 20);
    assert!(positions.is_sorted() && positions[0] < positions[19], "positions grow: {positions:?}");
    for (from, position) in (0..).map(Offset).zip(positions) {
        assert_eq!(reader.scan(from).unwrap().next().unwrap().unwrap().position, position, "record {from}");
    }
}

/// Asking for more than there is gives nothing. It is not an error: the record may come yet.
pub fn beyond_the_end_there_is_nothing<S: Stage>(disks: &dyn Disks) {
    let mut log = open::<S>(&disks.empty());
    let reader = log.reader();
    for count in 0..4 {
        for beyond in [count, count + 1, count + 1000, u64::MAX] {
            assert_eq!(reader.read(Offset(beyond)).unwrap(), None, "read {beyond} of {count} records");
            assert_eq!(reader.scan(Offset(beyond)).unwrap().next().unwrap(), None, "scan {beyond} of {count} records");
        }
        append_synced(&mut log, 1);
    }
}

/// A reader is not a snapshot: it follows the log. A scan is: it ends where the log ended when it began.
pub fn a_reader_follows_the_log_and_a_scan_does_not<S: Stage>(disks: &dyn Disks) {
    let mut log = open::<S>(&disks.empty());
    let reader = log.reader();
    let clone = reader.clone();
    assert_holds(&reader, 0);
    append_synced(&mut log, 3);
    let mut scan = reader.scan(Offset(0)).unwrap();
    append_synced(&mut log, 4);
    assert_holds(&reader, 7);
    assert_holds(&clone, 7);
    for offset in (0..3).map(Offset) {
        assert_eq!(scan.next().unwrap().map(|entry| entry.offset), Some(offset));
    }
    assert_eq!(scan.next().unwrap(), None, "the scan began at three records");
    assert_eq!(scan.next().unwrap(), None, "and stays at its end");
}

/// However long the log is, a scan takes the memory of a window: 64 KiB are plenty, 256 KiB are allowed.
pub fn a_scan_of_a_long_log_reads_it_piece_by_piece<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    append_synced(&mut open::<S>(&disk), 20_000);
    let metered = MeteredDisk::new(disk);
    let log = S::open(Arc::clone(&metered) as Arc<dyn Disk>).unwrap();
    let opened_bytes = metered.take_read_bytes();
    assert_holds(&log.reader(), 20_000);
    let scanned_bytes = metered.take_read_bytes();
    assert!(scanned_bytes > 2 << 20, "a log of 20,000 records is longer than {scanned_bytes} bytes");
    assert!(scanned_bytes + opened_bytes < 16 << 20, "{opened_bytes} and {scanned_bytes} bytes were read");
    assert!(metered.read_bytes_max() <= 256 << 10, "one read of {} bytes", metered.read_bytes_max());
}

/// A reader does not need its writer to be there.
pub fn a_reader_outlives_its_writer<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    let mut log = open::<S>(&disk);
    append_synced(&mut log, 5);
    let reader = log.reader();
    drop(log);
    assert_holds(&reader, 5);
    drop(open::<S>(&disk));
    assert_holds(&reader, 5);
}

/// Four readers scan again and again while the writer appends: each sees a whole prefix, and never a shorter one than
/// before (**L4**).
pub fn many_readers_see_only_whole_prefixes_of_a_growing_log<S: Stage>(disks: &dyn Disks) {
    const BATCHES: u64 = 25;
    const BATCH: u64 = 8;
    let mut log = open::<S>(&disks.empty());
    within_limit(move || {
        let writing = AtomicBool::new(true);
        thread::scope(|threads| {
            for _ in 0..4 {
                let (reader, writing) = (log.reader(), &writing);
                threads.spawn(move || follow(&reader, writing, BATCHES * BATCH));
            }
            // The readers have to be told even if an append panics, or they would go on for ever.
            let _stop = StopOnDrop(&writing);
            (0..BATCHES).for_each(|_| append_synced(&mut log, BATCH));
        });
    });
}

/// Reads all there is until the writer is done; then the whole log has to be there.
fn follow<R: Reader>(reader: &R, writing: &AtomicBool, count: u64) {
    let mut seen = 0;
    loop {
        let last_round = !writing.load(Ordering::Acquire);
        let end = reader.end().0;
        assert!(end >= seen, "a reader that saw {seen} records now ends at {end}");
        let mut scan = reader.scan(Offset(0)).unwrap();
        seen = 0;
        while let Some(entry) = scan.next().unwrap() {
            assert_eq!((entry.offset, entry.record), (Offset(seen), record(Offset(seen))));
            seen += 1;
        }
        assert!(seen >= end, "a reader that ends at {end} scans {seen} records");
        if last_round {
            assert_eq!(seen, count, "records in the last scan");
            return;
        }
    }
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
