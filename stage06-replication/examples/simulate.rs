//! A cluster in which everything goes wrong, again and again.
//!
//! ```text
//! cargo run --release -p stage06 --example simulate [-- SEEDS [FIRST]]
//! ```

use std::time::Instant;

use stage06::sim::{Config, Timeline, run, run_seeds};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seeds = arguments.next().map_or(1_000, |n| n.parse().expect("a number of seeds"));
    let first = arguments.next().map_or(0, |n| n.parse().expect("the first seed"));
    for config in Config::ALL.into_iter().chain(Config::CONTROLS) {
        let start = Instant::now();
        let report = run_seeds(config, first, seeds, true);
        println!(
            "{}: {} seeds, {} acknowledged, {} elections, {} power cuts, {} s simulated in {:.1} s",
            config.name,
            report.seeds,
            report.acknowledged,
            report.elections,
            report.power_cuts,
            report.simulated_ms / 1000,
            start.elapsed().as_secs_f64()
        );
        if let Some(verdict) = report.broken.first() {
            let (_, timeline) = run(config, verdict.seed, Timeline::kept());
            if std::env::var_os("TIMELINE").is_some() {
                println!("{timeline}");
            }
            println!("seed {}: {}", verdict.seed, verdict.violation.as_ref().unwrap());
        }
    }
}
