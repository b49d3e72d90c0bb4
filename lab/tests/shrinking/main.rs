//! The laboratory put to the test on logs that give records up: what may be gone is not missed, and what may not is.

#[allow(dead_code, reason = "each test plants some of the mistakes")]
mod shrinking_log;

use lab::crash::scenario::append_synced;
use lab::crash::{self, Failure, Invariant, Options};
use lab::promises;
use lab::sim::{Fault, Lens, Sampling, SimDisk, Which};
use shrinking_log::{Shrinking, bug};
use stage01::{Offset, Promise, Stage, Stage01};

/// Appends, deletes, compacts, deletes what was compacted, and goes on.
fn life<const BUG: u8>(sim: &SimDisk) {
    let mut log = Shrinking::<BUG>::open(sim.disk()).unwrap();
    append_synced(&mut log, 18, sim).unwrap();
    sim.may_delete(1);
    log.delete_before(Offset(1)).unwrap();
    append_synced(&mut log, 1, sim).unwrap();
    // Of the first 17 records, 1 and 16 have the same key.
    sim.may_compact(17);
    log.compact(Offset(17)).unwrap();
    append_synced(&mut log, 1, sim).unwrap();
    sim.may_delete(8);
    log.delete_before(Offset(8)).unwrap();
    append_synced(&mut log, 1, sim).unwrap();
}

fn options() -> Options {
    Options { sampling: Sampling { states_max: 100, seed: 1 }, recovery_states_max: 1, ..Options::default() }
}

fn loss<const BUG: u8>() -> Failure {
    crash::power_cuts::<Shrinking<BUG>>(Lens::PowerCut, &options(), life::<BUG>).expect_loss()
}

#[test]
fn a_log_that_gives_up_what_it_may_survives_every_crash() {
    for lens in [Lens::PowerCut, Lens::TornWrite] {
        crash::power_cuts::<Shrinking<{ bug::NONE }>>(lens, &options(), life::<{ bug::NONE }>).expect_survival();
    }
    crash::kills::<Shrinking<{ bug::NONE }>>(&options(), life::<{ bug::NONE }>).expect_survival();
}

#[test]
fn deleting_one_record_too_many_loses_an_acknowledged_one() {
    let failure = loss::<{ bug::DELETES_ONE_TOO_MANY }>();
    assert_eq!(failure.invariant, Invariant::AcknowledgedSurvive);
    assert!(failure.what.contains("starts at record 2, those below 1 may be deleted"), "{failure}");
}

#[test]
fn compacting_the_latest_of_a_key_away_loses_an_acknowledged_record() {
    let failure = loss::<{ bug::LOSES_THE_LATEST }>();
    assert_eq!(failure.invariant, Invariant::AcknowledgedSurvive);
    assert!(failure.what.contains("the latest of its key below 17"), "{failure}");
}

#[test]
fn a_value_that_came_to_another_offset_is_invented() {
    assert_eq!(loss::<{ bug::KEEPS_THE_OLDEST_VALUE }>().invariant, Invariant::NothingInvented);
    assert_eq!(loss::<{ bug::CLOSES_GAPS }>().invariant, Invariant::NothingInvented);
}

#[test]
fn a_lookup_that_finds_another_record_than_a_scan_is_caught() {
    assert_eq!(loss::<{ bug::LOOKS_UP_THE_NEXT }>().invariant, Invariant::LookupsAgree);
    assert_eq!(loss::<{ bug::DELETED_IS_NOTHING }>().invariant, Invariant::LookupsAgree);
}

/// What is gone before the test said that it may be is gone too soon, even if the test says so later.
#[test]
fn deleting_and_compacting_without_a_word_is_a_loss() {
    let shrinks = |deletes: bool, limit: u64| {
        let report = crash::power_cuts::<Shrinking<{ bug::NONE }>>(Lens::PowerCut, &options(), |sim| {
            let mut log = Shrinking::<{ bug::NONE }>::open(sim.disk()).unwrap();
            append_synced(&mut log, 18, sim).unwrap();
            match deletes {
                true => log.delete_before(Offset(limit)).unwrap(),
                false => log.compact(Offset(limit)).unwrap(),
            }
            sim.may_delete(limit);
            sim.may_compact(limit);
        });
        report.failure.map(|failure| failure.invariant)
    };
    assert_eq!(shrinks(true, 3), Some(Invariant::AcknowledgedSurvive));
    assert_eq!(shrinks(false, 17), Some(Invariant::OrderUnbroken));
    assert_eq!((shrinks(true, 0), shrinks(false, 0)), (None, None), "where nothing is given up, nothing is lost");
}

/// A report does not depend on how the threads shared the points.
#[test]
fn a_report_is_the_same_every_time() {
    let report = || {
        let lies = Options { faults: vec![Fault::lying_sync(Which::Every)], ..options() };
        let report = crash::power_cuts::<Stage01>(Lens::TornWrite, &lies, crash::scenario::append_each::<Stage01>(6));
        (report.states, report.points, report.failure.map(|failure| failure.to_string()))
    };
    assert_eq!(report(), report());
}

#[test]
fn a_log_that_gives_its_space_back_keeps_the_promise_to_delete() {
    let verdict = promises::check::<Shrinking<{ bug::NONE }>>(Promise::DeletesOldData);
    assert!(verdict.kept, "{verdict}");
    let verdict = promises::check::<Shrinking<{ bug::DELETES_ONE_TOO_MANY }>>(Promise::DeletesOldData);
    assert!(!verdict.kept && verdict.evidence.contains("record 900"), "{verdict}");
    assert!(!promises::check::<Stage01>(Promise::DeletesOldData).kept);
}
