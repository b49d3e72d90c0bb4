//! The simulator on the code as it is: nothing is broken, in any of the seven configurations. And on what promises
//! more than it can keep: there it finds the loss.
//!
//! `STAGE06_SEEDS` says how many seeds each configuration gets: 2,000 without it. The long run is
//!
//! ```text
//! STAGE06_SEEDS=100000 cargo test --release -p stage06 --test simulator -- --nocapture
//! ```

use std::env;
use std::time::Instant;

use stage06::sim::{Config, Timeline, run, run_seeds};

const SEEDS: u64 = 2_000;

fn seeds() -> u64 {
    env::var("STAGE06_SEEDS").map_or(SEEDS, |count| count.parse().expect("STAGE06_SEEDS is a number of seeds"))
}

/// Runs the seeds of a configuration. A rule that is broken is shown with all that had happened.
#[track_caller]
fn holds(config: Config) {
    let (count, start) = (seeds(), Instant::now());
    let report = run_seeds(config, 0, count, true);
    if let Some(verdict) = report.broken.first() {
        panic!("{}", story(config, verdict.seed));
    }
    assert_eq!(report.seeds, count);
    let (acknowledged, elections, power_cuts) = (report.acknowledged, report.elections, report.power_cuts);
    println!(
        "{}: {count} seeds, {acknowledged} batches acknowledged, {elections} elections, {power_cuts} power cuts, {} s \
         simulated in {:.1} s",
        config.name,
        report.simulated_ms / 1000,
        start.elapsed().as_secs_f64()
    );
    assert!(acknowledged > 10 * count && elections > 2 * count, "a simulation in which little happens shows little");
}

/// What happened in a run, to its end.
fn story(config: Config, seed: u64) -> String {
    let (verdict, timeline) = run(config, seed, Timeline::kept());
    let end = verdict.violation.map_or("nothing is broken".to_string(), |violation| violation.to_string());
    format!("{timeline}\n{}, seed {seed}: {end}", config.name)
}

#[test]
fn three_replicas_of_which_two_are_in_sync_keep_all_rules() {
    holds(Config::ALL[0]);
}

#[test]
fn five_replicas_of_which_three_are_in_sync_keep_all_rules() {
    holds(Config::ALL[1]);
}

#[test]
fn three_replicas_that_sync_later_keep_all_rules_while_one_at_a_time_loses_power() {
    holds(Config::ALL[2]);
}

#[test]
fn five_replicas_that_sync_later_keep_all_rules_while_two_at_a_time_lose_power() {
    holds(Config::ALL[3]);
}

#[test]
fn three_replicas_of_which_one_is_in_sync_keep_all_rules() {
    holds(Config::ALL[4]);
}

#[test]
fn what_producers_count_is_there_once_and_in_order() {
    holds(Config::COUNTING[0]);
}

#[test]
fn what_producers_count_is_there_once_and_in_order_where_replicas_sync_later() {
    holds(Config::COUNTING[1]);
}

#[test]
fn a_cluster_that_promises_more_than_it_can_keep_is_seen_to_lose_records() {
    for config in Config::CONTROLS {
        let report = run_seeds(config, 0, 500, true);
        let broken = report.broken.first().and_then(|verdict| verdict.violation.as_ref());
        assert!(broken.is_some_and(|violation| violation.rule == "R1"), "{}: {broken:?}", config.name);
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for config in Config::ALL.into_iter().chain(Config::COUNTING) {
        for seed in 0..20 {
            let (first, _) = run(config, seed, Timeline::default());
            let (second, _) = run(config, seed, Timeline::kept());
            assert_eq!((first.hash, first.acknowledged), (second.hash, second.acknowledged), "{}: {seed}", config.name);
        }
        let (one, _) = run(config, 1, Timeline::default());
        let (other, _) = run(config, 2, Timeline::default());
        assert_ne!(one.hash, other.hash, "another seed is another run");
    }
}
