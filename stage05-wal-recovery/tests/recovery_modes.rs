//! How much damage a log is opened with, the recovery point, and files that were never finished.

mod recovery_common;

use lab::records::{record, records};
use recovery_common::*;
use stage05::decision::RecoveryMode::{self, AbsoluteConsistency, PointInTime, SkipAny, TolerateTornTail};
use stage05::header::SEGMENT_HEADER_BYTES;
use stage05::recovery_point::{RECOVERY_POINT, RecoveryPoint};
use stage05::salvage::salvage;
use stage05::verify::{Outcome, verify};
use stage05::{Error, Framed, Log, Offset, Place, Reader, Scan, SegmentOptions, SegmentedLog};

const MODES: [RecoveryMode; 4] = [AbsoluteConsistency, TolerateTornTail, PointInTime, SkipAny];

#[test]
fn a_whole_segment_opens_in_every_mode_and_keeps_every_byte() {
    for written in [Written::new(), Written::synced_each(3), Written::with_unsynced(1, 3)] {
        for mode in MODES {
            for zeros in [0, 500] {
                let bytes = [&written.bytes[..], &vec![0; zeros]].concat();
                let sim = on_disk(&bytes);
                let recovered = recover_as(&sim, mode).unwrap_or_else(|e| panic!("{mode:?}: {e}"));
                assert_eq!(records_of(&recovered), written.records, "{mode:?}");
                assert_eq!((recovered.report.cut, sim.durable(&log_name())), (None, Some(bytes)), "{mode:?}");
            }
        }
    }
}

#[test]
fn a_torn_tail_is_an_error_in_one_mode_and_cut_in_two() {
    let written = Written::with_unsynced(1, 2);
    let torn = &written.bytes[..written.bytes.len() - 3];
    let refused = assert_refused(&on_disk(torn), AbsoluteConsistency, "nothing is put up with");
    let end = written.places[2];
    assert!(
        matches!(refused, Error::BadFrame { position, expected, .. } if (position, expected) == (end.position, end.offset)),
        "{refused}"
    );
    for mode in [TolerateTornTail, PointInTime] {
        let cut = recover_as(&on_disk(torn), mode).unwrap().report.cut.unwrap();
        assert_eq!(cut.lost, end.offset..end.offset, "{mode:?}: nothing was lost that was promised");
    }
    let refused = assert_refused(&on_disk(torn), SkipAny, "holes are for reading alone");
    assert!(
        matches!(&refused, Error::Io { cause, .. } if cause.kind() == std::io::ErrorKind::Unsupported),
        "{refused}"
    );
}

/// The dangerous mode: everything behind the first damage goes, the report says what, and the bytes are kept.
#[test]
fn point_in_time_ends_at_the_first_damage_keeps_the_bytes_and_says_what_was_lost() {
    let written = Written::synced_each(4);
    for damaged in 0..4 {
        for point in [None, Some(written.end())] {
            let mut bytes = written.bytes.clone();
            let place = written.places[damaged];
            bytes[place.position as usize + 60] ^= 1;
            let sim = point.map_or_else(|| on_disk(&bytes), |point| with_point(&bytes, point));
            let recovered = recover_as(&sim, PointInTime).unwrap();
            assert_eq!(records_of(&recovered), written.records_in(damaged), "frame {damaged}, {point:?}");
            let cut = recovered.report.cut.unwrap();
            // Without a recovery point, nobody can tell that the last frame was synced.
            let lost = point.map_or(written.places[3].offset, |point| point.offset);
            assert_eq!((cut.position, &cut.lost), (place.position, &(place.offset..lost)), "frame {damaged}");
            let kept = sim.durable(&cut.saved_as.unwrap()).unwrap();
            let last = bytes.iter().rposition(|&byte| byte != 0).unwrap();
            assert_eq!(kept, bytes[place.position as usize..=last], "frame {damaged}");
            // It is an ordinary log from now on.
            append_to(&recover(&sim).unwrap(), &records(place.offset, 2));
            assert_eq!(recover(&sim).unwrap().end.offset, place.offset.plus(2), "frame {damaged}");
        }
    }
}

/// Behind the recovery point lies the end of the log, and all that is read is what lies behind it.
#[test]
fn opening_reads_from_the_recovery_point_on() {
    let written = Written::synced_each(200);
    for frames in [0, 1, 100, 199, 200] {
        let sim = with_point(&written.bytes, written.places[frames]);
        let before = sim.bytes_read();
        let report = recover(&sim).unwrap().report;
        assert_eq!(report.frames, 200 - frames as u64);
        let behind = written.end().position - written.places[frames].position;
        assert_eq!(report.bytes_scanned, behind);
        let read = sim.bytes_read() - before;
        assert!(read < 4 * behind + 3 * SEGMENT_HEADER_BYTES as u64, "{read} bytes read for {behind}");
    }
}

