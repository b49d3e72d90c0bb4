//! What the log refuses, and what other readers say of it.

use std::sync::Arc;

use bytes::Bytes;
use lab::sim::SimDisk;
use stage05::dump::dump;
use stage05::salvage::salvage;
use stage05::verify::{Outcome, verify};
use stage06::batch::Batch;
use stage06::replica_log::ReplicaLog;
use stage06::{
    Disk, Error, FormatError, Framed, Log, Offset, Reader, Record, Scan, SegmentOptions, SegmentedLog, SegmentedReader,
};

use super::batches::{all, batch, batches, open};

/// A batch that is no frame, or that does not belong at the end, is refused, and those beside it are not written.
#[test]
fn a_batch_that_does_not_belong_is_refused_and_nothing_is_written() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk()).unwrap();
    let good = batches(Offset(0), 3, 5, 1);
    log.append(&good).unwrap();
    let next = batch(log.end(), 2, 5, 2);
    let behind = batch(next.end_offset(), 1, 5, 3);
    let too_long = vec![1; 8 * 1024 * 1024 + 1];
    let wrong = [
        Batch { base_offset: behind.base_offset.next(), ..behind.clone() },
        Batch { base_offset: Offset(0), ..behind.clone() },
        Batch { count: 0, ..behind.clone() },
        Batch { body: Bytes::new(), ..behind.clone() },
        Batch { body: too_long.into(), ..behind.clone() },
        Batch { epoch: batch(Offset(0), 1, 4, 0).epoch, ..behind.clone() },
    ];
    for wrong in wrong {
        let error = log.append(&[next.clone(), wrong]).unwrap_err();
        assert!(matches!(error, Error::OutOfOrder { .. } | Error::BadFrame { .. }), "{error}");
        assert_eq!(all(&log), good);
    }
    log.append(&[next, behind]).unwrap();
    assert_eq!(all(&log).len(), 5);
}

/// A compressed batch has more records than bytes. It counts for all its offsets.
#[test]
fn a_batch_may_have_more_records_than_bytes() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk()).unwrap();
    let small = Batch { count: 1_000_000, body: Bytes::from_static(b"x"), ..batch(Offset(0), 1, 1, 1) };
    log.append(std::slice::from_ref(&small)).unwrap();
    log.sync().unwrap();
    drop(log);
    let log = open(&sim.disk()).unwrap();
    assert_eq!(log.end(), Offset(1_000_000));
    assert_eq!(log.read(Offset(999_999), 0).unwrap(), [small]);
    assert_eq!(log.read(Offset(1_000_000), usize::MAX).unwrap(), []);
}

/// What was deleted is told from what is not there yet.
#[test]
fn a_read_of_what_was_deleted_says_so() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk()).unwrap();
    log.append(&batches(Offset(0), 20, 1, 1)).unwrap();
    log.append(&batches(log.end(), 20, 1, 1)).unwrap();
    let start = log.delete_before(log.end()).unwrap();
    assert!(start > Offset(0));
    assert!(matches!(log.read(Offset(0), 0), Err(Error::Deleted { offset: Offset(0), start: s }) if s == start));
}

/// A scan of records that meets a batch gives an error that says so; a scan of batches that meets records, too.
#[test]
fn batches_and_records_are_not_taken_for_each_other() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk()).unwrap();
    log.append(&batches(Offset(0), 3, 1, 1)).unwrap();
    log.sync().unwrap();
    drop(log);
    let reader = SegmentedReader::open(&sim.disk(), Framed::default(), &SegmentOptions::default()).unwrap();
    for offset in 0..6 {
        let error = reader.scan(Offset(offset)).and_then(|mut scan| scan.next().map(drop)).unwrap_err();
        let is_batch = |what: &str| what.starts_with("a batch of");
        assert!(
            matches!(&error, Error::BadFrame { cause: FormatError::Malformed(what), .. } if is_batch(what)),
            "from {offset}: {error}"
        );
    }
    let sim = SimDisk::new();
    let mut records = SegmentedLog::open(&sim.disk(), Framed::default(), SegmentOptions::default()).unwrap();
    records.append_durable(&Record::new(1, b"a record")).unwrap();
    drop(records);
    let error = open(&sim.disk()).unwrap().read(Offset(0), 0).unwrap_err();
    assert!(matches!(&error, Error::BadFrame { cause: FormatError::Malformed(_), .. }), "{error}");
}

/// The tools of stage 5 know batches; that of them which is there for records says that there are none.
#[test]
fn a_log_of_batches_can_be_verified_and_dumped() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk()).unwrap();
    log.append(&batches(Offset(0), 9, 3, 1)).unwrap();
    log.sync().unwrap();
    let end = log.end();
    drop(log);
    let disk: Arc<dyn Disk> = sim.disk();
    let seen = verify(&disk).unwrap();
    assert_eq!((seen.outcome, seen.frames, seen.end), (Outcome::Clean, 9, end));
    let mut text = Vec::new();
    dump(&disk, true, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.matches("a batch of epoch 3").count(), 9, "{text}");
    assert!(!text.contains("DAMAGED"), "{text}");
    let error = salvage(&disk, |_, _| panic!("a record in a log of batches")).unwrap_err();
    assert!(matches!(&error, Error::BadFrame { cause: FormatError::Malformed(_), .. }), "{error}");
}

/// Who reads while the log is cut sees what was there, to the end; who begins later sees the shorter log.
#[test]
fn a_scan_that_has_begun_does_not_notice_a_truncation() {
    let directory = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(stage06::OsDisk::existing(directory.path()).unwrap());
    let mut log = open(&disk).unwrap();
    for _ in 0..10 {
        log.append(&batches(log.end(), 3, 1, 1)).unwrap();
    }
    log.sync().unwrap();
    let written = all(&log);
    let reader = SegmentedReader::open(&disk, Framed::default(), &SegmentOptions::default()).unwrap();
    let mut segments = reader.segments_from(Offset(0)).unwrap();
    let first = segments.next().unwrap().unwrap();
    let mut scan = first.reader.scan(Offset(0)).unwrap();
    assert_eq!(scan.next_batch().unwrap().unwrap().body, &*written[0].body);
    log.truncate(Offset(2)).unwrap();
    log.append(&batches(log.end(), 12, 2, 2)).unwrap();
    log.sync().unwrap();
    let mut seen = 1;
    let mut rest = Some(scan);
    while let Some(mut scan) = rest.take() {
        while let Some(batch) = scan.next_batch().unwrap() {
            assert_eq!(batch.body, &*written[seen].body);
            seen += 1;
        }
        if let Some(next) = segments.next() {
            let next = next.unwrap();
            rest = Some(next.reader.scan(next.base).unwrap());
        }
    }
    assert_eq!(seen, written.len());
}
