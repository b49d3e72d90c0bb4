//! Runs of many seeds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::broker::tablet;
use super::checker::Violation;
use super::config::Config;
use super::timeline::Timeline;
use super::words;
use super::world::World;
use crate::replica::Millis;

/// How often it is looked whether a cluster is whole again.
const LOOK_MS: Millis = 100;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Its seed.
    pub seed: u64,
    /// The rule that was broken, if one was.
    pub violation: Option<Violation>,
    /// Of all that happened, in order.
    pub hash: u64,
    /// How many batches were acknowledged by all in-sync replicas.
    pub acknowledged: u64,
    /// How many elections there were.
    pub elections: u64,
    /// How many brokers lost power.
    pub power_cuts: u64,
    /// Simulated milliseconds.
    pub simulated_ms: Millis,
}

/// Runs one seed: faults, and what must hold in spite of them; then no more faults, and what must come about.
pub fn run(config: Config, seed: u64, timeline: Timeline) -> (Verdict, Timeline) {
    let mut world = World::new(config, seed, timeline);
    world.run_until(config.faults_ms);
    if world.violation.is_none() {
        world.heal();
        wait_for_healing(&mut world);
    }
    if world.violation.is_none()
        && let Err((rule, what)) = world.checker.finally()
    {
        world.break_rule(rule, what);
    }
    let tablet = world.controller.tablets().values().next();
    let verdict = Verdict {
        seed,
        violation: world.violation.take(),
        hash: world.hash,
        acknowledged: world.checker.acknowledged,
        elections: tablet.map_or(0, |state| state.leader_epoch.0.into()),
        power_cuts: world.power_cuts,
        simulated_ms: world.now,
    };
    (verdict, world.timeline)
}

/// Within the time for it, producers are heard again, and there is a moment at which everybody has everything.
fn wait_for_healing(world: &mut World) {
    let end = world.now + world.config.healing_ms;
    let heard = world.heard();
    while world.violation.is_none() {
        world.run_until(world.now + LOOK_MS);
        world.elect_unclean();
        if world.heard() > heard {
            world.quiet();
            if world.is_whole() {
                return;
            }
        }
        if world.now >= end {
            let state = world.controller.tablet(&tablet()).map_or("no tablet".into(), words::of_state);
            let logs: Vec<String> = world.brokers.iter().map(|broker| broker.log_ends()).collect();
            let (healing_ms, logs) = (world.config.healing_ms, logs.join("; "));
            let what = format!("not whole {healing_ms} ms after the last fault: {state}; {logs}");
            return world.break_rule("R7", what);
        }
    }
}

/// What many runs came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many seeds were run.
    pub seeds: u64,
    /// The seeds that broke a rule, the lowest first.
    pub broken: Vec<Verdict>,
    /// The sums of what the verdicts say.
    pub acknowledged: u64,
    /// See [`Verdict::elections`].
    pub elections: u64,
    /// See [`Verdict::power_cuts`].
    pub power_cuts: u64,
    /// See [`Verdict::simulated_ms`].
    pub simulated_ms: Millis,
}

/// Runs the seeds from `first` on, on all cores. It stops after the first seed that breaks a rule if `until_broken`.
pub fn run_seeds(config: Config, first: u64, count: u64, until_broken: bool) -> Report {
    let next = AtomicU64::new(first);
    let end = AtomicU64::new(first + count);
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let work = || {
        let mut report = Report::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end.load(Ordering::Relaxed) {
                return report;
            }
            let (verdict, _) = run(config, seed, Timeline::default());
            if verdict.violation.is_some() && until_broken {
                end.fetch_min(seed, Ordering::Relaxed);
            }
            report.add(verdict);
        }
    };
    let mut report = Report::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            match worker.join() {
                Ok(part) => report.merge(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    report.broken.sort_by_key(|verdict| verdict.seed);
    report
}

impl Report {
    fn add(&mut self, verdict: Verdict) {
        self.seeds += 1;
        self.acknowledged += verdict.acknowledged;
        self.elections += verdict.elections;
        self.power_cuts += verdict.power_cuts;
        self.simulated_ms += verdict.simulated_ms;
        if verdict.violation.is_some() {
            self.broken.push(verdict);
        }
    }

    fn merge(&mut self, other: Report) {
        self.seeds += other.seeds;
        self.acknowledged += other.acknowledged;
        self.elections += other.elections;
        self.power_cuts += other.power_cuts;
        self.simulated_ms += other.simulated_ms;
        self.broken.extend(other.broken);
    }
}