/// KAFKA-10101: what recovery has found is not what was synced. The file is the same before and behind.
#[test]
fn recovery_does_not_move_the_recovery_point() {
    let written = Written::with_unsynced(2, 2);
    for bytes in [&written.bytes[..], &written.bytes[..written.bytes.len() - 3]] {
        let sim = with_point(bytes, written.places[1]);
        let before = sim.cached(RECOVERY_POINT);
        recover(&sim).unwrap();
        assert_eq!(sim.cached(RECOVERY_POINT), before);
    }
}

/// The file ends in front of the recovery point, at the end of a frame even: nothing in the file tells.
#[test]
fn records_that_the_recovery_point_knows_and_nobody_has_are_corruption() {
    let written = Written::synced_each(3);
    for bytes in SEGMENT_HEADER_BYTES..written.bytes.len() {
        let frames = written.whole_frames(bytes);
        let sim = with_point(&written.bytes[..bytes], written.end());
        let refused = assert_refused(&sim, TolerateTornTail, &format!("{bytes} bytes"));
        let place = written.places[frames];
        assert!(matches!(refused, Error::BadFrame { expected, .. } if expected == place.offset), "{refused}");
    }
    let zeros = [written.front(1), &[0; 4000]].concat();
    // What lies in front of the recovery point is not read, but in the mode that reads everything.
    assert_refused(&with_point(&zeros, written.end()), AbsoluteConsistency, "zeros in the place of frames");
    // A whole segment is missing: the recovery point names one that comes later.
    let later =
        RecoveryPoint { start: BASE, segment: Offset(5000), durable: Place { offset: Offset(5000), position: 4096 } };
    let sim = lab::sim::SimDisk::with_files([
        (&*log_name(), &written.bytes[..]),
        (RECOVERY_POINT, later.encode().as_bytes()),
    ]);
    assert_refused(&sim, TolerateTornTail, "the newest segment is missing");
}

/// Who is ready to lose records gets past a recovery point that cannot be read, and it is whole again after that.
#[test]
fn point_in_time_gets_past_a_damaged_recovery_point_and_mends_it() {
    let written = Written::synced_each(3);
    let sim = with_point(&written.bytes, written.places[1]);
    sim.flip_bit(RECOVERY_POINT, 100);
    assert_refused(&sim, TolerateTornTail, "a damaged recovery point");
    assert_eq!(recover_as(&sim, PointInTime).unwrap().end, written.end());
    let mended = RecoveryPoint::read(&lab::sim::SimDisk::disk(&sim)).unwrap().unwrap();
    assert_eq!((mended.segment, mended.durable), (BASE, written.end()));
    assert_eq!(recover(&sim).unwrap().end, written.end());
}

/// What a crash, or a file system that forgot bytes, may have left of a new file: it is made once more.
#[test]
fn a_header_that_was_never_finished_is_made_once_more_if_nothing_was_behind_it() {
    let empty = Written::new();
    for bytes in 0..SEGMENT_HEADER_BYTES {
        let sim = on_disk(&empty.bytes[..bytes]);
        let recovered = recover(&sim).unwrap_or_else(|e| panic!("{bytes} bytes: {e}"));
        assert_eq!((recovered.end, recovered.header.salt), (empty.end(), SALT + 1), "{bytes} bytes");
        assert_eq!(sim.durable(&log_name()).unwrap().len(), SEGMENT_HEADER_BYTES, "{bytes} bytes");
        assert_refused(&on_disk(&empty.bytes[..bytes]), AbsoluteConsistency, &format!("{bytes} bytes"));
    }
    for zeros in [SEGMENT_HEADER_BYTES, 100_000] {
        let recovered = recover(&on_disk(&vec![0; zeros])).unwrap();
        append_to(&recovered, &records(BASE, 3));
    }
    // The same with one byte that is not zero behind the block, or with a recovery point that knows of a record.
    let mut bytes = vec![0; 100_000];
    bytes[50_000] = 1;
    assert_refused(&on_disk(&bytes), TolerateTornTail, "something was written behind the block");
    let synced = Place { offset: BASE.plus(1), position: 5000 };
    assert_refused(&with_point(&vec![0; 8000], synced), TolerateTornTail, "a record was synced here");
}

/// A file that is somebody else's does not become a log because it is short.
#[test]
fn bytes_that_are_no_front_of_a_header_are_refused() {
    for bytes in [&b"x"[..], b"SIXLOX", b"SIXLOG\0\x04", b"{\"offset\":0}\n"] {
        assert_refused(&on_disk(bytes), TolerateTornTail, &format!("{:?}", bytes.escape_ascii().to_string()));
    }
    let mut other_base = Written::new().bytes;
    other_base[16] ^= 1;
    assert_refused(&on_disk(&other_base[..40]), TolerateTornTail, "the front of another segment's header");
}

