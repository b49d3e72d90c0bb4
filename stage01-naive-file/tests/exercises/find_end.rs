//! Part 4: finding the end.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lab::contract::{damage, faults, open};
use lab::crash::{self, Options, scenario};
use lab::disks::SimDisks;
use lab::records::{record_of, records};
use lab::sim::{CrashState, Errno, Event, Fault, Lens, Operation, Sampling, SimDisk, Which};
use stage01::recover::{LogEnd, find_end, recover};
use stage01::scan::WINDOW_BYTES;
use stage01::{
    Disk, DiskFile, Error, FRAME_BYTES_MAX, Format, JsonLines, Log, NaiveLog, Offset, Place, Record, Stage, Stage01,
};

use crate::odd_file::OddFile;
use crate::{LOG, expect_content, line, lines, log_file, soon};

/// What a power cut now may leave.
fn power_cut_now(sim: &SimDisk) -> Vec<CrashState> {
    let trace = sim.trace();
    let mut replay = trace.replay();
    replay.advance_to(trace.events().len());
    replay.crash(Lens::PowerCut).states(Sampling { states_max: 200, seed: 1 }).collect()
}

/// What a crash leaves of an append is the start of the very next record: cut anywhere in front of its newline, with or
/// without zeros behind it. It may be cut away, since nobody was promised anything.
#[test]
fn s01p4_the_start_of_the_next_record_is_a_torn_append() {
    let next = Offset(12);
    let whole = &lines(12, 1)[0];
    for cut in 0..whole.len() {
        for zeros in [0, 1, 600] {
            let tail = [&whole[..cut], &vec![0; zeros]].concat();
            assert!(JsonLines.is_torn_append(&tail, next), "{cut} bytes of a line, {zeros} zeros behind");
        }
    }
}

/// Whatever is not the start of the very next record is somebody's data: another record's start, a whole line, a line
/// of somebody else. Whoever cuts it turns a damaged log into a lost one.
#[test]
fn s01p4_anything_else_is_somebodys_data() {
    let whole = &lines(12, 1)[0];
    let foreign = [
        &b"x"[..],
        b"{}",
        b"{ \"offset\":12",
        b"{\"offset\":13",
        b"{\"offset\":12}",
        b"{\"offset\":123",
        b"{\"offset\":12,\"value\":",
        b"{\"offset\":12,\"timestamp_ms\":5}\nx",
        b"\0x",
        b"{\"off\0et\":12",
        b"\n",
        whole,
    ];
    for tail in foreign {
        let shown = tail.escape_ascii();
        assert!(!JsonLines.is_torn_append(tail, Offset(12)), "{shown} must not be cut in front of record 12");
    }
    assert!(!JsonLines.is_torn_append(b"{\"offset\":1", Offset(2)), "the start of another record");
}

/// The end is behind the last whole record. On the way there each record is told with its place, and nothing is
/// changed: a reader without the right to write finds the end, too.
#[test]
fn s01p4_the_end_is_behind_the_last_whole_record() {
    let frames = lines(0, 6);
    let place = |of: usize| Place { offset: Offset(of as u64), position: frames[..of].concat().len() as u64 };
    for torn_bytes in [0, 1, 30] {
        let bytes = [&frames[..5].concat(), &frames[5][..torn_bytes]].concat();
        let sim = SimDisk::with_files([(LOG, &bytes[..])]);
        let file = log_file(&sim.disk());
        for first in [0, 3, 5] {
            let mut visited = Vec::new();
            let end = find_end(&file, &JsonLines, place(first), |place| visited.push(place)).expect("a good log");
            assert_eq!(end, LogEnd { place: place(5), torn_bytes: torn_bytes as u64 }, "from record {first} on");
            assert_eq!(visited, (first..5).map(place).collect::<Vec<_>>(), "where the records start");
        }
        assert!(sim.trace().events().is_empty(), "operations that change the disk: {:?}", sim.trace().events());
    }
}

/// A process can be killed in the middle of any write. Whatever byte the file ends at, the whole records in front of it
/// are there, the rest is cut away for good, and the log goes on.
#[test]
fn s01p4_a_log_cut_at_any_byte_opens_at_its_last_whole_record() {
    damage::a_log_cut_at_any_byte_reopens_to_its_longest_whole_prefix::<Stage01>(&SimDisks);
    open::a_torn_append_makes_room_for_a_shorter_one::<Stage01>(&SimDisks);
}

/// A file can be made longer before its bytes arrive: then the end reads as zeros, and goes like any torn append.
#[test]
fn s01p4_zeros_at_the_end_are_cut() {
    damage::zeros_at_the_end_are_a_torn_append::<Stage01>(&SimDisks);
}

/// What is no torn append is damage: the log does not open, the error says where, and not one byte of the file moves.
#[test]
fn s01p4_damage_is_refused_at_its_place_and_left_alone() {
    damage::what_is_no_torn_append_is_refused_and_left_alone::<Stage01>(&SimDisks);
    damage::damage_in_the_middle_is_an_error_at_its_place::<Stage01>(&SimDisks);
    damage::random_bytes_are_refused_and_left_alone::<Stage01>(&SimDisks);
}

