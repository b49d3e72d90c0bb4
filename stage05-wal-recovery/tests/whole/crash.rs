//! Crashed at every operation of its life, and again at every operation of its recovery.
//!
//! The number of states can be multiplied: `LAB_STATES=16 cargo test --release -p stage05 --test whole crash` is the long
//! run. With `-- --nocapture` behind it, it prints how many states there were; `tally` says how many there have to be.

use lab::crash::{self, Invariant, Options as Crashes, scenario};
use lab::sim::{Fault, Lens, Sampling, Which};

use super::store::{TinyStore, a_stores_life};
use super::tally::Tally;
use super::{Tiny, a_whole_life};

/// So many states at each point of the first life, and so many at each point of the second.
fn sampling(states_max: u64, recovery_states_max: u64) -> Crashes {
    Crashes { sampling: Sampling { states_max, seed: 1 }, recovery_states_max, ..Crashes::default() }
}

/// The process is killed at every point of a log's life, and then the power fails; what was acknowledged is there.
#[test]
fn a_kill_at_any_point_loses_nothing() {
    let mut tally = Tally::default();
    tally.survived(crash::kills::<Tiny<false>>(&sampling(0, 0), a_whole_life::<Tiny<false>>));
    tally.end();
}

/// The power is cut at every point, and a prefix of what was not synced is on the disk.
#[test]
fn a_power_cut_at_any_point_loses_nothing() {
    power_cuts(Lens::PowerCut);
}

/// The power is cut at every point, and each sector that was not synced is on the disk or is not.
#[test]
fn a_torn_write_at_any_point_loses_nothing() {
    power_cuts(Lens::TornWrite);
}

fn power_cuts(lens: Lens) {
    let mut tally = Tally::default();
    tally.survived(crash::power_cuts::<Tiny<false>>(lens, &sampling(12, 1), a_whole_life::<Tiny<false>>));
    tally.survived(crash::power_cuts::<Tiny<true>>(lens, &sampling(4, 0), a_whole_life::<Tiny<true>>));
    tally.end();
}

/// Groups of appends that share a sync reach the disk in any order; none of them is acknowledged before all are there.
#[test]
fn a_torn_group_loses_nothing() {
    let mut tally = Tally::default();
    let batches = scenario::append_batches::<Tiny<false>>(6, 2);
    tally.survived(crash::power_cuts::<Tiny<false>>(Lens::TornWrite, &sampling(80, 1), batches));
    tally.end();
}

/// The key-value store: a crash at every point of its writes, checkpoints and recoveries, in every way.
#[test]
fn a_store_loses_nothing_by_any_crash() {
    let mut tally = Tally::default();
    for lens in [Lens::PowerCut, Lens::TornWrite] {
        tally.survived(crash::power_cuts::<TinyStore>(lens, &sampling(10, 1), a_stores_life));
    }
    tally.survived(crash::kills::<TinyStore>(&sampling(0, 0), a_stores_life));
    tally.end();
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
