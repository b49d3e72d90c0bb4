//! The plug is pulled at every operation, in every way, on one caller and on many producers.

use std::sync::Mutex;
use std::thread;

use lab::crash::{self, Options, scenario};
use lab::records::record;
use lab::sim::{Lens, Sampling, SimDisk};
use lab::watchdog::within_limit;
use stage02::{Log, Offset, Stage, Stage02};

/// What one caller was answered is there after a power cut at any operation.
#[test]
fn one_caller_survives_every_power_cut() {
    let options = options(500);
    crash::power_cuts::<Stage02>(Lens::PowerCut, &options, scenario::append_each::<Stage02>(9)).expect_survival();
    crash::power_cuts::<Stage02>(Lens::PowerCut, &options, scenario::append_batches::<Stage02>(4, 3)).expect_survival();
}

/// What one caller was answered is there after a kill at any operation.
#[test]
fn one_caller_survives_every_kill() {
    crash::kills::<Stage02>(&options(8), scenario::append_batches::<Stage02>(4, 3)).expect_survival();
}

/// What many producers were answered is there after a power cut at any operation: nobody is answered before the sync of
/// its group.
#[test]
fn many_producers_survive_every_power_cut() {
    within_limit(|| crash::power_cuts::<Stage02>(Lens::PowerCut, &options(50), eight_producers).expect_survival());
}

/// What many producers were answered is there after a kill at any operation.
#[test]
fn many_producers_survive_every_kill() {
    within_limit(|| crash::kills::<Stage02>(&options(2), eight_producers).expect_survival());
}

fn options(states_max: u64) -> Options {
    Options { sampling: Sampling { states_max, seed: 2 }, recovery_states_max: 2, ..Options::default() }
}

/// Eight threads append twenty-four records. Each record is made for the offset that it will have, and so is handed in under
/// a lock; the waiting, and so the sharing of syncs, happens outside of it.
fn eight_producers(sim: &SimDisk) {
    let log = Stage02::open(sim.disk()).unwrap();
    let next = Mutex::new(0);
    let acknowledged = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..3 {
                    let mut next = next.lock().unwrap();
                    let ticket = log.submit(record(Offset(*next))).unwrap();
                    *next += 1;
                    drop(next);
                    let offset = ticket.wait().unwrap();
                    // An answer for one record is an answer for all before it (G5).
                    let mut acknowledged = acknowledged.lock().unwrap();
                    *acknowledged = offset.next().0.max(*acknowledged);
                    sim.acknowledge(*acknowledged);
                }
            });
        }
    });
    assert_eq!(log.next_offset(), Offset(24));
}