/// No append leaves more than one frame's worth of bytes. A longer tail is not ours, and is not even read whole.
#[test]
fn s01p4_a_tail_longer_than_a_frame_is_refused() {
    let mut bytes = lines(0, 2).concat();
    let end = bytes.len() as u64;
    bytes.extend(b"{\"offset\":2,\"timestamp_ms\":");
    let sim = SimDisk::with_files([(LOG, &bytes[..])]);
    let length = end + FRAME_BYTES_MAX as u64 + 1;
    log_file(&sim.disk()).truncate(length).unwrap();
    let refused = Stage01::open(sim.disk()).map(|log| log.next_offset());
    assert!(
        matches!(refused, Err(Error::BadFrame { position, .. }) if position == end),
        "expected a bad frame at byte {end}, got {refused:?}"
    );
    assert_eq!(sim.tail(LOG, 0).0, length, "the length of a file that was refused");
}

/// Only a bad frame can be a torn append. A disk that cannot be read, or a file that ends early, says nothing about the
/// log, even if the bytes that are there would pass for the start of a record: that error is the answer.
#[test]
fn s01p4_only_a_bad_frame_can_be_torn() {
    let whole = &lines(0, 1)[0];
    let next = line(1, &Record::new(0, vec![b'v'; 2 * WINDOW_BYTES]));
    let bytes = [whole, &next[..WINDOW_BYTES + 1000]].concat();
    let sim = SimDisk::with_files([(LOG, &bytes[..])]);
    let file = log_file(&sim.disk());
    sim.inject(Fault::fail(Operation::Read, Which::Nth(2), Errno::Io));
    let found = find_end(&file, &JsonLines, Place::default(), |_| {});
    assert!(matches!(found, Err(Error::Io { .. })), "a read fails: expected the disk's error, got {found:?}");

    sim.clear_faults();
    let length = bytes.len() as u64 + 100;
    let file: Arc<dyn DiskFile> = Arc::new(OddFile::honest(file).with_length(length));
    let found = find_end(&file, &JsonLines, Place::default(), |_| {});
    assert!(
        matches!(found, Err(Error::Truncated { .. })),
        "a file cut while it is read: expected Truncated, got {found:?}"
    );
}

/// One directory, one writer: two would give the same offset twice. The lock is taken before anything else is touched,
/// and held as long as the log is.
#[test]
fn s01p4_a_second_writer_is_refused_until_the_first_is_gone() {
    open::a_second_writer_is_refused_until_the_first_is_gone::<Stage01>(&SimDisks);
    // A writer in the middle of its write: what looks like a torn append is none.
    let sim = SimDisk::with_files([(LOG, &lines(0, 1)[0][..20])]);
    let writer = sim.disk().lock().expect("nobody else is there");
    let refused = Stage01::open(sim.disk()).map(|log| log.next_offset());
    assert!(matches!(refused, Err(Error::Locked { .. })), "expected Locked, got {refused:?}");
    assert!(sim.trace().events().is_empty(), "done to the disk beside its writer: {:?}", sim.trace().events());
    drop(writer);
}

/// A cut that is not durable comes undone: a power cut brings the torn bytes back under whatever was written since. So
/// it is durable when the log is open.
#[test]
fn s01p4_the_cut_is_durable_when_the_log_is_open() {
    let frames = lines(0, 3);
    let whole = frames[..2].concat();
    for torn in [&frames[2][..40], &[0; 900]] {
        let sim = SimDisk::with_files([(LOG, &[&whole, torn].concat()[..])]);
        let log = Stage01::open(sim.disk()).expect("a log with a torn append at its end");
        assert_eq!(log.next_offset(), Offset(2));
        for state in power_cut_now(&sim) {
            let left = state.disk.cached(LOG).unwrap_or_default();
            assert_eq!(left.len(), whole.len(), "the length of the file after a power cut behind the opening");
        }
    }
}

/// A process before this one was killed: its last records are in the page cache, and perhaps nowhere else. A log that
/// shows them has to make them durable first, for somebody may act on what was shown, and then the power fails.
#[test]
fn s01p4_what_an_open_log_shows_survives_a_power_cut() {
    let scenario = |sim: &SimDisk| {
        let mut log = Stage01::open(sim.disk()).expect("a new log");
        log.append(&records(Offset(0), 3)).expect("an append");
        drop(log);
        let log = Stage01::open(sim.disk()).expect("the same log");
        sim.served(log.next_offset().0);
    };
    crash::power_cuts::<Stage01>(Lens::PowerCut, &Options::default(), scenario).expect_survival();
}