/// With a bad header no frame can be told. The last way out takes the whole segment, and keeps it.
#[test]
fn point_in_time_makes_a_segment_with_a_bad_header_once_more_and_keeps_the_old_bytes() {
    let written = Written::synced_each(2);
    let mut bytes = written.bytes.clone();
    bytes[3] ^= 1;
    let sim = with_point(&bytes, written.end());
    let recovered = recover_as(&sim, PointInTime).unwrap();
    assert_eq!(recovered.end, Written::new().end());
    let cut = recovered.report.cut.unwrap();
    assert_eq!(cut.lost, BASE..written.end().offset);
    let last = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    assert_eq!(sim.durable(&cut.saved_as.unwrap()).as_deref(), Some(&bytes[..=last]));
    assert_eq!(recover(&sim).unwrap().end, Written::new().end());
}

/// What is known to be durable is not written again: one group of frames at most is.
#[test]
fn recovery_writes_again_what_may_not_be_durable_and_little_more() {
    let written = Written::with_unsynced(50, 3);
    let sim = written.on_disk();
    let report = recover(&sim).unwrap().report;
    let unsynced = written.end().position - written.places[50].position;
    assert!(report.bytes_written_again >= unsynced, "{report:?}");
    let two_frames_more = written.end().position - written.places[48].position;
    assert!(report.bytes_written_again <= two_frames_more, "{two_frames_more}: {report:?}");
    assert_eq!(sim.counters().bytes_written, report.bytes_written_again);
}

/// Point in time is a point in the newest segment. Damage in a sealed one takes nothing away: not the segment, and not
/// those behind it. It is an error for whoever reads there, and a salvage reads the rest.
#[test]
fn point_in_time_cuts_no_sealed_segment() {
    let sim = lab::sim::SimDisk::new();
    let bytes = SEGMENT_HEADER_BYTES as u64 + 300;
    let options = SegmentOptions::with_segment_bytes(bytes);
    let mut log = SegmentedLog::open(&sim.disk(), Framed::default(), options).unwrap();
    for offset in (0..12).map(Offset) {
        log.append_durable(&record(offset)).unwrap();
    }
    drop(log);
    let names: Vec<_> = sim.names().into_iter().filter(|name| name.ends_with(".log")).collect();
    assert!(names.len() > 3, "{names:?}");
    sim.flip_bit(&names[1], (SEGMENT_HEADER_BYTES as u64 + 60) * 8);
    let damaged: u64 = names[1].trim_end_matches(".log").parse().unwrap();
    let before: Vec<_> = names.iter().map(|name| sim.cached(name)).collect();

    let storage = Framed { recovery_mode: PointInTime, ..Framed::default() };
    let log = SegmentedLog::open(&sim.disk(), storage, options).expect("the newest segment is whole");
    assert_eq!(log.next_offset(), Offset(12));
    assert!(log.newest().recovery().is_none_or(|report| report.cut.is_none()));
    let mut scan = log.reader().scan(Offset(0)).unwrap();
    for offset in (0..damaged).map(Offset) {
        assert_eq!(scan.next().unwrap().unwrap().offset, offset);
    }
    assert!(matches!(scan.next(), Err(Error::BadFrame { expected, .. }) if expected == Offset(damaged)));
    drop(scan);
    drop(log);
    assert_eq!(names.iter().map(|name| sim.cached(name)).collect::<Vec<_>>(), before, "a segment has changed");
    let mut salvaged = Vec::new();
    salvage(&sim.disk(), |offset, _| salvaged.push(offset.0)).unwrap();
    assert_eq!(salvaged, (0..12).filter(|offset| *offset != damaged).collect::<Vec<_>>());
}

/// What was cut is kept through all later opens, and an inspection says that it is there.
#[test]
fn a_torn_file_stays_until_a_person_removes_it_and_verify_lists_it() {
    let written = Written::with_unsynced(1, 2);
    let sim = on_disk(&written.bytes[..written.bytes.len() - 3]);
    assert_eq!(verify(&sim.disk()).unwrap().torn_files, [""; 0]);
    let name = recover(&sim).unwrap().report.cut.unwrap().saved_as.unwrap();
    let kept = sim.durable(&name);
    // What is not finished, and what is somebody else's.
    for other in [&format!("{name}.new"), "notes.torn-1", "00000000000000000100.torn-off"] {
        sim.disk().create(other).unwrap();
    }
    for _ in 0..3 {
        recover(&sim).unwrap();
        let seen = verify(&sim.disk()).unwrap();
        assert_eq!((seen.torn_files, seen.outcome), (vec![name.clone()], Outcome::Clean));
        assert_eq!(sim.durable(&name), kept);
    }
    sim.disk().remove(&name).unwrap();
    assert_eq!(verify(&sim.disk()).unwrap().torn_files, [""; 0]);
    recover(&sim).unwrap();
}
