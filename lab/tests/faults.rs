//! The harness of faults, put to the test.

#[allow(dead_code, reason = "other mistakes are tried in `shrinking`")]
#[path = "shrinking/shrinking_log.rs"]
mod shrinking_log;

use lab::crash::scenario::append_synced;
use lab::faults;
use lab::sim::SimDisk;
use shrinking_log::{Shrinking, bug};
use stage01::{Offset, Result, Stage, Stage01};

/// Appends, deletes where the stage can, and appends again.
fn scenario<S: Stage>(log: &mut S::Log, sim: &SimDisk) -> Result<()> {
    for _ in 0..3 {
        append_synced(log, 2, sim)?;
    }
    sim.may_delete(3);
    S::delete_before(log, Offset(3))?;
    append_synced(log, 1, sim)
}

#[test]
fn a_log_that_is_poisoned_by_its_first_error_survives_every_fault() {
    let faulted = faults::at_every_operation::<Shrinking<{ bug::NONE }>>(scenario::<Shrinking<{ bug::NONE }>>);
    assert!(faulted.runs > 80 && faulted.errors > 60 && faulted.states > 500, "{faulted}");
    let faulted = faults::at_every_operation_of_producers::<Shrinking<{ bug::NONE }>>();
    assert!(faulted.runs > 150 && faulted.states > 300, "{faulted}");
}

#[test]
#[should_panic(expected = "is not poisoned")]
fn a_log_that_goes_on_after_an_error_is_caught() {
    type GoesOn = Shrinking<{ bug::GOES_ON_AFTER_A_FAILURE }>;
    faults::at_every_operation::<GoesOn>(scenario::<GoesOn>);
}

/// Stage 1 does not say that it survives a failed sync; a caller who gives up at the first error loses nothing.
#[test]
fn a_caller_of_stage_1_who_gives_up_at_the_first_error_loses_nothing() {
    let faulted = faults::at_every_operation::<Stage01>(scenario::<Stage01>);
    assert!(faulted.errors > 20, "{faulted}");
}

#[test]
#[should_panic(expected = "starts at record")]
fn a_log_that_deletes_too_much_is_caught_behind_a_fault() {
    type TooMany = Shrinking<{ bug::DELETES_ONE_TOO_MANY }>;
    faults::at_every_operation::<TooMany>(scenario::<TooMany>);
}
