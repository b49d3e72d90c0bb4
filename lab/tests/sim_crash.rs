//! Stage 1 on the crash harness: what it survives, what it does not, and how a loss is told.

use lab::crash::{self, Invariant, Options, scenario};
use lab::sim::{Lens, Sampling};
use stage01::Stage01;

#[test]
fn stage_1_survives_every_kill() {
    let report = crash::kills::<Stage01>(&Options::default(), scenario::append_each::<Stage01>(9)).expect_survival();
    assert!(report.states > 10_000, "only {} states", report.states);
}

#[test]
fn stage_1_survives_every_power_cut_in_order() {
    let each = scenario::append_each::<Stage01>(17);
    let report = crash::power_cuts::<Stage01>(Lens::PowerCut, &Options::default(), each).expect_survival();
    assert!(report.states > 10_000, "only {} states", report.states);
    let batches = scenario::append_batches::<Stage01>(6, 4);
    crash::power_cuts::<Stage01>(Lens::PowerCut, &Options::default(), batches).expect_survival();
}

/// The map of two appends: what was acknowledged by each point is there, and at most one record more.
#[test]
fn the_crash_map_shows_what_is_left_at_each_point() {
    let options = Options { recovery_states_max: 0, ..Options::default() };
    let report = crash::power_cuts::<Stage01>(Lens::PowerCut, &options, scenario::append_each::<Stage01>(2));
    let rows = report.points.iter().map(|point| {
        let first = point.events.first().map_or("", |event| event.split(' ').next().unwrap_or_default());
        (first, point.acknowledged, point.lost, point.records_min, point.records_max)
    });
    let expected = [
        ("", 0, 0, Some(0), Some(0)),
        ("create", 0, 0, Some(0), Some(0)),
        ("sync", 0, 0, Some(0), Some(0)),
        ("sync", 0, 0, Some(0), Some(0)),
        ("write", 0, 0, Some(0), Some(1)),
        ("sync", 1, 0, Some(1), Some(1)),
        ("write", 1, 0, Some(1), Some(2)),
        ("sync", 2, 0, Some(2), Some(2)),
    ];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    let kept: u64 = report.points.iter().map(|point| point.kept).sum();
    assert_eq!(kept, report.states, "every state is at a point of the map");
}

/// Of a record over two sectors the second is on the disk and the first is not: a hole, and a newline behind it.
#[test]
fn a_torn_write_makes_stage_1_refuse_to_open_and_the_story_is_told() {
    let options = Options { sampling: Sampling { states_max: 1000, seed: 42 }, ..Options::default() };
    let each = scenario::append_each::<Stage01>(9);
    let report = crash::power_cuts::<Stage01>(Lens::TornWrite, &options, each);
    assert!(report.lost() > 0 && report.lost() < report.states, "{} of {} states", report.lost(), report.states);
    let failure = report.expect_loss();
    assert_eq!(failure.invariant, Invariant::OpensAgain);
    let story = failure.to_string();
    for part in [
        "C4 opens again",
        "no record 4 at byte 317",
        "seed 42",
        "at point 16",
        "acknowledged: 4 records",
        "sync log.jsonl",
    ] {
        assert!(story.contains(part), "no {part:?} in the story:\n{story}");
    }
    assert!(story.contains("<- sector 0 OLD, sector 1 new, length 528"), "{story}");
    assert!(story.contains("00000200  30 5c 75 30 30 30 30"), "the bytes at the end of the file:\n{story}");
    assert!(story.lines().all(|line| line.chars().count() < 160), "lines that fit a screen:\n{story}");
}
