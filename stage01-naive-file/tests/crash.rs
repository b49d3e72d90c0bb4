//! The log of this stage, crashed at every operation: what it survives, and the loss that is left to later stages.

use lab::crash::{self, Invariant, Options, Report, scenario};
use lab::records::{record, records};
use lab::sim::{Lens, SimDisk};
use stage01::{Log, Offset, Stage, Stage01};

/// Three lives: each finds what the one before it left, synced or not, shows it, and appends.
fn append_and_reopen(sim: &SimDisk) {
    for first in [0, 4, 8] {
        let mut log = Stage01::open(sim.disk()).unwrap();
        assert_eq!(log.next_offset(), Offset(first));
        sim.served(first);
        for offset in first..first + 3 {
            log.append_durable(&record(Offset(offset))).unwrap();
            sim.acknowledge(offset + 1);
        }
        log.append(&[record(Offset(first + 3))]).unwrap();
    }
}

/// Written without a sync, then served: opening has to sync before it shows anything.
fn write_and_serve(sim: &SimDisk) {
    let mut log = Stage01::open(sim.disk()).unwrap();
    log.append(&records(Offset(0), 3)).unwrap();
    drop(log);
    let log = Stage01::open(sim.disk()).unwrap();
    sim.served(log.next_offset().0);
}

fn enough(report: Report, states: u64) -> Report {
    assert!(report.states >= states, "{} crashes, expected at least {states}", report.states);
    report
}

/// A process that is killed at any moment, even while it recovers, leaves a log that opens with every acknowledged
/// record.
#[test]
fn a_kill_at_any_moment_loses_nothing() {
    let options = Options::default();
    enough(crash::kills::<Stage01>(&options, scenario::append_each::<Stage01>(9)), 10_000).expect_survival();
    enough(crash::kills::<Stage01>(&options, append_and_reopen), 5_000).expect_survival();
}

/// A power cut at any moment takes no record that was acknowledged, and none that was shown to a reader as durable.
#[test]
fn a_power_cut_at_any_moment_loses_nothing() {
    let options = Options::default();
    enough(crash::power_cuts::<Stage01>(Lens::PowerCut, &options, scenario::append_each::<Stage01>(9)), 5_000)
        .expect_survival();
    enough(crash::power_cuts::<Stage01>(Lens::PowerCut, &options, scenario::append_batches::<Stage01>(4, 3)), 5_000)
        .expect_survival();
    enough(crash::power_cuts::<Stage01>(Lens::PowerCut, &options, append_and_reopen), 5_000).expect_survival();
    crash::power_cuts::<Stage01>(Lens::PowerCut, &options, write_and_serve).expect_survival();
}

/// The loss that stage 5 ends: the sectors of one append arrive in any order, and a hole in front of a newline is
/// not a torn append any more. The log refuses to open rather than to guess.
#[test]
fn a_write_that_is_torn_in_the_middle_makes_the_log_refuse_to_open() {
    let report =
        crash::power_cuts::<Stage01>(Lens::TornWrite, &Options::default(), scenario::append_each::<Stage01>(9));
    assert!(report.lost() < report.states / 2, "most torn writes are harmless: {} of {}", report.lost(), report.states);
    let failure = report.expect_loss();
    assert_eq!(failure.invariant, Invariant::OpensAgain, "{failure}");
    assert!(failure.what.contains("expected a frame starting with '{', found byte 0x00"), "{failure}");
}
