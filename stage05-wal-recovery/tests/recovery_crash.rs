//! Recovery is crashed itself: at each of its operations, in every way, and the recovery after that as well.

mod recovery_common;

use lab::sim::{CrashState, Errno, Fault, Lens, Operation, Sampling, SimDisk, Which};
use recovery_common::*;
use stage05::Access;
use stage05::decision::RecoveryMode::{self, PointInTime, TolerateTornTail};
use stage05::recovery_point::{RECOVERY_POINT, RecoveryPoint};

const SAMPLING: Sampling = Sampling { states_max: 60, seed: 5 };

/// A disk on which the first `durable` frames are synced, and what lies behind them in the page cache is not.
fn with_cached_tail(written: &Written, durable: usize, tail: &[u8], zeros: usize) -> SimDisk {
    let front = written.front(durable);
    let sim = on_disk(&[front, &vec![0; zeros]].concat());
    let file = site(&sim).open(&log_name(), Access::Write).unwrap();
    file.write_at(tail, front.len() as u64).unwrap();
    sim
}

/// Crashes everything that has happened on the disk, behind `begun` events, and gives each state to `check`.
fn at_each_crash(sim: &SimDisk, begun: usize, mut check: impl FnMut(&CrashState, &str)) -> usize {
    let trace = sim.trace();
    let mut states = 0;
    for lens in [Lens::PowerCut, Lens::TornWrite] {
        for state in trace.crash_states(lens, SAMPLING) {
            if state.point >= begun {
                states += 1;
                check(&state, &format!("{lens:?} at point {}, {:?}", state.point, state.choice));
            }
        }
    }
    states
}

/// Recovers, and asserts that what is there is a prefix of `written` with at least `frames_min` frames. Returns how
/// many there are.
fn recovers_prefix(sim: &SimDisk, written: &Written, frames_min: usize, context: &str) -> usize {
    let recovered = recover(sim).unwrap_or_else(|e| panic!("{context}: {e}"));
    let frames = written.places.iter().position(|place| *place == recovered.end);
    let frames =
        frames.unwrap_or_else(|| panic!("{context}: it ends at {:?}, in the middle of a frame", recovered.end));
    assert!(frames >= frames_min, "{context}: {frames} frames, {frames_min} were promised");
    assert_eq!(records_of(&recovered), written.records_in(frames), "{context}");
    frames
}

/// Whatever recovery has shown to a reader stays, through a power cut at any later moment, and one more.
fn what_was_served_stays(sim: SimDisk, written: &Written, durable: usize, context: &str) -> usize {
    let begun = sim.trace().events().len();
    let served = recovers_prefix(&sim, written, durable, context);
    let shown = sim.trace().events().len();
    let promised = |point: usize| if point >= shown { served } else { durable };
    at_each_crash(&sim, begun, |state, crash| {
        let context = format!("{context}; {crash}");
        let found = recovers_prefix(&state.disk, written, promised(state.point), &context);
        let life = state.disk.trace();
        let end = life.events().len();
        for lens in [Lens::PowerCut, Lens::TornWrite] {
            for again in life.crash_states(lens, Sampling { states_max: 3, seed: 7 }) {
                let promised = if again.point == end { found } else { promised(state.point) };
                recovers_prefix(&again.disk, written, promised, &format!("{context}; again at {}", again.point));
            }
        }
    })
}

#[test]
fn a_crash_at_any_operation_of_recovery_and_another_in_the_next_one_lose_nothing() {
    let written = Written::with_unsynced(2, 3);
    let start = written.front(2).len();
    let mut states = 0;
    for cut in (start..=written.bytes.len()).step_by(119).chain([written.bytes.len()]) {
        for zeros in [0, 3000] {
            let sim = with_cached_tail(&written, 2, &written.bytes[start..cut], zeros);
            states += what_was_served_stays(sim, &written, 2, &format!("cut at byte {cut}, {zeros} zeros"));
        }
    }
    assert!(states > 2000, "{states} states");
}

