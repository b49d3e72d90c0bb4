//! The soak, put to the test: a good log lives through its day, and each mistake is found within one.

#[allow(dead_code, reason = "other mistakes are tried in `shrinking`")]
#[path = "shrinking/shrinking_log.rs"]
mod shrinking_log;

use std::panic::catch_unwind;
use std::sync::Arc;

use lab::sim::Lens;
use lab::soak::{self, Subject};
use shrinking_log::{Shrinking, ShrinkingLog, bug};
use stage01::{Disk, Log, NaiveLog, Offset, Result, Stage, Stage01};

impl<const BUG: u8> Subject for Shrinking<BUG> {
    type Log = ShrinkingLog<BUG>;
    const LENSES: &'static [Lens] = &[Lens::PowerCut, Lens::TornWrite];

    fn open(disk: Arc<dyn Disk>) -> Result<ShrinkingLog<BUG>> {
        <Self as Stage>::open(disk)
    }

    fn close(mut log: ShrinkingLog<BUG>) -> Result<()> {
        log.sync().map(drop)
    }

    fn delete_before(log: &mut ShrinkingLog<BUG>, limit: Offset) -> Result<()> {
        log.delete_before(limit)
    }

    fn compact(log: &mut ShrinkingLog<BUG>, _: u64) -> Result<()> {
        log.compact(log.next_offset())
    }
}

/// Stage 1 never deletes and never compacts; it is soaked all the same.
struct Plain;

impl Subject for Plain {
    type Log = NaiveLog;

    fn open(disk: Arc<dyn Disk>) -> Result<NaiveLog> {
        Stage01::open(disk)
    }
}

#[test]
fn a_log_without_mistakes_lives_through_its_day_and_the_seed_decides_what_happens() {
    let soaked = soak::run::<Shrinking<{ bug::NONE }>>(1, 2000);
    assert!(soaked.kills > 30 && soaked.power_cuts > 30 && soaked.deleted > 500 && soaked.checks > 150, "{soaked}");
    assert_eq!(soak::run::<Shrinking<{ bug::NONE }>>(1, 2000), soaked);
    assert_ne!(soak::run::<Shrinking<{ bug::NONE }>>(2, 2000), soaked);
    soak::run::<Plain>(3, 600);
}

/// What the soak says of a log with this mistake.
fn found<const BUG: u8>() -> String {
    let panic = catch_unwind(|| soak::run::<Shrinking<BUG>>(1, 2000)).expect_err("the mistake is found");
    panic.downcast_ref::<String>().expect("a message").clone()
}

#[test]
fn each_mistake_is_found_within_a_day() {
    for (what, expected) in [
        (found::<{ bug::DELETES_ONE_TOO_MANY }>(), "C1"),
        (found::<{ bug::LOSES_THE_LATEST }>(), "C1"),
        (found::<{ bug::KEEPS_THE_OLDEST_VALUE }>(), "C3"),
        (found::<{ bug::LOOKS_UP_THE_NEXT }>(), "C8"),
    ] {
        assert!(what.starts_with(expected), "{what}");
        assert!(what.contains("seed 1, LAB_SEED=") && what.contains("\n  append "), "{what}");
    }
}
