//! What a run of crashes found: the crash map, and the simplest failure.

use std::fmt;
use std::time::Duration;

use super::failure::Failure;
use super::visit::Visited;

/// What was found at all points of a scenario.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many times a log was opened and checked after a crash, crashes during recovery counted.
    pub states: u64,
    /// The crash map: the points of the scenario, from the first to the last.
    pub points: Vec<CrashPoint>,
    /// The simplest loss: one by a single crash if there is one, and of those the first.
    pub failure: Option<Failure>,
    /// How long it took.
    pub time: Duration,
}

/// One point of the crash map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrashPoint {
    /// The crash comes behind this many events of the trace.
    pub point: usize,
    /// The events between the last point and this one: an operation, and the remarks behind it.
    pub events: Vec<String>,
    /// Records that were acknowledged by now.
    pub acknowledged: u64,
    /// In how many of the states a crash here may leave every invariant holds.
    pub kept: u64,
    /// In how many of them one is broken.
    pub lost: u64,
    /// The smallest number of records that a log held after a crash here, among those where all invariants hold.
    pub records_min: Option<u64>,
    /// The greatest.
    pub records_max: Option<u64>,
}

impl CrashPoint {
    pub(super) fn keep(&mut self, records: u64) {
        self.kept += 1;
        self.records_min = Some(self.records_min.map_or(records, |min| min.min(records)));
        self.records_max = Some(self.records_max.map_or(records, |max| max.max(records)));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { states, points, time, .. } = self;
        write!(f, "{states} states at {} points in {time:.1?}, {:.0} a second", points.len(), self.states_per_second())
    }
}

impl Report {
    /// Adds what was found at the next point.
    pub(super) fn add(&mut self, visited: Visited) {
        self.states += visited.states;
        self.points.push(visited.point);
        if let Some(failure) = visited.failure
            && self.failure.as_ref().is_none_or(|told| told.crashes.len() > failure.crashes.len())
        {
            self.failure = Some(failure);
        }
    }

    /// How fast the states were visited.
    pub fn states_per_second(&self) -> f64 {
        self.states as f64 / self.time.as_secs_f64().max(1e-9)
    }

    /// States at the points of the scenario itself in which an invariant was broken.
    pub fn lost(&self) -> u64 {
        self.points.iter().map(|point| point.lost).sum()
    }

    /// Returns the report if every invariant held in every state, and prints its numbers.
    ///
    /// # Panics
    ///
    /// With the whole story of the failure, if there was one.
    pub fn expect_survival(self) -> Report {
        match &self.failure {
            None => {
                println!("{self}");
                self
            }
            Some(failure) => panic!("{failure}\n{} of {} states are like this", self.lost(), self.states),
        }
    }

    /// Returns the failure.
    ///
    /// # Panics
    ///
    /// If nothing was lost: then the loss that a test wanted to show does not happen.
    pub fn expect_loss(self) -> Failure {
        let states = self.states;
        self.failure.unwrap_or_else(|| panic!("all invariants hold in all {states} states, and a loss was expected"))
    }
}
