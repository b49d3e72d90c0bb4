//! # Crashing a log everywhere
//!
//! Runs a scenario on a simulated disk, crashes it at every operation in every way, and lets the log live again on
//! what each crash leaves: it must open, hold what it acknowledged, open once more with the same records, and go on.
//! That second life is crashed again at every operation, too.
//!
//! A scenario is a function that opens a log on the disk, appends the records of [`records`](crate::records) at their
//! offsets, and tells the disk what it may count on with [`SimDisk::acknowledge`] and [`SimDisk::served`]. The
//! ready-made ones are in [`scenario`]. Before it deletes or compacts, it says so with [`SimDisk::may_delete`] and
//! [`SimDisk::may_compact`]: what is gone without a word is lost.
//!
//! The points of a scenario know nothing of each other, so all processors share them; the report is the same however
//! many there are.
//!
//! In reading order: [`invariant`] (what must hold), `appended`, `held` and `life` (how it is checked), `visit` (one
//! point), [`report`] (the crash map), [`failure`] and `hex` (the story of a loss).

pub(crate) mod appended;
pub mod failure;
pub(crate) mod held;
mod hex;
pub mod invariant;
pub(crate) mod life;
pub mod report;
pub mod scenario;
mod visit;

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use stage01::Stage;

pub use failure::Failure;
pub use invariant::Invariant;
pub use report::{CrashPoint, Report};

use crate::random::states_of_this_run;
use crate::sim::{Event, Fault, Lens, Replay, Sampling, SimDisk, Trace};
use failure::Crash;
use visit::{Plan, Visit, Visited};

/// How thoroughly to crash.
#[derive(Clone, Debug)]
pub struct Options {
    /// The states that are visited at each point: all of them up to a limit, beyond it a sample.
    pub sampling: Sampling,
    /// The most states that are visited at each point of the life after a crash. Zero: it is not crashed again.
    pub recovery_states_max: u64,
    /// Faults that the disk has in every life, each counted anew. A sync that never works is one that was forgotten.
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Options {
        Options { sampling: Sampling { states_max: 1000, seed: 1 }, recovery_states_max: 4, faults: Vec::new() }
    }
}

/// Cuts the power at every point of the scenario, in every way that the lens knows.
pub fn power_cuts<S: Stage>(lens: Lens, options: &Options, scenario: impl FnOnce(&SimDisk)) -> Report {
    let options = &options.of_this_run();
    let trace = &record_trace(options, scenario);
    at_each_point::<S>(&Plan { trace, options, lens }, |visit, replay| {
        for state in replay.crash(lens).states(options.sampling) {
            visit.check(Crash::Power(&state), &state.disk, replay.remarks(), options.recovery_sampling());
        }
    })
}

/// Kills the process at every point of the scenario and in the middle of every write. All that is in the page cache
/// survives. Then the log opens, shows its records as durable, and the power is cut: what was shown must stay. The
/// power cuts behind a kill between two operations are visited as [`Options::sampling`] says.
pub fn kills<S: Stage>(options: &Options, scenario: impl FnOnce(&SimDisk)) -> Report {
    let options = &options.of_this_run();
    let trace = &record_trace(options, scenario);
    at_each_point::<S>(&Plan { trace, options, lens: Lens::PowerCut }, |visit, replay| {
        for partial_bytes in partial_writes(replay.next_event()) {
            let crash = Crash::Kill { point: replay.point(), partial_bytes };
            let again = if partial_bytes == 0 { options.sampling } else { options.recovery_sampling() };
            visit.check(crash, &replay.killed(partial_bytes), replay.remarks(), again);
        }
    })
}

impl Options {
    /// With as many states as the environment asks for; see [`states_of_this_run`].
    fn of_this_run(&self) -> Options {
        let times = states_of_this_run();
        let sampling = Sampling { states_max: self.sampling.states_max.saturating_mul(times), ..self.sampling };
        // Each of the first is followed by all of the second: both times over would be the square. The root is rounded up.
        let recovery_states_max = self.recovery_states_max.saturating_mul((times - 1).isqrt() + 1);
        Options { sampling, recovery_states_max, faults: self.faults.clone() }
    }

    fn recovery_sampling(&self) -> Sampling {
        Sampling { states_max: self.recovery_states_max, ..self.sampling }
    }
}

fn record_trace(options: &Options, scenario: impl FnOnce(&SimDisk)) -> Trace {
    let sim = SimDisk::new();
    options.faults.iter().for_each(|fault| sim.inject(fault.clone()));
    scenario(&sim);
    sim.trace()
}

/// How many bytes of the next operation a kill may leave: none, or if it is a write, any beginning of it. Of a long
/// one, each of the first and last 100 and every 61st between.
fn partial_writes(next: Option<&Event>) -> Vec<usize> {
    let Some(Event::Write { bytes, .. }) = next else { return vec![0] };
    let (edge, count) = (100, bytes.len());
    (0..count).filter(|&partial| partial < edge || partial + edge > count || partial % 61 == 0).collect()
}

/// Visits all points of a scenario, with a thread for each processor. Each thread takes the next point that nobody has.
fn at_each_point<S: Stage>(plan: &Plan<'_>, crash: impl Fn(&mut Visit<'_, S>, &Replay<'_>) + Sync) -> Report {
    let start = Instant::now();
    let points = plan.trace.points();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut replay = plan.trace.replay();
        let mut visited: Vec<(usize, Visited)> = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(&point) = points.get(number) else { return visited };
            let before = number.checked_sub(1).map_or(0, |before| points[before]);
            replay.advance_to(point);
            let mut visit = Visit::<S>::new(plan, before..point, replay.remarks());
            crash(&mut visit, &replay);
            visited.push((number, visit.end()));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(points.len());
    let mut visited: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined.flat_map(|visited| visited.unwrap_or_else(|cause| panic::resume_unwind(cause))).collect()
    });
    visited.sort_by_key(|(number, _)| *number);
    let mut report = Report::default();
    visited.into_iter().for_each(|(_, visited)| report.add(visited));
    report.time = start.elapsed();
    report
}
