//! One point of a scenario: all the crashes there, the lives after them, and the crashes of those.

use std::marker::PhantomData;
use std::ops::Range;

use stage01::Stage;

use super::Options;
use super::appended::LabRecords;
use super::failure::{Crash, Failure};
use super::invariant::{Broken, Expected};
use super::life;
use super::report::CrashPoint;
use crate::sim::{CrashState, Lens, Remarks, Sampling, SimDisk, Trace};

/// What all points have in common.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) trace: &'a Trace,
    pub(super) options: &'a Options,
    /// How the life after a crash is crashed again.
    pub(super) lens: Lens,
}

/// What was found at one point.
pub(super) struct Visited {
    pub(super) states: u64,
    pub(super) point: CrashPoint,
    /// The simplest loss at this point.
    pub(super) failure: Option<Failure>,
}

/// A visit to one point.
pub(super) struct Visit<'a, S> {
    plan: &'a Plan<'a>,
    appended: LabRecords,
    visited: Visited,
    stage: PhantomData<S>,
}

impl<'a, S: Stage> Visit<'a, S> {
    /// `events` are those between the point before and this one.
    pub(super) fn new(plan: &'a Plan<'a>, events: Range<usize>, remarks: Remarks) -> Visit<'a, S> {
        let point = events.end;
        let events = plan.trace.events()[events].iter().map(ToString::to_string).collect();
        let point = CrashPoint { point, events, acknowledged: remarks.acknowledged, ..CrashPoint::default() };
        let visited = Visited { states: 0, point, failure: None };
        Visit { plan, appended: LabRecords::default(), visited, stage: PhantomData }
    }

    pub(super) fn end(self) -> Visited {
        self.visited
    }

    /// Lets the log live on what the crash left, and counts the outcome.
    pub(super) fn check(&mut self, crash: Crash<'_>, disk: &SimDisk, remarks: Remarks, again: Sampling) {
        match self.live_and_crash_again(disk, remarks, again) {
            Ok(records) => self.visited.point.keep(records),
            Err(loss) => {
                self.visited.point.lost += 1;
                let crashes = if loss.again.is_some() { 2 } else { 1 };
                if self.visited.failure.as_ref().is_none_or(|told| told.crashes.len() > crashes) {
                    self.visited.failure = Some(self.tell(crash, *loss));
                }
            }
        }
    }

    fn live_and_crash_again(&mut self, disk: &SimDisk, remarks: Remarks, again: Sampling) -> Result<u64, Box<Loss>> {
        self.prepare(disk);
        let lived = life::live::<S>(disk, &Expected::new(remarks, &self.appended, self.visited.states));
        let records = lived.map_err(|broken| Box::new(Loss { broken, again: None }))?;
        if again.states_max == 0 {
            return Ok(records);
        }
        let life = disk.trace();
        match self.crash_again(&life, records, remarks, again) {
            Ok(()) => Ok(records),
            Err((broken, state)) => Err(Box::new(Loss { broken, again: Some((life, state)) })),
        }
    }

    /// Cuts the power at every point of the second life, which found `records` records.
    fn crash_again(
        &mut self,
        life: &Trace,
        records: u64,
        remarks: Remarks,
        sampling: Sampling,
    ) -> Result<(), (Broken, CrashState)> {
        for state in life.crash_states(self.plan.lens, sampling) {
            self.prepare(&state.disk);
            let first = &Expected::new(remarks, &self.appended, self.visited.states);
            let expected = Expected {
                acknowledged: first.acknowledged.max(state.acknowledged),
                served: first.served.max(state.served),
                // The second life may have reused every offset from here on.
                second_life_from: Some(records),
                ..*first
            };
            life::check_open::<S>(&state.disk, &expected).map_err(|broken| (broken, state))?;
        }
        Ok(())
    }

    fn prepare(&mut self, disk: &SimDisk) {
        self.visited.states += 1;
        self.plan.options.faults.iter().for_each(|fault| disk.inject(fault.clone()));
    }

    fn tell(&self, crash: Crash<'_>, loss: Loss) -> Failure {
        let Plan { trace, options, .. } = self.plan;
        let first = crash.story(trace);
        let seed = options.sampling.seed;
        match loss.again {
            None => Failure::new(loss.broken, seed, vec![first], &crash.disk(trace)),
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
