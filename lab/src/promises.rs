//! What a log may promise, tried out.
//!
//! For each [`Promise`] there is an experiment that every stage goes through. A stage that keeps the promise comes out
//! unharmed; one that breaks it is shown losing something, and the [`Verdict`] says what. A stage's `tests/promises.rs`
//! is one line, `lab::promises!(StageNN);`: it checks both sides, so that no stage promises what it does not keep, and
//! none keeps what it does not know of.

mod careless;
mod costs;
mod crashes;
mod damage;
mod lifetime;

use std::fmt;

use stage01::{Promise, Stage};

/// What came out of an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What was tried.
    pub promise: Promise,
    /// Whether the stage keeps it.
    pub kept: bool,
    /// What was done, and what was seen: for a broken promise, one loss as it happened.
    pub evidence: String,
}

impl Verdict {
    fn kept(promise: Promise, evidence: impl Into<String>) -> Verdict {
        Verdict { promise, kept: true, evidence: evidence.into() }
    }

    fn broken(promise: Promise, evidence: impl Into<String>) -> Verdict {
        Verdict { promise, kept: false, evidence: evidence.into() }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.kept { "kept" } else { "broken" };
        write!(f, "{}: {verdict}. {}", self.promise.title(), self.evidence)
    }
}

/// Tries whether stage `S` keeps `promise`. It takes less than a second or two.
pub fn check<S: Stage>(promise: Promise) -> Verdict {
    match promise {
        Promise::SurvivesKill => crashes::survives_kill::<S>(),
        Promise::SurvivesPowerCut => crashes::survives_power_cut::<S>(),
        Promise::SurvivesTornWrite => crashes::survives_torn_write::<S>(),
        Promise::SurvivesFlippedBit => damage::survives_flipped_bit::<S>(),
        Promise::SurvivesFailedSync => careless::survives_failed_sync::<S>(),
        Promise::SurvivesFullDisk => careless::survives_full_disk::<S>(),
        Promise::FindsInLogTime => costs::finds_in_log_time::<S>(),
        Promise::OpensInConstantTime => costs::opens_in_constant_time::<S>(),
        Promise::DeletesOldData => lifetime::deletes_old_data::<S>(),
        Promise::SurvivesMachineLoss => lifetime::survives_machine_loss::<S>(),
    }
}

/// Tries it, and fails if the stage says otherwise of itself.
///
/// # Panics
///
/// If the stage promises what it does not keep, or keeps what it does not promise.
pub fn assert_true<S: Stage>(promise: Promise) {
    let verdict = check::<S>(promise);
    let says = if S::KEEPS.contains(&promise) { "keeps" } else { "breaks" };
    assert_eq!(verdict.kept, S::KEEPS.contains(&promise), "{} says that it {says} this.\n{verdict}", S::NAME);
    println!("{verdict}");
}

/// One test for each promise: what the stage says of itself is true.
#[macro_export]
macro_rules! promises {
    ($stage:ty) => {
        $crate::promise_tests! { $stage;
            what_it_says_of_a_kill_is_true: SurvivesKill,
            what_it_says_of_a_power_cut_is_true: SurvivesPowerCut,
            what_it_says_of_a_torn_write_is_true: SurvivesTornWrite,
            what_it_says_of_a_flipped_bit_is_true: SurvivesFlippedBit,
            what_it_says_of_a_failed_sync_is_true: SurvivesFailedSync,
            what_it_says_of_a_full_disk_is_true: SurvivesFullDisk,
            what_it_says_of_the_cost_of_a_read_is_true: FindsInLogTime,
            what_it_says_of_the_cost_of_opening_is_true: OpensInConstantTime,
            what_it_says_of_old_data_is_true: DeletesOldData,
            what_it_says_of_a_lost_machine_is_true: SurvivesMachineLoss,
        }
    };
}

/// One test for each promise that is named.
#[doc(hidden)]
#[macro_export]
macro_rules! promise_tests {
    ($stage:ty; $($test:ident: $promise:ident,)+) => {
        $(
            #[test]
            fn $test() {
                $crate::promises::assert_true::<$stage>($crate::Promise::$promise);
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macro_has_a_test_for_every_promise() {
        let source = include_str!("promises.rs");
        for promise in Promise::ALL {
            assert!(source.contains(&format!("_true: {promise:?},")), "{promise:?} is not in lab::promises!");
        }
    }
}