/// A sync of the process before has failed. The kernel then shows bytes that are not on the disk, believes that they
/// are, and no later sync carries them: only writing them again does. What an open log shows must be on the disk.
#[test]
fn s01p4_what_a_failed_sync_left_behind_is_written_again() {
    for count in [1, 20, 1500] {
        let sim = SimDisk::new();
        let mut log = Stage01::open(sim.disk()).expect("a new log");
        log.append_durable(&records(Offset(0), 1)[0]).expect("an append");
        sim.inject(Fault::sync_fails_then_lies(Which::Nth(1)));
        log.append(&records(Offset(1), count)).expect("an append");
        log.sync().expect_err("the sync fails");
        drop(log);
        let log = Stage01::open(sim.disk()).expect("the same log");
        assert_eq!(log.next_offset(), Offset(1 + count), "the next process reads all of it");
        let whole = lines(0, 1 + count).concat();
        for state in power_cut_now(&sim) {
            let left = state.disk.cached(LOG).unwrap_or_default();
            let left = &left[..left.len().min(whole.len())];
            expect_content(left, &whole, &format!("what a power cut left of {count} records of a failed sync"));
        }
    }
}

/// Writing again costs time, so there is a limit: the last bytes of the log, as many as one append can have in front of
/// its sync, and none in front of the place that the caller knows to be durable.
#[test]
fn s01p4_no_more_is_written_again_than_may_be_lost() {
    let sim = SimDisk::new();
    let mut log = Stage01::open(sim.disk()).expect("a new log");
    for offset in 0..12 {
        log.append(&[record_of(Offset(offset), 1_000_000)]).expect("an append");
    }
    let last = log.starts()[0];
    drop(log);
    let lowest_write = |recover: &dyn Fn(Arc<dyn Disk>)| {
        let before = sim.trace().events().len();
        recover(sim.disk());
        let trace = sim.trace();
        let positions = trace.events()[before..].iter().filter_map(|event| match event {
            Event::Write { position, .. } => Some(*position),
            _ => None,
        });
        positions.min().expect("something is written again")
    };
    let length = sim.tail(LOG, 0).0;
    let lowest = lowest_write(&|disk| drop(NaiveLog::open(&disk, JsonLines).expect("a good log")));
    assert_eq!(length - lowest, FRAME_BYTES_MAX as u64, "bytes of a log of {length} that are written again");
    let from = Place { offset: Offset(11), position: last };
    let lowest = lowest_write(&|disk| {
        let end = recover(&log_file(&disk), &JsonLines, from, |_| {}).expect("a good log");
        assert_eq!(end, Place { offset: Offset(12), position: length });
    });
    assert_eq!(lowest, last, "the first byte that is written again behind a place known to be durable");
}

/// A read may give less than it was asked for; then the rest is still to be written. One that gives nothing means that
/// somebody cuts the file, which is an error, `UnexpectedEof`, and no reason to ask again for ever.
#[test]
fn s01p4_writing_again_copes_with_short_reads_and_ends_at_an_empty_one() {
    soon(|| {
        let bytes = lines(0, 40).concat();
        let length = bytes.len() as u64;
        for most in [100, 0] {
            let sim = SimDisk::with_files([(LOG, &bytes[..])]);
            // The end is found with reads of up to the whole file; a read of what was read before is the other kind.
            let seen = AtomicU64::new(0);
            let file: Arc<dyn DiskFile> =
                Arc::new(OddFile::new(log_file(&sim.disk()), move |inner, buffer, position| {
                    let is_second = seen.load(Ordering::Relaxed) == length;
                    let wanted = if is_second { buffer.len().min(most) } else { buffer.len() };
                    let read = inner.read_at(&mut buffer[..wanted], position)?;
                    seen.fetch_max(position + read as u64, Ordering::Relaxed);
                    Ok(read)
                }));
            let recovered = recover(&file, &JsonLines, Place::default(), |_| {});
            if most == 0 {
                let is_end =
                    matches!(&recovered, Err(Error::Io { cause, .. }) if cause.kind() == ErrorKind::UnexpectedEof);
                assert!(is_end, "a read gives nothing: expected Error::Io with UnexpectedEof, got {recovered:?}");
                continue;
            }
            assert_eq!(recovered.expect("a good log"), Place { offset: Offset(40), position: length });
            let mut written = vec![0; bytes.len()];
            for event in sim.trace().events() {
                if let Event::Write { position, bytes, .. } = event {
                    written[*position as usize..][..bytes.len()].copy_from_slice(bytes);
                }
            }
            expect_content(&written, &bytes, "what was written again");
        }
    });
}

/// Whatever operation of the disk fails while a log is opened, the answer is an error, and no record is lost by it.
#[test]
fn s01p4_any_operation_of_opening_may_fail() {
    faults::any_operation_of_opening_may_fail::<Stage01>(&SimDisks);
}

/// Stage 1 keeps two promises. Killed at any moment, or cut off from its power at any moment with a prefix of the
/// unsynced on the disk, the log opens, holds what it acknowledged, and goes on; and so it does when the recovery
/// itself crashes.
#[test]
fn s01p4_a_crash_at_any_moment_loses_nothing() {
    let options = Options { sampling: Sampling { states_max: 200, seed: 1 }, ..Options::default() };
    crash::power_cuts::<Stage01>(Lens::PowerCut, &options, scenario::append_each::<Stage01>(7)).expect_survival();
    let few = Options { sampling: Sampling { states_max: 4, seed: 1 }, ..options };
    crash::kills::<Stage01>(&few, scenario::append_batches::<Stage01>(3, 3)).expect_survival();
}
