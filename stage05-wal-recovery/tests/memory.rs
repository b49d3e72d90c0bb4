//! Looking at a log takes the same memory whatever its size: a window of its largest frame, and no list of its records.

use std::fs::OpenOptions;
use std::sync::Arc;

use stage05::dump::dump;
use stage05::salvage::salvage;
use stage05::verify::{Outcome, verify};
use stage05::{
    Disk, Framed, Log, Offset, OsDisk, RECORD_BYTES_MAX, Reader, Record, Scan, SegmentOptions, SegmentedLog,
    SegmentedReader,
};
use tempfile::TempDir;

/// What no look at a log may need.
const MEMORY_BYTES_MAX: u64 = 64 * 1024 * 1024;

const MIB: usize = 1024 * 1024;

/// How many records there are that are as large as a record may be: more bytes than may be needed.
const LARGE: u64 = 80;

/// And how many small ones, a frame for each.
const SMALL: u64 = 20_000;

/// A log of several segments, the newest of which has 128 MiB of zeros behind its last frame, as a file has that
/// was prepared. No disk has to keep those.
fn log() -> (TempDir, Arc<dyn Disk>) {
    let directory = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(directory.path()).unwrap());
    let options = SegmentOptions::with_segment_bytes(30 * MIB as u64);
    let mut log = SegmentedLog::open(&disk, Framed::default(), options).unwrap();
    for first in (0..LARGE).step_by(8) {
        let large = |number| Record::new(number, vec![number as u8; RECORD_BYTES_MAX]);
        log.append(&(first..first + 8).map(large).collect::<Vec<_>>()).unwrap();
    }
    for number in 0..SMALL {
        log.append(&[Record::new(number, number.to_string().into_bytes())]).unwrap();
    }
    drop(log);
    let newest = disk.list().unwrap().into_iter().filter(|name| name.ends_with(".log")).max().unwrap();
    let file = OpenOptions::new().write(true).open(directory.path().join(newest)).unwrap();
    file.set_len(128 * MIB as u64).unwrap();
    (directory, disk)
}

/// Runs `look` and holds what it had from the allocator at the same time against what it may have.
fn check_memory(name: &str, look: impl FnOnce()) {
    let bytes = allocation_counter::measure(look).bytes_max;
    println!("{name}: {bytes} bytes");
    assert!(bytes < MEMORY_BYTES_MAX, "{name} needs {bytes} bytes");
}

#[test]
fn a_large_log_is_verified_dumped_salvaged_and_scanned_in_little_memory() {
    let (_directory, disk) = log();
    let records = LARGE + SMALL;
    check_memory("verify", || {
        let seen = verify(&disk).unwrap();
        assert_eq!((seen.outcome, seen.records), (Outcome::Clean, records), "{seen:?}");
    });
    check_memory("dump", || dump(&disk, true, &mut std::io::sink()).unwrap());
    check_memory("salvage", || assert_eq!(salvage(&disk, |_, _| {}).unwrap().records, records));
    check_memory("scan", || {
        let reader = SegmentedReader::open(&disk, Framed::default(), &SegmentOptions::default()).unwrap();
        let (mut scan, mut found) = (reader.scan(Offset(0)).unwrap(), 0);
        while scan.next().unwrap().is_some() {
            found += 1;
        }
        assert_eq!(found, records);
    });
}
