//! Reads criterion's result files.
//!
//! ```text
//! target/criterion/append_durable_16/stage02/new/benchmark.json   names, and how many records an iteration handles
//!                                               /estimates.json   criterion's estimate of an iteration's time
//!                                               /sample.json      the samples: iterations, and the time they took
//! target/criterion/floor/fdatasync/new/…                           the bare machine
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::floors::Measurement;
use crate::results::Row;

#[derive(Deserialize)]
struct Benchmark {
    group_id: String,
    function_id: Option<String>,
    throughput: Option<Throughput>,
}

/// What an iteration handles.
#[derive(Clone, Copy, Deserialize)]
enum Throughput {
    Elements(u64),
    Bytes(u64),
}

#[derive(Deserialize)]
struct Estimates {
    mean: Estimate,
    slope: Option<Estimate>,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

#[derive(Deserialize)]
struct Sample {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// What criterion measured, as it lies below `directory`; nothing if there is no such directory.
pub fn read(directory: &Path) -> Result<Vec<Measurement>> {
    let mut all = Vec::new();
    for workload in folders(directory)? {
        for stage in folders(&workload)? {
            let newest = stage.join("new");
            if newest.join("benchmark.json").is_file() {
                let measured = read_one(&newest).with_context(|| {
                    format!("{} is not what criterion writes; delete it and run the benchmark again", newest.display())
                })?;
                all.push(measured);
            }
        }
    }
    Ok(all)
}

fn read_one(directory: &Path) -> Result<Measurement> {
    let Benchmark { group_id, function_id, throughput } = read_json(&directory.join("benchmark.json"))?;
    let estimates: Estimates = read_json(&directory.join("estimates.json"))?;
    let Sample { iters, times } = read_json(&directory.join("sample.json"))?;
    let Some(stage) = function_id else { bail!("the benchmark {group_id} names no stage") };
    let (Throughput::Elements(amount) | Throughput::Bytes(amount)) = throughput.unwrap_or(Throughput::Elements(1));
    // Criterion's own headline: the slope over samples of growing length where it took such, else the mean.
    let iteration_ns = estimates.slope.unwrap_or(estimates.mean).point_estimate;
    ensure!(iteration_ns > 0.0 && iteration_ns.is_finite(), "it estimates {iteration_ns} ns for an iteration");
    ensure!(!times.is_empty() && times.len() == iters.len(), "{} times for {} samples", times.len(), iters.len());
    let mut samples_ns: Vec<f64> = times.iter().zip(&iters).map(|(time, iterations)| time / iterations).collect();
    samples_ns.sort_by(f64::total_cmp);
    let row = Row {
        workload: group_id,
        stage,
        ops_per_second: amount as f64 * 1e9 / iteration_ns,
        p50_ns: percentile(&samples_ns, 50),
        p99_ns: percentile(&samples_ns, 99),
        samples: times.len() as u64,
        records: amount * iters.iter().sum::<f64>() as u64,
    };
    Ok(Measurement { row, per_call: amount as f64 })
}

/// The smallest value that so many percent of the sorted values do not exceed.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted[rank.saturating_sub(1)]
}

fn folders(directory: &Path) -> Result<Vec<PathBuf>> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let mut folders = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((percentile(&hundred, 50), percentile(&hundred, 99)), (50.0, 99.0));
        assert_eq!((percentile(&[7.0], 50), percentile(&[7.0], 99)), (7.0, 7.0));
        assert_eq!((percentile(&[1.0, 2.0, 3.0], 50), percentile(&[1.0, 2.0, 3.0], 99)), (2.0, 3.0));
    }
}
