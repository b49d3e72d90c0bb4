//! `cargo course compare`: the benchmarks of all stages side by side.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use super::floors::with_floors;
use super::report::report;
use super::{criterion_files, paths};

/// Compare the stages by criterion's last benchmarks
///
/// Rates are criterion's estimates; p50 and p99 are over its samples, of one round: an append by every producer, a
/// whole scan. The floor is the same work by bare system calls on this machine, without a log around them.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course bench 1 2\n  cargo course compare")]
pub struct Compare {
    /// Where criterion's result files are [default: target/criterion]
    #[arg(long, value_name = "DIR")]
    criterion: Option<PathBuf>,
}

impl Compare {
    /// Prints the tables.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let directory = self.criterion.clone().unwrap_or_else(paths::criterion);
        write!(out, "{}", compare(&directory)?)?;
        Ok(())
    }
}

/// The tables of the benchmarks whose result files lie in `directory`.
pub fn compare(directory: &Path) -> Result<String> {
    let rows = with_floors(&criterion_files::read(directory)?);
    if rows.is_empty() {
        bail!("there are no benchmark results in {}; `cargo course bench` makes them", directory.display());
    }
    Ok(report(&rows))
}
