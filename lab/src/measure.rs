//! A workload, run for a given time: a rate, and how long a call takes.

use std::path::Path;
use std::time::Duration;

use stage01::Stage;

use crate::floor::Floor;
use crate::workloads::{Rounds, Site, Work, Workload, call_times};

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The workload's name, or that of the floor.
    pub name: &'static str,
    /// All the work that was done.
    pub work: Work,
    /// The time it took.
    pub time: Duration,
    /// How many calls were timed.
    pub calls: u64,
    /// Half of the calls were as fast as this.
    pub p50: Duration,
    /// 99 % of the calls were as fast as this. With fewer than 100 calls it is the slowest of them.
    pub p99: Duration,
}

impl Measured {
    /// Operations, or bytes, in one second.
    pub fn per_second(&self) -> f64 {
        let (Work::Operations(amount) | Work::Bytes(amount)) = self.work;
        amount as f64 / self.time.as_secs_f64()
    }
}

/// Runs a workload of stage `S` for about `budget`; setting it up takes its own time.
pub fn measure<S: Stage>(workload: Workload, site: &mut Site<S>, budget: Duration) -> anyhow::Result<Measured> {
    run(workload.name(), workload.work(site.sizes()), workload.set_up(site)?, budget)
}

/// Measures this machine for about `budget`, in `directory`.
pub fn measure_floor(floor: Floor, directory: &Path, budget: Duration) -> anyhow::Result<Measured> {
    run(floor.name(), floor.work(), floor.set_up(directory)?, budget)
}

/// Does rounds until the budget is used up: one at first, to learn how long it takes, then as many as fit.
fn run(
    name: &'static str,
    work_of_a_round: Work,
    mut rounds: Box<dyn Rounds>,
    budget: Duration,
) -> anyhow::Result<Measured> {
    // The first round pays for cold caches and first pages; it counts for the estimate alone, unless it is the budget.
    let mut calls = call_times();
    let first = rounds.run(1, &mut calls)?;
    let (mut count, mut time) = (1, first);
    if first < budget / 4 {
        (count, time) = (0, Duration::ZERO);
        calls.reset();
    }
    let mut round_time = first;
    while time < budget {
        let left = (budget - time).as_nanos() / round_time.as_nanos().max(1);
        // At most twice as many as so far, in case the first rounds were not like the others.
        let next = left.clamp(1, 2 * u128::from(count) + 1) as u64;
        time += rounds.run(next, &mut calls)?;
        count += next;
        round_time = time / u32::try_from(count).unwrap_or(u32::MAX);
    }
    let work = match work_of_a_round {
        Work::Operations(operations) => Work::Operations(operations * count),
        Work::Bytes(bytes) => Work::Bytes(bytes * count),
    };
    let quantile = |q| Duration::from_nanos(calls.value_at_quantile(q));
    Ok(Measured { name, work, time, calls: calls.len(), p50: quantile(0.50), p99: quantile(0.99) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::Sizes;
    use stage01::Stage01;

    #[test]
    fn a_measurement_uses_its_budget_and_not_much_more() {
        let directory = tempfile::tempdir().unwrap();
        let mut site = Site::<Stage01>::new(directory.path(), Sizes::TINY);
        let budget = Duration::from_millis(50);
        for workload in Workload::ALL {
            let measured = measure(workload, &mut site, budget).unwrap();
            assert!(measured.time >= budget, "{measured:?}");
            assert!(measured.calls > 0 && measured.p50 <= measured.p99 && measured.per_second() > 0.0, "{measured:?}");
        }
        for floor in Floor::ALL {
            assert!(measure_floor(floor, directory.path(), budget).unwrap().per_second() > 0.0, "{}", floor.name());
        }
    }
}
