//! `cargo course gates`: the proof that the exercises are sound.

use std::path::absolute;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::paths;
use crate::claim::claim;
use crate::exercises::course::Course;
use crate::exercises::gates;
use crate::exercises::spec::{self, Spec};
use crate::workers::cores;

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
    /// The most states to be tried at a time [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
}

impl Gates {
    /// Tries them.
    pub fn run(&self) -> Result<ExitCode> {
        let course = Course::open(&paths::workspace())?;
        let with_exercises = course.stages.iter().filter(|(_, folder)| folder.join(spec::FILE_NAME).is_file());
        let stages = match self.stages.is_empty() {
            true => with_exercises.map(|(stage, _)| *stage).collect(),
            false => self.stages.clone(),
        };
        let specs = stages.iter().map(|stage| course.spec(*stage)).collect::<Result<Vec<Spec>>>()?;
        let unknown = "cannot find the target directory";
        let (folder, built) = (absolute(paths::gates()).context(unknown)?, absolute(paths::target()).context(unknown)?);
        let _claim = claim(&folder)?;
        let jobs = self.jobs.unwrap_or_else(cores);
        let parts_only = self.parts_only;
        let gates = gates::Gates { course: &course, folder: &folder, built: &built, jobs, parts_only };
        let wrong = gates.try_all(&specs, &|line| eprintln!("{line}"))?;
        wrong.iter().for_each(|what| eprintln!("WRONG: {what}"));
        Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
