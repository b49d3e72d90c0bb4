//! The files of snapshots: damaged, impossible, and on a disk that fails.

use bytes::Bytes;
use lab::sim::{Errno, Fault, Operation, SimDisk, Which};
use stage05::verify::{Outcome, verify};
use stage06::Offset;
use stage06::batch::{Batch, Sequence};
use stage06::ids::LeaderEpoch;
use stage06::producers::{Check, PRODUCERS_MAX, Producers};
use stage06::replica_log::ReplicaLog;
use stage06::tablet_log::snapshots::{SNAPSHOT_SUFFIX, Snapshot};

use super::batches::{batch, batches, counted, open};
use super::snapshots::{check_opened, disk_with, files, fill, filled, snapshots};

#[test]
fn each_flipped_bit_and_each_cut_of_a_snapshot_is_found() {
    let sim = filled(4);
    let mut files = files(&sim);
    // The newest alone, so that all of the log is read where it is passed over.
    let (newest, bytes) = snapshots(&sim).pop().expect("a snapshot");
    files.retain(|(name, _)| !name.ends_with(SNAPSHOT_SUFFIX));
    let read_with = |snapshot: Vec<u8>| {
        let mut files = files.clone();
        files.push((newest.clone(), snapshot));
        check_opened(&disk_with(&files))
    };
    let used = read_with(bytes.clone());
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(read_with(flipped) > 2 * used, "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(read_with(bytes[..length].to_vec()) > 2 * used, "{length} bytes");
    }
    assert!(read_with([&*bytes, b"\n"].concat()) > 2 * used, "a line too many");
    assert!(read_with(vec![b'x'; 3 * 1024 * 1024]) > 2 * used, "a file that is too long");
}

#[test]
fn an_older_snapshot_takes_the_place_of_a_damaged_one() {
    let sim = filled(8);
    let by_the_newest = check_opened(&sim);
    let names: Vec<String> = snapshots(&sim).into_iter().map(|(name, _)| name).collect();
    sim.flip_bit(&names[2], 300);
    let by_the_second = check_opened(&sim);
    sim.flip_bit(&names[1], 300);
    let by_the_third = check_opened(&sim);
    sim.flip_bit(&names[0], 300);
    let without = check_opened(&sim);
    assert!(by_the_newest < by_the_second && by_the_second < by_the_third && by_the_third < without);
}

fn with_crc(front: &str) -> String {
    format!("{front}crc {:08x}\n", crc32fast::hash(front.as_bytes()))
}

/// The checksum is right, and the content is not: no log can be like that.
#[test]
fn a_snapshot_that_tells_what_cannot_be_is_none() {
    let front = "producers 1\nstart 0\nend 20\nepoch 7\nhas_forgotten false\n";
    let good = format!("{front}3 1 0:4..6 2:8..9\n4 0 9:15..20\n");
    assert!(Snapshot::decode(with_crc(&good).as_bytes()).is_some());
    let many: String =
        (0..=PRODUCERS_MAX as u64).map(|number| format!("{number} 0 0:{number}..{}\n", number + 1)).collect();
    let far = front.replace("end 20", "end 18446744073709551615");
    let bad = [
        good.replace("producers 1", "producers 2"),
        good.replace("end 20", "end 19"),
        good.replace("false", "no"),
        good.replace("epoch 7", "epoch 4294967296"),
        good.replace("start 0", "start  0"),
        good.replace("3 1 ", "3 65536 "),
        good.replace("3 1 0:4..6 2:8..9", "3 1"),
        good.replace("3 1 0:4..6 2:8..9", "4 1 0:4..6 2:8..9"),
        good.replace("0:4..6", "2147483648:4..6"),
        good.replace("0:4..6", "0:4..4"),
        good.replace("0:4..6", "0:6..4"),
        good.replace("0:4..6", "0:4..9"),
        good.replace("0:4..6", "0:4-6"),
        good.replace("9:15..20", "9:8..10"),
        good.replace("9:15..20", "0:1..2 0:2..3 0:3..4 0:5..6 0:6..7 0:7..8"),
        format!("{far}3 1 5:0..18446744073709551615\n"),
        format!("{far}{many}"),
        String::new(),
    ];
    for text in bad {
        assert_eq!(Snapshot::decode(with_crc(&text).as_bytes()), None, "{}", &text[..text.len().min(200)]);
    }
}

