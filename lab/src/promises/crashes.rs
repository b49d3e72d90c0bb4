//! The promises about crashes, tried on a simulated disk at every operation.

use stage01::{Promise, Stage};

use super::Verdict;
use crate::crash::{self, Options, Report, scenario};
use crate::sim::{Lens, Sampling};

/// How many records are appended one by one, and how many batches, of which every second one is synced.
struct Lengths {
    records: u64,
    batches: u64,
}

/// Records in a batch.
const BATCH: u64 = 3;

/// Every kind of record once, one of them longer than a sector; where copies do everything several times, a few.
fn lengths<S: Stage>() -> Lengths {
    match S::MACHINES.is_empty() {
        true => Lengths { records: 8, batches: 4 },
        false => Lengths { records: 3, batches: 2 },
    }
}

/// A stage that keeps copies does everything several times over, and says who has what beside it: there are so many more
/// points, and each takes so much longer, that fewer states of each have to do.
fn options<S: Stage>() -> Options {
    let (states_max, recovery_states_max) = if S::MACHINES.is_empty() { (60, 1) } else { (4, 0) };
    Options { sampling: Sampling { states_max, seed: 1 }, recovery_states_max, ..Options::default() }
}

pub(super) fn survives_kill<S: Stage>() -> Verdict {
    let Lengths { records, batches } = lengths::<S>();
    let states_max = if S::MACHINES.is_empty() { 4 } else { 1 };
    let few = Options { sampling: Sampling { states_max, seed: 1 }, ..options::<S>() };
    let reports = [
        crash::kills::<S>(&few, scenario::append_each::<S>(records)),
        crash::kills::<S>(&few, scenario::append_batches::<S>(batches, BATCH)),
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
    let Lengths { records, batches } = lengths::<S>();
    [
        crash::power_cuts::<S>(lens, &options::<S>(), scenario::append_each::<S>(records)),
        crash::power_cuts::<S>(lens, &options::<S>(), scenario::append_batches::<S>(batches, BATCH)),
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
