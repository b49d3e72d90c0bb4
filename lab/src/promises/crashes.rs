//! The promises about crashes, tried on a simulated disk at every operation.

use stage01::{Promise, Stage};

use super::Verdict;
use crate::crash::{self, Options, Report, scenario};
use crate::sim::{Lens, Sampling};

/// Every kind of record once, one of them longer than a sector.
const RECORDS: u64 = 8;

/// A few batches, each synced with the next.
const BATCHES: u64 = 4;
const BATCH: u64 = 3;

fn options() -> Options {
    Options { sampling: Sampling { states_max: 60, seed: 1 }, recovery_states_max: 1, ..Options::default() }
}

pub(super) fn survives_kill<S: Stage>() -> Verdict {
    let few = Options { sampling: Sampling { states_max: 4, seed: 1 }, ..options() };
    let reports = [
        crash::kills::<S>(&few, scenario::append_each::<S>(RECORDS)),
        crash::kills::<S>(&few, scenario::append_batches::<S>(BATCHES, BATCH)),
    ];
    verdict(Promise::SurvivesKill, "Killed between any two operations and in the middle of any write", reports)
}

pub(super) fn survives_power_cut<S: Stage>() -> Verdict {
    verdict(
        Promise::SurvivesPowerCut,
        "The power cut at any operation, a prefix of what was not synced on the disk",
        power_cuts::<S>(Lens::PowerCut),
    )
}

pub(super) fn survives_torn_write<S: Stage>() -> Verdict {
    verdict(
        Promise::SurvivesTornWrite,
        "The power cut at any operation, each sector that was not synced on the disk or not",
        power_cuts::<S>(Lens::TornWrite),
    )
}

fn power_cuts<S: Stage>(lens: Lens) -> [Report; 2] {
    [
        crash::power_cuts::<S>(lens, &options(), scenario::append_each::<S>(RECORDS)),
        crash::power_cuts::<S>(lens, &options(), scenario::append_batches::<S>(BATCHES, BATCH)),
    ]
}

fn verdict(promise: Promise, crash: &str, reports: [Report; 2]) -> Verdict {
    let states: u64 = reports.iter().map(|report| report.states).sum();
    let lost: u64 = reports.iter().map(Report::lost).sum();
    let Some(failure) = reports.into_iter().find_map(|report| report.failure) else {
        let evidence = format!("{crash}: {states} crashes, and no acknowledged record is lost in any of them.");
        return Verdict::kept(promise, evidence);
    };
    let invariant = failure.invariant;
    let evidence = format!("{crash}: {lost} of {states} crashes break \"{invariant}\". One of them: {}.", failure.what);
    Verdict::broken(promise, evidence)
}
