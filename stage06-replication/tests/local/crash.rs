//! Power cuts of all three machines at once, at every operation; and then one of them does not come back.

use lab::crash::{self, Options, scenario};
use lab::disks::Image;
use lab::sim::{Fault, Lens, Sampling, SimDisk, Which};
use stage06::local::DIRECTORIES;
use stage06::{Log, Offset, Stage};

use super::{Tiny, append, assert_holds, disk_with, tablet};

fn sampling(states_max: u64, recovery_states_max: u64) -> Options {
    Options { sampling: Sampling { states_max, seed: 1 }, recovery_states_max, ..Options::default() }
}

/// A tablet's life: appends of one and of several, a roll, a deletion, a restart.
fn a_whole_life(sim: &SimDisk) {
    let mut log = Tiny::open(sim.disk()).expect("the tablet opens");
    for count in [1, 3] {
        scenario::append_synced(&mut log, count, sim).expect("the disks take records");
    }
    sim.may_delete(2);
    Tiny::delete_before(&mut log, Offset(2)).expect("old segments go");
    drop(log);
    let mut log = Tiny::open(sim.disk()).expect("the tablet opens again");
    scenario::append_synced(&mut log, 2, sim).expect("the disks take records");
}

/// All three lose power at any operation; whatever was not synced is on the disks or is not.
#[test]
fn a_power_cut_of_all_three_loses_nothing() {
    for lens in [Lens::PowerCut, Lens::TornWrite] {
        crash::power_cuts::<Tiny>(lens, &sampling(3, 0), a_whole_life).expect_survival();
    }
}

/// Without its syncs the laboratory sees the loss.
#[test]
fn a_tablet_whose_syncs_do_nothing_is_caught() {
    let crashes = Options { faults: vec![Fault::lying_sync(Which::Every)], ..sampling(3, 0) };
    crash::power_cuts::<Tiny>(Lens::PowerCut, &crashes, scenario::append_each::<Tiny>(2)).expect_loss();
}

/// The power is cut anywhere, and one of the machines does not come back: what was acknowledged is on the other two.
#[test]
fn a_power_cut_and_a_lost_copy_together_lose_nothing() {
    let sim = SimDisk::new();
    let mut log = tablet(&sim.disk()).expect("the tablet opens");
    for _ in 0..3 {
        append(&mut log, 1);
        sim.acknowledge(log.next_offset().0);
    }
    let sampling = Sampling { states_max: 2, seed: 1 };
    for state in sim.trace().crash_states(Lens::TornWrite, sampling).filter(|state| state.acknowledged > 0) {
        let image = Image::of(&state.disk.disk());
        for lost in DIRECTORIES {
            let context = format!("{} acknowledged, {lost} lost", state.acknowledged);
            let disk = disk_with(&image.without_directory(lost));
            let mut log = tablet(&disk).unwrap_or_else(|error| panic!("{context}: {error}"));
            let found = log.next_offset().0;
            assert!(found >= state.acknowledged, "{context}: {found} found");
            assert_holds(&log.reader(), found, &context);
            append(&mut log, 1);
        }
    }
}
