//! How many crash states all tests of a run have visited, and whether that is as many as is promised.

use std::sync::{Mutex, PoisonError};

use lab::crash::Report;
use lab::random::states_of_this_run;

/// The tests that report here: each function of `crash` with a [`Tally`].
const TESTS: u32 = 5;

/// What `cargo test -p stage05` visits at least.
const STATES_MIN: u64 = 200_000;

/// What the long run visits at least: `LAB_STATES=16 cargo test --release -p stage05 --test whole crash`.
const LONG_RUN: u64 = 16;
const LONG_RUN_STATES_MIN: u64 = 5_000_000;

static DONE: Mutex<(u32, u64)> = Mutex::new((0, 0));

/// The states of one test.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    states: u64,
}

impl Tally {
    /// Every invariant held in every state; counts them.
    pub(crate) fn survived(&mut self, report: Report) {
        self.states += report.expect_survival().states;
    }

    /// The end of the test. The last test of all prints the sum, and fails if it is too small. If only some of the tests
    /// are run, there is no last one.
    pub(crate) fn end(self) {
        let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
        *done = (done.0 + 1, done.1 + self.states);
        let (tests, states) = *done;
        if tests < TESTS {
            return;
        }
        let times = states_of_this_run();
        let promised = if times >= LONG_RUN { LONG_RUN_STATES_MIN } else { STATES_MIN };
        println!("{states} crash states in all, {promised} are promised");
        assert!(states >= promised, "{states} crash states in all, and {promised} are promised");
    }
}
