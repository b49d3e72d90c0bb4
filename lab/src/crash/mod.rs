//! # Crashing a log everywhere
//!
//! Runs a scenario on a simulated disk, crashes it at every operation in every way, and lets the log live again on
//! what each crash leaves: it must open, hold what it acknowledged, open once more with the same records, and go on.
//! That second life is crashed again at every operation, too.
//!
//! A scenario is a function that opens a log on the disk, appends the records of [`records`](crate::records) at their
//! offsets, and tells the disk what it may count on with [`SimDisk::acknowledge`] and [`SimDisk::served`]. The
//! ready-made ones are in [`scenario`].
//!
//! In reading order: [`invariant`] (what must hold), `life` (how it is checked), [`report`] (the crash map),
//! [`failure`] and `hex` (the story of a loss).

pub mod failure;
mod hex;
pub mod invariant;
mod life;
pub mod report;
pub mod scenario;

use stage01::Stage;

pub use failure::Failure;
pub use invariant::Invariant;
pub use report::{CrashPoint, Report};

use crate::sim::{CrashState, Event, Fault, Lens, Replay, Sampling, SimDisk, Trace};
use failure::Crash;
use invariant::{Appended, Broken, Expected};

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
    let trace = record_trace(options, scenario);
    let appended = Appended::default();
    let mut run = Run::<S>::new(&trace, options, lens, &appended);
    run.at_each_point(|run, replay| {
        for state in replay.crash(lens).states(options.sampling) {
            run.check(Crash::Power(&state), &state.disk, replay, options.recovery_sampling());
        }
    });
    run.report
}

/// Kills the process at every point of the scenario and in the middle of every write. All that is in the page cache
/// survives. Then the log opens, shows its records as durable, and the power is cut: what was shown must stay. The
/// power cuts behind a kill between two operations are visited as [`Options::sampling`] says.
pub fn kills<S: Stage>(options: &Options, scenario: impl FnOnce(&SimDisk)) -> Report {
    let trace = record_trace(options, scenario);
    let appended = Appended::default();
    let mut run = Run::<S>::new(&trace, options, Lens::PowerCut, &appended);
    run.at_each_point(|run, replay| {
        for partial_bytes in partial_writes(replay.next_event()) {
            let crash = Crash::Kill { point: replay.point(), partial_bytes };
            let again = if partial_bytes == 0 { options.sampling } else { options.recovery_sampling() };
            run.check(crash, &replay.killed(partial_bytes), replay, again);
        }
    });
    run.report
}

impl Options {
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

/// One run over all points of a scenario.
struct Run<'a, S> {
    trace: &'a Trace,
    options: &'a Options,
    /// How the life after a crash is crashed again.
    lens: Lens,
    appended: &'a Appended,
    report: Report,
    stage: std::marker::PhantomData<S>,
}

impl<'a, S: Stage> Run<'a, S> {
    fn new(trace: &'a Trace, options: &'a Options, lens: Lens, appended: &'a Appended) -> Run<'a, S> {
        Run { trace, options, lens, appended, report: Report::default(), stage: std::marker::PhantomData }
    }

    fn at_each_point(&mut self, mut crash: impl FnMut(&mut Self, &Replay<'_>)) {
        let mut replay = self.trace.replay();
        for point in self.trace.points() {
            let events = &self.trace.events()[replay.point()..point];
            let events = events.iter().map(ToString::to_string).collect();
            replay.advance_to(point);
            let acknowledged = replay.acknowledged();
            self.report.points.push(CrashPoint { point, events, acknowledged, ..CrashPoint::default() });
            crash(self, &replay);
        }
    }

    /// Lets the log live on what the crash left, and counts the outcome.
    fn check(&mut self, crash: Crash<'_>, disk: &SimDisk, replay: &Replay<'_>, again: Sampling) {
        let (acknowledged, served) = (replay.acknowledged(), replay.served());
        let expected = Expected { acknowledged, served, appended: self.appended, second_life_from: None };
        let outcome = self.live_and_crash_again(disk, &expected, again);
        let point = self.report.points.last_mut().expect("a crash comes at a point");
        match outcome {
            Ok(records) => point.keep(records),
            Err(loss) => {
                point.lost += 1;
                let crashes = if loss.again.is_some() { 2 } else { 1 };
                if self.report.failure.as_ref().is_none_or(|told| told.crashes.len() > crashes) {
                    self.report.failure = Some(self.tell(crash, *loss));
                }
            }
        }
    }

    fn live_and_crash_again(
        &mut self,
        disk: &SimDisk,
        expected: &Expected<'_>,
        again: Sampling,
    ) -> Result<u64, Box<Loss>> {
        self.prepare(disk);
        let lived = life::live::<S>(disk, expected);
        let records = lived.map_err(|broken| Box::new(Loss { broken, again: None }))?;
        let life = disk.trace();
        // The second life may have reused every offset from here on.
        let expected = Expected { second_life_from: Some(records), ..*expected };
        match self.crash_again(&life, &expected, again) {
            Ok(()) => Ok(records),
            Err((broken, state)) => Err(Box::new(Loss { broken, again: Some((life, state)) })),
        }
    }

    /// Cuts the power at every point of the second life.
    fn crash_again(
        &mut self,
        life: &Trace,
        first: &Expected<'_>,
        sampling: Sampling,
    ) -> Result<(), (Broken, CrashState)> {
        for state in life.crash_states(self.lens, sampling) {
            self.prepare(&state.disk);
            let expected = Expected {
                acknowledged: first.acknowledged.max(state.acknowledged),
                served: first.served.max(state.served),
                ..*first
            };
            life::check_open::<S>(&state.disk, &expected).map_err(|broken| (broken, state))?;
        }
        Ok(())
    }

    fn prepare(&mut self, disk: &SimDisk) {
        self.report.states += 1;
        self.options.faults.iter().for_each(|fault| disk.inject(fault.clone()));
    }

    fn tell(&self, crash: Crash<'_>, loss: Loss) -> Failure {
        let first = crash.story(self.trace);
        let seed = self.options.sampling.seed;
        match loss.again {
            None => Failure::new(loss.broken, seed, vec![first], &crash.disk(self.trace)),
            Some((life, state)) => {
                let again = Crash::Power(&state);
                Failure::new(loss.broken, seed, vec![first, again.story(&life)], &again.disk(&life))
            }
        }
    }
}

/// A broken invariant; if it broke after a crash during recovery, the trace of the recovery and that crash.
struct Loss {
    broken: Broken,
    again: Option<(Trace, CrashState)>,
}
