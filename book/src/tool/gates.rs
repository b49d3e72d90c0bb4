//! `cargo course gates`: the proof that the exercises are sound.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::paths;
use crate::claim::claim;
use crate::exercises::course::Course;
use crate::exercises::gates::try_stage;

/// Try every state of the exercises: what a learner meets must compile, fail for its reason, and pass when it is done
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course gates 2")]
pub struct Gates {
    /// The stages; all that have exercises if none is given
    #[arg(value_name = "STAGE")]
    stages: Vec<u32>,
    /// Leave out the other tests of a stage that is written in full: for whoever has just run them on the reference
    #[arg(long)]
    parts_only: bool,
}

impl Gates {
    /// Tries them.
    pub fn run(&self) -> Result<ExitCode> {
        let course = Course::open(&paths::workspace())?;
        let stages = if self.stages.is_empty() { course.stages.keys().copied().collect() } else { self.stages.clone() };
        let folder = std::path::absolute(paths::workshop()).context("cannot find the target directory")?;
        let _claim = claim(&folder)?;
        let mut sound = true;
        for stage in stages {
            let spec = course.spec(stage)?;
            let wrong = try_stage(&course, &spec, &folder, self.parts_only, &|line| eprintln!("{line}"))?;
            wrong.iter().for_each(|what| eprintln!("WRONG: {what}"));
            sound &= wrong.is_empty();
        }
        Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
