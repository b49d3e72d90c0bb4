//! The laboratory put to the test: each planted mistake is caught, by the invariant that it breaks, and a log without
//! mistakes passes.

mod tiny_log;

use lab::crash::{self, Failure, Invariant, Options, scenario};
use lab::sim::{Fault, Lens, Sampling, SimDisk, Which};
use stage01::{Log, Offset, Stage, Stage01};
use tiny_log::{Tiny, bug};

const RECORDS: u64 = 7;

/// What a power cut in order shows of a log with this mistake.
fn power_cut<const BUG: u8>() -> Failure {
    let scenario = scenario::append_each::<Tiny<BUG>>(RECORDS);
    crash::power_cuts::<Tiny<BUG>>(Lens::PowerCut, &Options::default(), scenario).expect_loss()
}

#[test]
fn a_log_without_mistakes_passes_every_lens() {
    let run = |lens| {
        let each = scenario::append_each::<Tiny<{ bug::NONE }>>(RECORDS);
        let report = crash::power_cuts::<Tiny<{ bug::NONE }>>(lens, &Options::default(), each).expect_survival();
        assert!(report.states > 500, "{lens:?} found only {} states", report.states);
        let batches = scenario::append_batches::<Tiny<{ bug::NONE }>>(4, 3);
        crash::power_cuts::<Tiny<{ bug::NONE }>>(lens, &Options::default(), batches).expect_survival();
    };
    run(Lens::PowerCut);
    run(Lens::TornWrite);
    let each = scenario::append_each::<Tiny<{ bug::NONE }>>(3);
    crash::kills::<Tiny<{ bug::NONE }>>(&Options::default(), each).expect_survival();
}

#[test]
fn a_log_that_never_syncs_loses_acknowledged_records() {
    assert_eq!(power_cut::<{ bug::NO_SYNC }>().invariant, Invariant::AcknowledgedSurvive);
}

#[test]
fn a_sync_of_the_wrong_file_loses_acknowledged_records() {
    // The first life has one file alone, so the mistake shows in the second.
    let failure = power_cut::<{ bug::SYNC_OF_THE_WRONG_FILE }>();
    assert_eq!(failure.invariant, Invariant::AcknowledgedSurvive);
    assert_eq!(failure.crashes.len(), 2, "{failure}");
}

#[test]
fn a_file_whose_name_is_not_synced_loses_acknowledged_records() {
    let failure = power_cut::<{ bug::NO_DIRECTORY_SYNC }>();
    assert_eq!(failure.invariant, Invariant::AcknowledgedSurvive);
    assert!(failure.to_string().contains("the disk is empty"), "{failure}");
}

#[test]
fn an_acknowledgement_before_the_sync_loses_acknowledged_records() {
    assert_eq!(power_cut::<{ bug::ACKNOWLEDGED_BEFORE_THE_SYNC }>().invariant, Invariant::AcknowledgedSurvive);
}

/// The file got its length and not its bytes: only sectors in any order show that.
#[test]
fn zeros_that_parse_are_records_which_nobody_appended() {
    type Zeros = Tiny<{ bug::ZEROS_ARE_RECORDS }>;
    let each = || scenario::append_each::<Zeros>(RECORDS);
    let failure = crash::power_cuts::<Zeros>(Lens::TornWrite, &Options::default(), each()).expect_loss();
    assert_eq!(failure.invariant, Invariant::NothingInvented, "{failure}");
    crash::power_cuts::<Zeros>(Lens::PowerCut, &Options::default(), each()).expect_survival();
}

/// The cut comes undone behind the next file's back. It takes a crash after a crash to see it.
#[test]
fn a_cut_that_is_not_synced_is_damage_once_another_file_follows() {
    let failure = power_cut::<{ bug::CUT_NOT_SYNCED }>();
    assert_eq!(failure.invariant, Invariant::OpensAgain, "{failure}");
    assert_eq!(failure.crashes.len(), 2, "{failure}");
    let options = Options { recovery_states_max: 0, ..Options::default() };
    let each = scenario::append_each::<Tiny<{ bug::CUT_NOT_SYNCED }>>(RECORDS);
    crash::power_cuts::<Tiny<{ bug::CUT_NOT_SYNCED }>>(Lens::PowerCut, &options, each).expect_survival();
}

#[test]
fn a_recovery_that_cuts_too_much_finds_less_the_second_time() {
    let failure = power_cut::<{ bug::CUT_TAKES_TOO_MUCH }>();
    assert_eq!(failure.invariant, Invariant::RecoveryIsIdempotent, "{failure}");
}

#[test]
fn offsets_that_begin_anew_break_the_order() {
    assert_eq!(power_cut::<{ bug::OFFSETS_BEGIN_ANEW }>().invariant, Invariant::OrderUnbroken);
}

#[test]
fn a_log_that_refuses_records_after_a_crash_does_not_go_on() {
    let failure = power_cut::<{ bug::NO_APPEND_AFTER_REOPENING }>();
    assert_eq!(failure.invariant, Invariant::AppendingGoesOn, "{failure}");
}

/// Each sync that stage 1 makes, left out one by one: in every life the disk says Ok and does nothing.
#[test]
fn stage_1_needs_each_of_its_syncs() {
    let with = |fault| Options { faults: vec![fault], ..Options::default() };
    let cut = |options: Options| {
        crash::power_cuts::<Stage01>(Lens::PowerCut, &options, scenario::append_each::<Stage01>(3)).failure
    };
    let invariant = |failure: Option<Failure>| failure.map(|failure| failure.invariant);

    let acknowledged = Some(Invariant::AcknowledgedSurvive);
    assert_eq!(invariant(cut(with(Fault::lying_sync(Which::Every)))), acknowledged, "data");
    assert_eq!(invariant(cut(with(Fault::lying_sync(Which::Nth(2))))), acknowledged, "data of the first append");
    assert_eq!(invariant(cut(with(Fault::lying_directory_sync(Which::Every)))), acknowledged, "directory");
    assert_eq!(invariant(cut(Options::default())), None, "all syncs are made");
}

/// After a power cut nothing is left in the cache. After a kill it is, and a power cut behind that takes it away.
#[test]
fn only_a_kill_shows_why_stage_1_syncs_before_it_serves() {
    let options = Options { faults: vec![Fault::lying_sync(Which::Nth(1))], ..Options::default() };
    let each = || scenario::append_each::<Stage01>(3);
    let failure = crash::kills::<Stage01>(&options, each()).expect_loss();
    assert_eq!(failure.invariant, Invariant::ServedStaysServed, "{failure}");
    crash::power_cuts::<Stage01>(Lens::PowerCut, &options, each()).expect_survival();
    crash::kills::<Stage01>(&Options::default(), each()).expect_survival();
}

/// The harness believes what the scenario tells it, and holds the log to it.
#[test]
fn what_a_scenario_says_that_a_reader_saw_must_stay() {
    let scenario = |sim: &SimDisk| {
        let mut log = Stage01::open(sim.disk()).unwrap();
        log.append(&lab::records::records(Offset(0), 2)).unwrap();
        sim.served(2);
        log.sync().unwrap();
    };
    let options = Options { sampling: Sampling { states_max: 100, seed: 3 }, ..Options::default() };
    let failure = crash::power_cuts::<Stage01>(Lens::PowerCut, &options, scenario).expect_loss();
    assert_eq!(failure.invariant, Invariant::ServedStaysServed, "{failure}");
}
