//! The experiments themselves are put to the test: on a log that is better than stage 1, on one that is worse, and on
//! stages that do not tell the truth about themselves.

#[path = "planted/tiny_log.rs"]
#[allow(dead_code, reason = "the mistakes that are not tried here are tried in `planted`")]
mod tiny_log;

use std::sync::{Arc, Mutex};

use lab::promises::{assert_true, check};
use stage01::{Disk, NaiveLog, NaiveReader, Promise, Result, Stage, Stage01};
use tiny_log::{Tiny, bug};

#[test]
fn a_log_with_checksums_keeps_what_stage_1_breaks() {
    for promise in [Promise::SurvivesKill, Promise::SurvivesPowerCut, Promise::SurvivesTornWrite] {
        let verdict = check::<Tiny<{ bug::NONE }>>(promise);
        assert!(verdict.kept, "{verdict}");
    }
}

#[test]
fn a_log_that_never_syncs_survives_no_power_cut() {
    let verdict = check::<Tiny<{ bug::NO_SYNC }>>(Promise::SurvivesPowerCut);
    assert!(!verdict.kept && verdict.evidence.contains("acknowledged"), "{verdict}");
}

#[test]
fn every_verdict_has_evidence() {
    for promise in Promise::ALL {
        let verdict = check::<Stage01>(promise);
        assert_eq!((verdict.promise, verdict.kept), (promise, Stage01::KEEPS.contains(&promise)), "{verdict}");
        assert!(verdict.evidence.len() > 40 && verdict.evidence.ends_with('.'), "{verdict}");
    }
}

/// The same experiment comes out the same.
#[test]
fn a_verdict_does_not_depend_on_chance() {
    for promise in [Promise::SurvivesTornWrite, Promise::SurvivesFailedSync, Promise::SurvivesFullDisk] {
        assert_eq!(check::<Stage01>(promise), check::<Stage01>(promise));
    }
}

/// Stage 1 under a name that says something else of itself.
macro_rules! stage_1_that_says {
    ($name:ident, $keeps:expr) => {
        struct $name;

        impl Stage for $name {
            const NAME: &'static str = stringify!($name);
            const TITLE: &'static str = Stage01::TITLE;
            const KEEPS: &'static [Promise] = $keeps;
            type Log = NaiveLog;
            type Shared = Mutex<NaiveLog>;

            fn open(disk: Arc<dyn Disk>) -> Result<NaiveLog> {
                Stage01::open(disk)
            }

            fn open_reader(disk: Arc<dyn Disk>) -> Result<NaiveReader> {
                Stage01::open_reader(disk)
            }

            fn share(log: NaiveLog) -> Mutex<NaiveLog> {
                Stage01::share(log)
            }
        }
    };
}

stage_1_that_says!(Boastful, &Promise::ALL);
stage_1_that_says!(Modest, &[]);

#[test]
#[should_panic(expected = "Boastful says that it keeps this")]
fn a_promise_that_is_not_kept_is_caught() {
    assert_true::<Boastful>(Promise::SurvivesFlippedBit);
}

#[test]
#[should_panic(expected = "Modest says that it breaks this")]
fn a_promise_that_is_kept_and_not_made_is_caught() {
    assert_true::<Modest>(Promise::SurvivesPowerCut);
}
