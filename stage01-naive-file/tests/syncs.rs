//! Every sync of this stage is needed: a disk that skips one of them shows a loss.
//!
//! A sync that answers Ok and does nothing is the same as a call that is not there. So these tests say two things: the
//! log needs the call, and the crash tests would notice if it were removed.

use std::collections::BTreeSet;

use lab::crash::{self, Invariant, Options};
use lab::records::{record, records};
use lab::sim::{Errno, Fault, Lens, Sampling, SimDisk, Which};
use stage01::{JsonLines, Log, NaiveLog, Offset, Place, Stage, Stage01};

/// Opens a log and appends three records durably.
fn append_three(sim: &SimDisk) {
    let mut log = Stage01::open(sim.disk()).unwrap();
    for offset in 0..3 {
        log.append_durable(&record(Offset(offset))).unwrap();
        sim.acknowledge(offset + 1);
    }
}

/// Cuts the power everywhere in `scenario`; some crash has to break `invariant`.
fn expect_loss(faults: Vec<Fault>, invariant: Invariant, scenario: impl FnOnce(&SimDisk)) {
    let options = Options { sampling: Sampling { states_max: 500, seed: 1 }, recovery_states_max: 0, faults };
    let failure = crash::power_cuts::<Stage01>(Lens::PowerCut, &options, scenario).expect_loss();
    assert_eq!(failure.invariant, invariant, "{failure}");
}

/// With a disk that does all its syncs, no power cut takes anything: the losses below come from the syncs that they
/// skip.
#[test]
fn with_all_its_syncs_it_loses_nothing() {
    let options = Options::default();
    crash::power_cuts::<Stage01>(Lens::PowerCut, &options, append_three).expect_survival();
    crash::power_cuts::<Stage01>(Lens::PowerCut, &options, write_and_serve).expect_survival();
    crash::power_cuts::<Stage01>(Lens::PowerCut, &options, cut_and_append).expect_survival();
}

/// The sync of an append is what makes its record durable: skipped, a power cut takes acknowledged records.
#[test]
fn without_the_sync_of_an_append_acknowledged_records_are_lost() {
    // The first sync is that of opening; the second is that of the first append.
    let second = vec![Fault::lying_sync(Which::Nth(2))];
    expect_loss(second, Invariant::AcknowledgedSurvive, append_three);
}

/// The sync of the directory makes the name of the file durable: skipped, a power cut takes the file and all its
/// records.
#[test]
fn without_the_sync_of_the_directory_the_whole_file_is_lost() {
    expect_loss(vec![Fault::lying_directory_sync(Which::Every)], Invariant::AcknowledgedSurvive, append_three);
}

/// The sync of opening makes durable what a reader is about to see: skipped, a power cut takes back what was served.
#[test]
fn without_the_sync_of_opening_records_are_served_and_taken_back() {
    expect_loss(vec![Fault::lying_sync(Which::Every)], Invariant::ServedStaysServed, write_and_serve);
}

/// Records that were written without a sync, by a process that was killed, are served by the next one.
fn write_and_serve(sim: &SimDisk) {
    let mut log = Stage01::open(sim.disk()).unwrap();
    log.append(&records(Offset(0), 3)).unwrap();
    drop(log);
    let log = Stage01::open(sim.disk()).unwrap();
    sim.served(log.next_offset().0);
}

/// A torn append is cut, and a shorter one takes its place.
fn cut_and_append(sim: &SimDisk) {
    append_three(sim);
    let mut log = Stage01::open(sim.disk()).unwrap();
    sim.inject(Fault::short_write(Which::Nth(1), 200, Errno::Io));
    log.append(&records(Offset(3), 5)).unwrap_err();
    drop(log);
    let mut log = Stage01::open(sim.disk()).unwrap();
    // Of the batch that failed, the records that were written whole are in the log.
    while log.next_offset() < Offset(6) {
        let offset = log.append_durable(&record(log.next_offset())).unwrap();
        sim.acknowledge(offset.0 + 1);
    }
}

/// Taking records away is durable when it returns: a power cut does not bring them back.
#[test]
fn without_the_sync_of_a_cut_the_records_come_back() {
    let ends_after_power_cut = |faults: Option<Fault>| {
        let sim = SimDisk::new();
        let mut log = NaiveLog::open(&sim.disk(), JsonLines).unwrap();
        log.append(&records(Offset(0), 5)).unwrap();
        let third = Place { offset: Offset(3), position: log.starts()[3] };
        log.sync().unwrap();
        faults.into_iter().for_each(|fault| sim.inject(fault));
        log.truncate(third).unwrap();
        assert_eq!(log.next_offset(), Offset(3));
        let trace = sim.trace();
        let mut replay = trace.replay();
        replay.advance_to(trace.events().len());
        let states = replay.crash(Lens::PowerCut).states(Sampling { states_max: 50, seed: 1 });
        let ends = states.map(|state| Stage01::open(state.disk.disk()).unwrap().next_offset().0);
        ends.collect::<BTreeSet<_>>()
    };
    assert_eq!(ends_after_power_cut(None), BTreeSet::from([3]));
    assert_eq!(ends_after_power_cut(Some(Fault::lying_sync(Which::Nth(1)))), BTreeSet::from([3, 5]));
}
