//! The contract of a log that many threads append to.

use std::sync::Arc;
use std::thread;

use stage01::{Disk, Error, Log, Offset, RECORD_BYTES_MAX, Reader, Record, Scan, SharedLog, Stage};

use super::{append_synced, assert_holds, open};
use crate::disks::Disks;
use crate::records::record;
use crate::watchdog::within_limit;

const PRODUCERS: u64 = 8;
const APPENDS: u64 = 12;

/// Eight threads append at once: each offset is given once, none is left out, each record is where its producer was
/// told, and each producer's records are in its order.
pub fn producers_get_every_offset_once_and_keep_their_order<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    let log = open::<S>(&disk);
    let reader = log.reader();
    let told = within_limit(move || {
        let shared = S::share(log);
        let mut told = thread::scope(|threads| {
            let shared = &shared;
            let producers: Vec<_> = (0..PRODUCERS).map(|id| threads.spawn(move || produce(shared, id))).collect();
            producers.into_iter().flat_map(|producer| producer.join().unwrap()).collect::<Vec<_>>()
        });
        told.sort_by_key(|(offset, _)| *offset);
        told
    });
    let offsets: Vec<u64> = told.iter().map(|(offset, _)| offset.0).collect();
    assert_eq!(offsets, (0..PRODUCERS * APPENDS).collect::<Vec<_>>(), "each offset once");
    for reader in [reader, open::<S>(&disk).reader()] {
        for (offset, record) in &told {
            assert_eq!(reader.read(*offset).unwrap().as_ref(), Some(record), "record {offset}");
        }
    }
}

/// Appends this producer's records one after another; returns them with the offsets that it was told, which grow.
fn produce(shared: &impl SharedLog, id: u64) -> Vec<(Offset, Record<'static>)> {
    let mut told: Vec<(Offset, Record<'static>)> = Vec::new();
    for i in 0..APPENDS {
        let record = Record::new(i, format!("producer {id}, record {i}").into_bytes());
        let offset = shared.append(record.clone()).unwrap();
        assert!(told.last().is_none_or(|(last, _)| *last < offset), "producer {id} was told {offset} after {told:?}");
        told.push((offset, record));
    }
    told
}

/// An append that returned can be read at once: durable means durable for the readers, too.
pub fn a_shared_append_is_there_when_it_returns<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    let mut log = open::<S>(&disk);
    append_synced(&mut log, 2);
    let reader = log.reader();
    within_limit(move || {
        let shared = S::share(log);
        for offset in (2..10).map(Offset) {
            assert_eq!(shared.append(record(offset)).unwrap(), offset);
            assert_eq!(reader.end(), offset.next());
            assert_eq!(reader.scan(offset).unwrap().next().unwrap().map(|entry| entry.record), Some(record(offset)));
        }
    });
    assert_holds(&open::<S>(&disk).reader(), 10);
}

/// A shared log holds its directory, and gives it back when it is gone.
pub fn a_shared_log_holds_its_directory_until_it_is_dropped<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    let log = open::<S>(&disk);
    let lock_is_held = |disk: &Arc<dyn Disk>| matches!(S::open(Arc::clone(disk)), Err(Error::Locked { .. }));
    let disk = within_limit(move || {
        let shared = S::share(log);
        shared.append(record(Offset(0))).unwrap();
        assert!(lock_is_held(&disk), "a second log opened beside a shared one");
        drop(shared);
        disk
    });
    assert_holds(&open::<S>(&disk).reader(), 1);
}

/// One producer's mistake is no other producer's.
pub fn a_shared_log_refuses_the_record_over_the_limit_alone<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    let log = open::<S>(&disk);
    within_limit(move || {
        let shared = S::share(log);
        for offset in (0..3).map(Offset) {
            let refused = shared.append(Record::new(0, vec![0; RECORD_BYTES_MAX + 1]));
            assert!(matches!(refused, Err(Error::RecordTooLarge { .. })), "got {refused:?}");
            assert_eq!(shared.append(record(offset)).unwrap(), offset);
        }
    });
    assert_holds(&open::<S>(&disk).reader(), 3);
}
