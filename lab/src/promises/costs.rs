//! The promises about costs, tried by counting the bytes that are read from a short log and from a long one.
//!
//! Bytes and not seconds: they are the same on every machine and in every run.

use std::sync::Arc;

use stage01::{Disk, Log, Offset, Promise, Reader, Stage};

use super::Verdict;
use crate::meter::MeteredDisk;
use crate::records::record_of;
use crate::sim::SimDisk;

/// The lengths of the two logs that are read. The logarithm of the longer one is half as large again; its length is 16
/// times.
const READ_LENGTHS: [u64; 2] = [500, 8000];

/// The lengths of the two logs that are opened. What opening reads may be a small part of the log, its index say, and
/// still grow with it: that shows in a long log.
const OPEN_LENGTHS: [u64; 2] = [500, 64_000];

/// What a cost may grow by: more than a logarithm does, and far less than the length.
const GROWTH_MAX: u64 = 2;

pub(super) fn finds_in_log_time<S: Stage>() -> Verdict {
    let costs = READ_LENGTHS.map(|length| {
        let disk = long_log::<S>(length);
        let log = S::open(Arc::clone(&disk) as Arc<dyn Disk>).expect("the log opens");
        let reader = log.reader();
        let offsets = (0..=20).map(|i| Offset((length - 1) * i / 20));
        let costs = offsets.map(|offset| {
            disk.take_read_bytes();
            assert!(reader.read(offset).expect("a read").is_some());
            disk.take_read_bytes()
        });
        costs.max().expect("some reads")
    });
    verdict(Promise::FindsInLogTime, "The most costly of 21 reads of one record", READ_LENGTHS, costs)
}

pub(super) fn opens_in_constant_time<S: Stage>() -> Verdict {
    let costs = OPEN_LENGTHS.map(|length| {
        let disk = long_log::<S>(length);
        S::open(Arc::clone(&disk) as Arc<dyn Disk>).expect("the log opens");
        disk.take_read_bytes()
    });
    verdict(Promise::OpensInConstantTime, "Opening", OPEN_LENGTHS, costs)
}

/// A log of `length` records of 100 bytes, closed, on a disk that counts from now on.
fn long_log<S: Stage>(length: u64) -> Arc<MeteredDisk> {
    let disk = SimDisk::new().disk();
    let mut log = S::open(Arc::clone(&disk)).expect("a log opens on a new disk");
    let records: Vec<_> = (0..length).map(|offset| record_of(Offset(offset), 100)).collect();
    for batch in records.chunks(500) {
        log.append(batch).expect("a new disk takes records");
    }
    log.sync().expect("a new disk syncs");
    drop(log);
    MeteredDisk::new(disk)
}

fn verdict(promise: Promise, what: &str, lengths: [u64; 2], [short, long]: [u64; 2]) -> Verdict {
    let [short_length, long_length] = lengths;
    let evidence = format!(
        "{what} takes {short} bytes from the disk in a log of {short_length} records, and {long} bytes in one of {long_length}."
    );
    match long <= short * GROWTH_MAX {
        true => Verdict::kept(promise, evidence),
        false => Verdict::broken(promise, evidence),
    }
}
