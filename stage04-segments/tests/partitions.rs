//! Many logs in one data directory.

use std::fs;
use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use stage04::{
    Error, JsonSegments, Offset, Partition, Partitions, Reader, Record, Result, SegmentOptions, partition_for,
};
use tempfile::TempDir;

fn open(root: &TempDir) -> Partitions<JsonSegments> {
    Partitions::open(root.path(), JsonSegments, SegmentOptions::default()).expect("the data directory opens")
}

fn record(text: &str) -> Record<'static> {
    Record::new(1, text.as_bytes().to_vec())
}

fn kind(result: Result<Arc<Partition<JsonSegments>>>) -> ErrorKind {
    match result.map(drop) {
        Err(Error::Io { cause, .. }) => cause.kind(),
        other => panic!("{other:?}"),
    }
}

/// What goes into one partition is in that one alone, after a reopen too.
#[test]
fn each_partition_is_a_log_of_its_own() {
    let root = TempDir::new().unwrap();
    for life in 0..2 {
        let partitions = open(&root);
        for name in ["a", "b-1", "0.x_y"] {
            let log = partitions.create(name).unwrap();
            assert_eq!(log.append(record(&format!("{name} {life}"))).unwrap(), Offset(life));
        }
        assert_eq!(partitions.names().unwrap(), ["0.x_y", "a", "b-1"]);
    }
    let log = open(&root).get("b-1").unwrap();
    let values: Vec<_> = (0..2).map(|offset| log_read(&log, offset)).collect();
    assert_eq!(values, [Some(record("b-1 0")), Some(record("b-1 1"))]);
}

fn log_read(log: &Partition<JsonSegments>, offset: u64) -> Option<Record<'static>> {
    stage04::Log::reader(log).read(Offset(offset)).unwrap()
}

/// Two threads that want the same partition get the same log, and another process gets none.
#[test]
fn a_partition_is_open_once() {
    let root = TempDir::new().unwrap();
    let partitions = open(&root);
    let (one, two) = (partitions.create("a").unwrap(), partitions.get("a").unwrap());
    assert!(Arc::ptr_eq(&one, &two));
    let other = Partitions::open(root.path(), JsonSegments, SegmentOptions::default());
    assert!(matches!(other, Err(Error::Locked { .. })), "{other:?}");
}

/// A partition that nobody made is not made by asking for it.
#[test]
fn a_partition_that_is_not_there_is_not_found() {
    let root = TempDir::new().unwrap();
    let partitions = open(&root);
    assert_eq!(kind(partitions.get("a")), ErrorKind::NotFound);
    assert!(partitions.delete("a").is_err());
    assert_eq!(partitions.names().unwrap(), [""; 0]);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

/// A name is one plain component of a path, or it is refused before anything is touched.
#[test]
fn a_name_that_leads_elsewhere_is_refused() {
    let root = TempDir::new().unwrap();
    let partitions = open(&root);
    let too_long = "a".repeat(201);
    let names =
        ["", ".", "..", "../a", "a/b", "/a", ".a", "-a", "A", "ä", "a b", "a\0", "a\\b", "a.deleted", &too_long];
    for name in names {
        assert_eq!(kind(partitions.create(name)), ErrorKind::InvalidInput, "{name:?}");
        assert_eq!(kind(partitions.get(name)), ErrorKind::InvalidInput, "{name:?}");
        assert!(partitions.delete(name).is_err(), "{name:?}");
    }
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    partitions.create(&"a".repeat(200)).unwrap();
}

/// A deleted partition is gone, its name is free, and a new one of that name starts from nothing.
#[test]
fn a_deleted_partition_does_not_come_back() {
    let root = TempDir::new().unwrap();
    let partitions = open(&root);
    partitions.create("a").unwrap().append(record("old")).unwrap();
    partitions.create("b").unwrap().append(record("other")).unwrap();
    partitions.delete("a").unwrap();
    assert_eq!(partitions.names().unwrap(), ["b"]);
    let log = partitions.create("a").unwrap();
    assert_eq!(log_read(&log, 0), None);
    assert_eq!(log_read(&partitions.get("b").unwrap(), 0), Some(record("other")));
}

/// Somebody who still has the log would write into files that are gone: then the deletion is refused.
#[test]
fn a_partition_in_use_is_not_deleted() {
    let root = TempDir::new().unwrap();
    let partitions = open(&root);
    let log = partitions.create("a").unwrap();
    let refused = partitions.delete("a");
    assert!(matches!(&refused, Err(Error::Io { cause, .. }) if cause.kind() == ErrorKind::ResourceBusy), "{refused:?}");
    log.append(record("still here")).unwrap();
    drop(log);
    assert_eq!(log_read(&partitions.get("a").unwrap(), 0), Some(record("still here")));
    partitions.delete("a").unwrap();
}

/// A crash in a deletion leaves the whole partition, or a name that the next open clears away. Other files stay.
#[test]
fn an_open_finishes_the_deletion_that_a_crash_interrupted() {
    let root = TempDir::new().unwrap();
    open(&root).create("a").unwrap().append(record("old")).unwrap();
    fs::rename(root.path().join("a"), root.path().join("a.deleted")).unwrap();
    fs::create_dir(root.path().join("Not a partition.deleted")).unwrap();
    fs::write(root.path().join("notes"), "a file").unwrap();
    let partitions = open(&root);
    assert_eq!(partitions.names().unwrap(), [""; 0]);
    assert!(!root.path().join("a.deleted").exists());
    assert!(root.path().join("Not a partition.deleted").exists());
    // What cannot be removed at once is not in the way of the next deletion.
    partitions.create("a").unwrap();
    fs::create_dir(root.path().join("a.deleted")).unwrap();
    fs::write(root.path().join("a.deleted/file"), "left").unwrap();
    partitions.delete("a").unwrap();
    assert!(!root.path().join("a.deleted").exists());
}

/// The numbers are part of the format: other programs and later versions have to get the same ones.
#[test]
fn a_keys_partition_never_changes() {
    let ten = NonZeroU32::new(10).unwrap();
    // CRC-32 of "123456789" is 0xcbf43926.
    assert_eq!(partition_for(b"123456789", ten), 0xcbf4_3926_u32 % 10);
    assert_eq!(partition_for(b"", ten), 0);
    let mut counts = [0; 10];
    (0..10_000).for_each(|i| counts[partition_for(format!("key-{i}").as_bytes(), ten) as usize] += 1);
    assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
    assert_eq!(partition_for(b"any", NonZeroU32::MIN), 0);
}

/// Partitions that get the same records at the same times do not all begin a segment at the same one.
#[test]
fn partitions_do_not_roll_together() {
    let root = TempDir::new().unwrap();
    let options = SegmentOptions {
        segment_age_max: Duration::from_millis(1000),
        age_jitter_max: Duration::from_millis(900),
        ..SegmentOptions::default()
    };
    let partitions = Partitions::open(root.path(), JsonSegments, options).unwrap();
    let rolled_at = |name: &str| {
        let log = partitions.create(name).unwrap();
        (0..=1100).step_by(20).find(|&ms| {
            log.append(Record::new(ms, b"x".to_vec())).unwrap();
            stage04::Log::reader(&*log).segments() > 1
        })
    };
    let mut times: Vec<_> = (0..6).map(|i| rolled_at(&format!("p{i}"))).collect();
    assert!(times.iter().all(|time| (Some(100)..=Some(1020)).contains(time)), "{times:?}");
    times.sort_unstable();
    times.dedup();
    assert!(times.len() >= 4, "{times:?}");
}