/// The frames of one group arrive in any order, so there may be holes with good frames behind.
#[test]
fn a_crash_at_any_operation_of_recovery_is_survived_with_a_hole_in_the_tail() {
    let written = Written::with_unsynced(1, 3);
    let start = written.front(1).len();
    for hole in 1..4 {
        let mut tail = written.bytes[start..].to_vec();
        tail[written.places[hole].position as usize - start..][..40].fill(0);
        let sim = with_cached_tail(&written, 1, &tail, 0);
        what_was_served_stays(sim, &written, 1, &format!("frame {hole} has a hole"));
    }
}

/// When a sync has failed, the frames stay in the page cache as if they were on the disk: they can be read, and a sync
/// writes nothing. Recovery finds them, shows them, and has to write them first.
#[test]
fn frames_of_a_sync_that_failed_are_durable_before_they_are_served() {
    let written = Written::with_unsynced(2, 3);
    let start = written.front(2).len();
    for cut in [written.bytes.len(), written.bytes.len() - 4] {
        let sim = with_cached_tail(&written, 2, &written.bytes[start..cut], 0);
        sim.inject(Fault::sync_fails_then_lies(Which::Nth(1)));
        let file = site(&sim).open(&log_name(), Access::Write).unwrap();
        file.sync_data().expect_err("a sync that fails");
        sim.clear_faults();
        what_was_served_stays(sim, &written, 2, "behind a failed sync");
    }
}

/// The tail may be what somebody misses, so each of its bytes is in one of two places at any time.
#[test]
fn every_byte_of_a_tail_is_in_the_segment_or_in_the_file_that_keeps_it() {
    let written = Written::with_unsynced(2, 2);
    for mode in [TolerateTornTail, PointInTime] {
        // All of it is durable, and the third frame is damaged; for the second mode, the first one is.
        let damaged = if mode == PointInTime { 0 } else { 2 };
        let from = written.places[damaged].position as usize;
        let mut bytes = written.bytes.clone();
        bytes[from + 20] ^= 1;
        let sim = with_point(&bytes, written.places[1]);
        let recovered = recover_as(&sim, mode).unwrap();
        let kept = recovered.report.cut.unwrap().saved_as.unwrap();
        let last = bytes.iter().rposition(|&byte| byte != 0).unwrap();
        at_each_crash(&sim, 0, |state, crash| {
            let log = state.disk.cached(&log_name()).unwrap();
            let kept = state.disk.cached(&kept);
            let is_kept = kept.as_deref() == Some(&bytes[from..=last]);
            assert!(log == bytes || is_kept, "{mode:?}, {crash}: the log has {} bytes, kept is {kept:?}", log.len());
            let again = recover_as(&state.disk, mode).unwrap_or_else(|e| panic!("{mode:?}, {crash}: {e}"));
            assert_eq!(again.end, written.places[damaged], "{mode:?}, {crash}");
            let third = recover_as(&state.disk, TolerateTornTail).unwrap_or_else(|e| panic!("{mode:?}, {crash}: {e}"));
            assert_eq!(third.end, written.places[damaged], "{mode:?}, {crash}: once cut, every mode opens it");
        });
    }
}

/// Each operation fails once, and then the disk is well again.
#[test]
fn an_error_of_any_operation_is_reported_and_the_next_recovery_finds_everything() {
    let written = Written::with_unsynced(2, 2);
    for failing in 1.. {
        let sim = with_cached_tail(&written, 2, &written.bytes[written.front(2).len()..written.bytes.len() - 3], 0);
        let before = sim.counters().operations;
        sim.inject(Fault::fail(Operation::Any, Which::Nth(failing), Errno::Io));
        let refused = recover(&sim);
        let operations = sim.counters().operations - before;
        sim.clear_faults();
        if operations < failing {
            refused.expect("no operation failed");
            assert!(failing > 10, "recovery took {operations} operations");
            return;
        }
        let refused = refused.expect_err("an operation that failed");
        assert!(matches!(refused, stage05::Error::Io { .. }), "operation {failing}: {refused}");
        assert_recovers(&sim, &written, 3, &format!("operation {failing} had failed"));
    }
}

