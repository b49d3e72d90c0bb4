//! Crashed at every operation of its life, and again at every operation of its recovery.
//!
//! The number of states can be multiplied: `LAB_STATES=20 cargo test --release -p stage05 --test whole crash` is the long
//! run.

use lab::crash::{self, Invariant, Options as Crashes, scenario};
use lab::sim::{Fault, Lens, Sampling, Which};

use super::{Tiny, a_whole_life};

/// So many states at each point of the first life, and so many at each point of the second.
fn sampling(states_max: u64, recovery_states_max: u64) -> Crashes {
    Crashes { sampling: Sampling { states_max, seed: 1 }, recovery_states_max, ..Crashes::default() }
}

/// The process is killed at every point of a log's life, and then the power fails; what was acknowledged is there.
#[test]
fn a_kill_at_any_point_loses_nothing() {
    println!("{}", crash::kills::<Tiny<false>>(&sampling(0, 0), a_whole_life::<Tiny<false>>).expect_survival());
}

/// The power is cut at every point, and a prefix of what was not synced is on the disk.
#[test]
fn a_power_cut_at_any_point_loses_nothing() {
    let crashes = sampling(12, 1);
    let report = crash::power_cuts::<Tiny<false>>(Lens::PowerCut, &crashes, a_whole_life::<Tiny<false>>);
    println!("{}", report.expect_survival());
    let prepared = crash::power_cuts::<Tiny<true>>(Lens::PowerCut, &sampling(4, 0), a_whole_life::<Tiny<true>>);
    println!("{}", prepared.expect_survival());
}

/// The power is cut at every point, and each sector that was not synced is on the disk or is not.
#[test]
fn a_torn_write_at_any_point_loses_nothing() {
    let crashes = sampling(12, 1);
    let report = crash::power_cuts::<Tiny<false>>(Lens::TornWrite, &crashes, a_whole_life::<Tiny<false>>);
    println!("{}", report.expect_survival());
    let prepared = crash::power_cuts::<Tiny<true>>(Lens::TornWrite, &sampling(4, 0), a_whole_life::<Tiny<true>>);
    println!("{}", prepared.expect_survival());
}

/// Groups of appends that share a sync reach the disk in any order; none of them is acknowledged before all are there.
#[test]
fn a_torn_group_loses_nothing() {
    let batches = scenario::append_batches::<Tiny<false>>(6, 2);
    let report = crash::power_cuts::<Tiny<false>>(Lens::TornWrite, &sampling(60, 1), batches).expect_survival();
    println!("{report}");
}

/// Without its syncs the laboratory sees the loss: it is not blind to this stage.
#[test]
fn a_log_whose_syncs_do_nothing_is_caught() {
    for fault in [Fault::lying_sync(Which::Every), Fault::lying_directory_sync(Which::Every)] {
        let crashes = Crashes { faults: vec![fault], ..sampling(10, 0) };
        let each = scenario::append_each::<Tiny<false>>(4);
        let failure = crash::power_cuts::<Tiny<false>>(Lens::PowerCut, &crashes, each).expect_loss();
        // What is lost may be records, or what tells that they are: then the log refuses to open.
        let losses = [Invariant::AcknowledgedSurvive, Invariant::OpensAgain];
        assert!(losses.contains(&failure.invariant), "{failure}");
    }
}
