//! The contract of the writer: what is appended, in which order, and what is refused.

use stage01::{Error, Log, Offset, RECORD_BYTES_MAX, Reader, Record, Stage, Visibility};

use super::{append_synced, assert_holds, open, reopen};
use crate::disks::{Disks, Image};
use crate::records::{KINDS, record, records};

/// **L1**: the log numbers its records itself.
pub fn offsets_start_at_zero_and_grow_by_one<S: Stage>(disks: &dyn Disks) {
    let mut log = open::<S>(&disks.empty());
    for offset in (0..12).map(Offset) {
        assert_eq!(log.next_offset(), offset);
        assert_eq!(log.append_durable(&record(offset)).unwrap(), offset);
    }
    assert_eq!(log.append(&records(Offset(12), 5)).unwrap(), Offset(12), "a batch is told the offset of its first");
    assert_eq!(log.next_offset(), Offset(17));
    assert_eq!(log.sync().unwrap(), Offset(17), "a sync is told how far it reached");
}

/// Values and keys are opaque: what goes in comes out, whatever bytes it has.
pub fn any_bytes_come_back_as_they_went_in<S: Stage>(disks: &dyn Disks) {
    let mut log = open::<S>(&disks.empty());
    let every_byte: Vec<u8> = (0..=255).collect();
    let odd: [&[u8]; 8] = [b"", b"\n", b"\r\n", b"\"", b"\\u0041", b"\xff", b"\xed\xa0\x80", &every_byte];
    let mut expected = Vec::new();
    for value in odd {
        expected.push(Record::new(u64::MAX, value));
        expected.extend(odd.map(|key| Record::new(0, value).with_key(key)));
    }
    log.append(&expected).unwrap();
    log.sync().unwrap();
    for (offset, expected) in (0..).map(Offset).zip(&expected) {
        assert_eq!(log.reader().read(offset).unwrap().as_ref(), Some(expected), "record {offset}");
    }
}

/// A batch saves work. It changes nothing in what is stored.
pub fn a_batch_leaves_the_same_log_as_its_records_one_by_one<S: Stage>(disks: &dyn Disks) {
    let [one_by_one, batched] = [disks.empty(), disks.empty()];
    let count = 2 * KINDS;
    let mut log = open::<S>(&one_by_one);
    (0..count).for_each(|i| assert_eq!(log.append_durable(&record(Offset(i))).unwrap(), Offset(i)));
    drop(log);
    let mut log = open::<S>(&batched);
    for (first, count) in [(0, 1), (1, KINDS), (KINDS + 1, KINDS - 1)] {
        assert_eq!(log.append(&records(Offset(first), count)).unwrap(), Offset(first));
    }
    log.sync().unwrap();
    drop(log);
    for disk in [one_by_one, batched] {
        assert_holds(&open::<S>(&disk).reader(), count);
    }
}

/// Nothing to write is not an error, and takes no offset.
pub fn an_empty_batch_changes_nothing<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    let mut log = open::<S>(&disk);
    append_synced(&mut log, 3);
    let before = Image::of(&disk);
    assert_eq!(log.append(&[]).unwrap(), Offset(3));
    assert_eq!(log.sync().unwrap(), Offset(3));
    assert_eq!(Image::of(&disk), before);
    assert_holds(&reopen::<S>(log, &disk).reader(), 3);
}

/// The limit itself is within the limit, in text and in bytes that no text has, with and without a key.
pub fn a_record_of_the_largest_size_is_taken<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    let mut log = open::<S>(&disk);
    let key = vec![b'k'; 1000];
    let largest = [
        Record::new(1, vec![b'x'; RECORD_BYTES_MAX]),
        Record::new(2, vec![0xff; RECORD_BYTES_MAX]),
        // In JSON, each of these bytes becomes six.
        Record::new(3, vec![0x01; RECORD_BYTES_MAX]),
        Record::new(4, vec![b'v'; RECORD_BYTES_MAX - key.len()]).with_key(key),
    ];
    for (offset, record) in (0..).map(Offset).zip(&largest) {
        assert_eq!(log.append_durable(record).unwrap(), offset);
    }
    let log = reopen::<S>(log, &disk);
    for (offset, record) in (0..).map(Offset).zip(&largest) {
        assert!(log.reader().read(offset).unwrap().as_ref() == Some(record), "record {offset} came back changed");
    }
}

/// A record over the limit is the producer's mistake: it is told, and nobody else notices.
pub fn a_record_over_the_limit_is_refused_and_the_log_goes_on<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    let mut log = open::<S>(&disk);
    append_synced(&mut log, 2);
    let before = Image::of(&disk);
    let too_large = Record::new(0, vec![b'x'; RECORD_BYTES_MAX + 1]);
    let too_large_with_key = Record::new(0, vec![b'x'; RECORD_BYTES_MAX]).with_key(vec![b'k']);
    for batch in [vec![too_large.clone()], vec![record(Offset(2)), too_large], vec![too_large_with_key]] {
        match log.append(&batch) {
            Err(Error::RecordTooLarge { bytes, bytes_max }) => {
                assert_eq!((bytes, bytes_max), (RECORD_BYTES_MAX + 1, RECORD_BYTES_MAX));
            }
            other => panic!("expected RecordTooLarge, got {other:?}"),
        }
        log.sync().unwrap();
        assert_eq!(Image::of(&disk), before, "a refused batch leaves nothing behind, not even its good records");
    }
    append_synced(&mut log, 2);
    assert_holds(&reopen::<S>(log, &disk).reader(), 4);
}

/// **L3**: a durable reader stops at the last sync, and one that asks for what is written sees beyond it.
pub fn what_is_not_synced_is_shown_to_no_durable_reader<S: Stage>(disks: &dyn Disks) {
    let mut log = open::<S>(&disks.empty());
    append_synced(&mut log, 3);
    let [durable, written] =
        [Visibility::Durable, Visibility::Written].map(|visibility| log.reader().with_visibility(visibility));
    log.append(&records(Offset(3), 2)).unwrap();

    assert_holds(&durable, 3);
    assert_eq!(durable.read(Offset(3)).unwrap(), None);
    assert_holds(&written, 5);

    log.sync().unwrap();
    assert_holds(&durable, 5);
    assert_holds(&written, 5);
}