/// As many producers as there can be, each with as many batches, at the greatest offsets: that fits, and comes back.
/// One more has been forgotten, and that is not.
#[test]
fn the_largest_snapshot_comes_back() {
    let batches = 5 * (PRODUCERS_MAX as u64 + 1);
    // A batch of these tests has a timestamp that is as large.
    let first = u64::MAX - 10_000 - batches;
    let mut producers = Producers::new(Offset(0));
    for number in 0..batches {
        let sequence = Sequence { producer: i64::MAX as u64 - number / 5, epoch: u16::MAX, first: i32::MAX as u32 };
        let one = batch(Offset(first + number), 1, 1, 0);
        producers.append(&Batch { sequence: Some(sequence), body: Bytes::new(), ..one });
    }
    let snapshot = Snapshot { start: Offset(0), end: Offset(u64::MAX), epoch: LeaderEpoch(u32::MAX), producers };
    let text = snapshot.encode();
    assert!(text.len() < 2 * 1024 * 1024, "{} bytes", text.len());
    let read = Snapshot::decode(text.as_bytes()).expect("a whole snapshot");
    assert_eq!(read, snapshot);
    let forgotten = Sequence { producer: i64::MAX as u64, epoch: 0, first: 5 };
    assert_eq!(read.producers.check(&forgotten, 1), Check::New, "it may have written before");
}

#[test]
fn an_append_does_not_fail_with_its_snapshot() {
    let failures = |name: &str| {
        [
            Fault::fail(Operation::Create, Which::Every, Errno::Io).of_file(name),
            Fault::fail(Operation::Remove, Which::Every, Errno::Io).of_file(name),
            Fault::fail(Operation::Write, Which::Every, Errno::NoSpace).of_file(name),
            Fault::short_write(Which::Every, 40, Errno::NoSpace).of_file(name),
            Fault::fail(Operation::List, Which::Every, Errno::Io),
        ]
    };
    for number in 0..failures("").len() {
        let sim = SimDisk::new();
        let mut log = open(&sim.disk()).unwrap();
        fill(&mut log, 4, 1);
        let name = format!("{:020}{SNAPSHOT_SUFFIX}", log.end().0);
        let fault = failures(&name).into_iter().nth(number).expect("one of them");
        sim.inject(fault.clone());
        log.append(&counted(batches(log.end(), 3, 1, 9))).unwrap();
        assert_eq!(log.producers().unwrap(), log.reader().producers().unwrap(), "{fault:?}");
        log.sync().unwrap();
        sim.clear_faults();
        drop(log);
        // The list is not needed for the file itself, and what cannot be removed need not be there.
        let is_there = sim.names().contains(&name);
        assert_eq!(is_there, number == 1 || number == 4, "{fault:?}");
        check_opened(&sim);
    }
}

/// A snapshot that cannot be read costs time.
#[test]
fn a_directory_that_cannot_be_listed_and_files_that_cannot_be_read_are_passed_over() {
    let sim = filled(6);
    let mut faults = vec![Fault::fail(Operation::List, Which::Every, Errno::Io)];
    for (name, _) in snapshots(&sim) {
        faults.push(Fault::fail(Operation::Open, Which::Every, Errno::Io).of_file(&name));
        faults.push(Fault::fail(Operation::Read, Which::Every, Errno::Io).of_file(&name));
    }
    for fault in faults {
        let mut log = open(&sim.disk()).unwrap();
        sim.inject(fault.clone());
        assert_eq!(log.producers().unwrap(), log.reader().producers().unwrap(), "{fault:?}");
        sim.clear_faults();
    }
}

#[test]
fn to_stage_5_a_snapshot_is_nobodys() {
    let sim = filled(4);
    assert_eq!(snapshots(&sim).len(), 3);
    let seen = verify(&sim.disk()).unwrap();
    assert_eq!((seen.outcome, seen.segments, seen.torn_files.len()), (Outcome::Clean, 4, 0));
}
