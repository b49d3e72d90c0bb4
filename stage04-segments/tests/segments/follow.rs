//! Waiting for records, without a sleep and without a spin.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use lab::records::record;
use lab::sim::SimDisk;
use lab::watchdog::within_limit;
use stage04::{Error, JsonSegments, Log, Offset, Reader, Record, SegmentedLog, SegmentedReader, Visibility};

use super::watched::Watched;
use super::{append_to, compact_each, one_record_each, open, small};

/// Each record that is appended wakes every follower: the next one is appended when all of them have seen it.
#[test]
fn a_record_wakes_every_follower() {
    within_limit(|| {
        let mut log = open(&SimDisk::new(), small());
        let (seen, sightings) = channel();
        let followers: Vec<_> = (0..8)
            .map(|_| {
                let (reader, seen) = (log.reader(), seen.clone());
                thread::spawn(move || {
                    let mut follow = reader.follow(Offset(0)).unwrap();
                    while let Some(entry) = follow.next(None).unwrap() {
                        assert_eq!(entry.record, record(entry.offset));
                        seen.send(entry.offset).unwrap();
                    }
                })
            })
            .collect();
        for offset in 0..60 {
            log.append_durable(&record(Offset(offset))).unwrap();
            for _ in 0..followers.len() {
                assert_eq!(sightings.recv().unwrap(), Offset(offset));
            }
        }
        assert!(log.reader().segments() > 5, "the followers have crossed segments");
        drop(log);
        followers.into_iter().for_each(|follower| follower.join().unwrap());
    });
}

/// A follower that waits in another thread for ever is woken by the end of the log, and told that nothing comes.
#[test]
fn closing_the_log_ends_the_wait() {
    within_limit(|| {
        let log = append_to(open(&SimDisk::new(), small()), 3);
        let reader = log.reader();
        let (ready, is_ready) = channel();
        let follower = thread::spawn(move || {
            let mut follow = reader.follow(Offset(2)).unwrap();
            assert_eq!(follow.next(None).unwrap().map(|entry| entry.offset), Some(Offset(2)));
            ready.send(()).unwrap();
            follow.next(None).unwrap().map(|entry| entry.offset)
        });
        is_ready.recv().unwrap();
        drop(log);
        assert_eq!(follower.join().unwrap(), None);
    });
}

/// What is there is returned whatever the time is; what is not is waited for no longer than was said.
#[test]
fn a_deadline_ends_the_wait() {
    within_limit(|| {
        let log = append_to(open(&SimDisk::new(), small()), 1);
        let mut follow = log.reader().follow(Offset(0)).unwrap();
        let past = Instant::now();
        assert_eq!(follow.next(Some(past)).unwrap().map(|entry| entry.offset), Some(Offset(0)));
        let soon = Instant::now() + Duration::from_millis(20);
        assert_eq!(follow.next(Some(soon)).unwrap(), None);
        assert!(Instant::now() >= soon, "it gave up early");
        let _log = append_to(log, 2);
        assert_eq!(follow.next(Some(past)).unwrap().map(|entry| entry.offset), Some(Offset(1)));
    });
}

/// A follower that retention has overtaken is told where the log starts; from there it can begin again.
#[test]
fn a_follower_that_retention_overtakes_is_told() {
    within_limit(|| {
        let log = open(&SimDisk::new(), small());
        let mut follow = log.reader().follow(Offset(0)).unwrap();
        let mut log = append_to(log, 20);
        log.delete_before(Offset(10)).unwrap();
        let start = log.reader().start();
        let told = follow.next(None).map(drop);
        assert!(matches!(told, Err(Error::Deleted { offset: Offset(0), start: s }) if s == start), "{told:?}");
        let mut again = log.reader().follow(start).unwrap();
        assert_eq!(again.next(None).unwrap().map(|entry| entry.offset), Some(start));
    });
}

/// A follower of what is written sees a record before its sync, one of what is durable behind it.
#[test]
fn a_follower_of_what_is_written_does_not_wait_for_the_sync() {
    within_limit(|| {
        let mut log = open(&SimDisk::new(), small());
        let mut written = log.reader().with_visibility(Visibility::Written).follow(Offset(0)).unwrap();
        let mut durable = log.reader().follow(Offset(0)).unwrap();
        log.append(&[record(Offset(0))]).unwrap();
        assert_eq!(written.next(None).unwrap().map(|entry| entry.offset), Some(Offset(0)));
        assert_eq!(durable.next(Some(Instant::now())).unwrap(), None);
        log.sync().unwrap();
        assert_eq!(durable.next(None).unwrap().map(|entry| entry.offset), Some(Offset(0)));
    });
}

/// The end of a segment makes its records durable. Whoever waits for durable records is told then, and not when the next
/// record comes.
#[test]
fn the_end_of_a_segment_wakes_who_waits_for_durable_records() {
    within_limit(|| {
        let (storage, looks) = Watched::new();
        let mut log = SegmentedLog::open(&SimDisk::new().disk(), storage, small()).unwrap();
        log.append(&[record(Offset(0))]).unwrap();
        let mut follow = log.reader().follow(Offset(0)).unwrap();
        let follower = thread::spawn(move || follow.next(None).unwrap().map(|entry| entry.offset));
        let follower_id = follower.thread().id();
        // The follower's looks at the end of the log, of which it takes one when it is awake.
        let looked = || loop {
            match looks.recv_timeout(Duration::from_secs(20)) {
                Ok((thread, end)) if thread == follower_id => return Some(end),
                Ok(_) => {}
                Err(_) => return None,
            }
        };
        assert_eq!(looked(), Some(Offset(0)), "it finds nothing durable, and goes to sleep");
        log.roll().unwrap();
        assert_eq!(looked(), Some(Offset(1)), "nobody woke it when the segment ended");
        assert_eq!(follower.join().unwrap(), Some(Offset(0)));
    });
}

/// Records that compaction took away are no news: a follower in front of them sleeps like any other.
#[test]
fn a_follower_in_front_of_nothing_waits() {
    within_limit(|| {
        let mut log = open(&SimDisk::new(), small());
        let keyed = |value: &[u8]| Record::new(1, value.to_vec()).with_key(b"key".to_vec());
        log.append(&[keyed(b"value"), keyed(b"")]).unwrap();
        log.roll().unwrap();
        log.maintenance().compact(u64::MAX, &compact_each()).unwrap();
        let mut follow = log.reader().follow(Offset(0)).unwrap();
        assert_eq!(follow.next(Some(Instant::now())).unwrap(), None);
        log.append_durable(&record(Offset(2))).unwrap();
        assert_eq!(follow.next(None).unwrap().map(|entry| entry.offset), Some(Offset(2)));
    });
}

/// Nobody will ever wake a follower of a log that was opened for reading alone: it comes to its end.
#[test]
fn a_follower_without_a_writer_comes_to_an_end() {
    within_limit(|| {
        let sim = SimDisk::new();
        drop(one_record_each(&sim, 3));
        let reader = SegmentedReader::open(&sim.disk(), JsonSegments, &small()).unwrap();
        let mut follow = reader.follow(Offset(1)).unwrap();
        for expected in [Some(Offset(1)), Some(Offset(2)), None] {
            assert_eq!(follow.next(None).unwrap().map(|entry| entry.offset), expected);
        }
    });
}