/// A full disk is what tears appends. The log opens on it: the tail goes without a copy, for it was promised to nobody.
#[test]
fn a_torn_tail_on_a_full_disk_is_cut_without_a_copy() {
    let written = Written::with_unsynced(2, 2);
    let bytes = &written.bytes[..written.bytes.len() - 3];
    for free in [0, 1, 100] {
        let sim = on_disk(bytes);
        sim.set_space(bytes.len() as u64 + free);
        let cut = assert_recovers(&sim, &written, 3, "a full disk").report.cut.unwrap();
        assert_eq!((cut.saved_as, sim.names()), (None, vec![log_name()]), "{free} bytes free");
    }
    // What was acknowledged is another matter: it does not go without a copy.
    let mut bytes = written.bytes.clone();
    bytes[written.places[0].position as usize] ^= 1;
    let sim = on_disk(&bytes);
    sim.set_space(bytes.len() as u64);
    recover_as(&sim, RecoveryMode::PointInTime).expect_err("no room for the copy");
    assert_eq!(sim.cached(&log_name()), Some(bytes));
}

/// The cut of acknowledged records is in two places, the segment and the recovery point. Between the two, the default
/// mode may refuse a log that is not cut yet, and never one that is.
#[test]
fn a_crash_between_the_cut_and_the_recovery_point_leaves_a_log_that_says_which_of_them_happened() {
    let written = Written::synced_each(3);
    let mut bytes = written.bytes.clone();
    bytes[written.places[1].position as usize + 20] ^= 1;
    let sim = with_point(&bytes, written.end());
    let untouched = sim.cached(RECOVERY_POINT);
    recover_as(&sim, PointInTime).unwrap();
    let states = at_each_crash(&sim, 0, |state, crash| {
        let log = state.disk.cached(&log_name()).unwrap();
        let point = state.disk.cached(RECOVERY_POINT);
        match recover_as(&state.disk, TolerateTornTail) {
            // As long as nothing has happened, the damage lies in front of the recovery point, where nobody looks.
            Ok(recovered) if point == untouched => assert_eq!(recovered.end, written.places[3], "{crash}"),
            Ok(recovered) => assert_eq!(recovered.end, written.places[1], "{crash}"),
            Err(refused) => assert!(log.len() == bytes.len(), "{crash}: {refused}"),
        }
    });
    assert!(states > 10, "{states} states");
}

/// Killed at any operation, recovered, and then the power goes: the file that keeps the tail has its name for good
/// before the tail is cut, whoever of the two has made it.
#[test]
fn a_copy_that_was_made_before_a_kill_is_durable_before_the_cut() {
    let written = Written::with_unsynced(2, 1);
    let from = written.places[2].position as usize;
    let mut bytes = written.bytes.clone();
    bytes[from + 20] ^= 1;
    let last = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    let sim = on_disk(&bytes);
    let kept = recover(&sim).unwrap().report.cut.unwrap().saved_as.unwrap();
    let trace = sim.trace();
    let mut replay = trace.replay();
    for point in trace.points() {
        replay.advance_to(point);
        let killed = replay.killed(0);
        recover(&killed).unwrap_or_else(|e| panic!("killed at {point}: {e}"));
        at_each_crash(&killed, 0, |state, crash| {
            let is_kept = state.disk.cached(&kept).as_deref() == Some(&bytes[from..=last]);
            assert!(state.disk.cached(&log_name()) == Some(bytes.clone()) || is_kept, "killed at {point}; {crash}");
        });
    }
}

/// Whatever is lost of it, the recovery point is the one before or the one after, and never a part of one.
#[test]
fn a_recovery_point_is_the_old_one_or_the_new_one_at_any_crash() {
    let written = Written::synced_each(3);
    let sim = with_point(&written.bytes, written.places[1]);
    let [old, new] = [1, 2].map(|frame| RecoveryPoint { start: BASE, segment: BASE, durable: written.places[frame] });
    new.write(&site(&sim)).unwrap();
    let written = sim.trace().events().len();
    let states = at_each_crash(&sim, 0, |state, crash| {
        let found = RecoveryPoint::read(&state.disk.disk()).unwrap_or_else(|e| panic!("{crash}: {e}"));
        let is_right = found == Some(new) || (found == Some(old) && state.point < written);
        assert!(is_right, "{crash}: {found:?}");
    });
    assert!(states > 8, "{states} states");
}
