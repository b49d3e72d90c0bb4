//! `cargo course bench`: the criterion benchmarks, stage by stage.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::{paths, stages};

/// Run the benchmarks of the stages, each with the same workloads
///
/// This is `cargo bench -p stageNN`, stage by stage. It takes minutes; `cargo course compare` then shows the results
/// side by side.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course bench 1 2\n  cargo course bench 3 -- random_read")]
pub struct Bench {
    /// The stages, by number; all of them if none is given
    #[arg(value_name = "STAGE")]
    stages: Vec<u32>,

    /// Anything that criterion takes: a part of a workload's name, or options
    #[arg(last = true, value_name = "CRITERION")]
    criterion: Vec<OsString>,
}

impl Bench {
    /// Runs them, with cargo's and criterion's own output.
    pub fn run(&self) -> Result<()> {
        for stage in stages::chosen(&self.stages)? {
            let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            command.arg("bench").arg("--manifest-path").arg(paths::workspace().join("Cargo.toml"));
            command.args(["--package", stage.name]);
            if !self.criterion.is_empty() {
                command.arg("--").args(&self.criterion);
            }
            let status = command.status().context("cannot run cargo; is it on the PATH?")?;
            if !status.success() {
                bail!("the benchmarks of {} failed ({status}); what cargo said is above", stage.name);
            }
        }
        eprintln!("`cargo course compare` shows the stages side by side.");
        Ok(())
    }
}
