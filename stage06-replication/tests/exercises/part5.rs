//! Part 5: a cluster that acknowledges before it syncs, and one broker at a time that loses power.

use stage06::sim::Config;

use crate::common::simulate;

/// Three replicas, two of which have to be in sync, say that they have what they have *written*, and sync some time later. As
/// long as only one of them at a time has lost what it had said that it has, the other one has it: nothing that was
/// acknowledged is gone, and whoever may lead has all of it. The simulator tells the story of a cluster in which that is not
/// so.
#[test]
fn s06p5_one_power_cut_at_a_time_takes_nothing_that_was_acknowledged() {
    simulate(Config::ALL[2], 200);
}
