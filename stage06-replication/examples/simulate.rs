//! A cluster in which everything goes wrong, again and again; or one run of it, told from beginning to end.
//!
//! ```text
//! cargo run --release -p stage06 --example simulate -- [SEEDS]           so many seeds of each configuration
//! cargo run --release -p stage06 --example simulate -- CONFIG --seed N   what happens with one seed
//! ```
//!
//! `CONFIG` is a number from 1 to 9. In 8 and 9, producers count their batches. 6 and 7 promise more than they can keep; the
//! exit status is 1 if a rule was broken in one of the others.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use stage06::sim::{Config, Timeline, run, run_seeds};

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => many(1_000),
        [seeds] => many(number(seeds)?),
        [config, "--seed", seed] => one(number(config)?, number(seed)?),
        _ => bail!("usage: simulate [SEEDS] | simulate CONFIG --seed N"),
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse().with_context(|| format!("`{text}` is not a number"))
}

fn configs() -> Vec<Config> {
    Config::ALL.into_iter().chain(Config::CONTROLS).chain(Config::COUNTING).collect()
}

fn many(seeds: u64) -> Result<ExitCode> {
    let mut is_sound = true;
    for (number, config) in (1..).zip(configs()) {
        let start = Instant::now();
        let report = run_seeds(config, 0, seeds, true);
        let (acknowledged, elections, power_cuts) = (report.acknowledged, report.elections, report.power_cuts);
        println!(
            "{number}  {}: {} seeds, {acknowledged} acknowledged, {elections} elections, {power_cuts} power cuts, {} s \
             simulated in {:.1} s",
            config.name,
            report.seeds,
            report.simulated_ms / 1000,
            start.elapsed().as_secs_f64()
        );
        if let Some((seed, violation)) =
            report.broken.first().and_then(|broken| Some((broken.seed, broken.violation.as_ref()?)))
        {
            println!("   seed {seed}: {violation}");
            is_sound &= Config::CONTROLS.contains(&config);
        }
    }
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn one(number: u64, seed: u64) -> Result<ExitCode> {
    let configs = configs();
    let config = usize::try_from(number).ok().and_then(|number| configs.get(number.checked_sub(1)?).copied());
    let config = config.with_context(|| format!("there is no configuration {number}, only 1 to {}", configs.len()))?;
    let (verdict, timeline) = run(config, seed, Timeline::kept());
    print!("{timeline}");
    match verdict.violation {
        None => println!("{}, seed {seed}: nothing is broken", config.name),
        Some(violation) => println!("{}, seed {seed}: {violation}", config.name),
    }
    Ok(ExitCode::SUCCESS)
}
