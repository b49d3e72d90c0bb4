//! `cargo course grade`: points for what a student has written.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use super::paths;
use super::progress::Progress;
use crate::claim::claim;
use crate::classroom::grade::{Limits, grade, submissions};
use crate::classroom::report::Report;
use crate::exercises::course::Course;
use crate::workers::seed;

/// For teachers: judge what a student has written
///
/// The stage's own tests run over the student's sources, the crash tests with fresh crash states. Nothing else of the
/// student's is used. Each test has a limit, and all together have one, so that a mark comes of any code. Code that
/// means harm should be graded in a container.
///
/// The exit status is 0 if there is a mark, whatever it is.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course grade ../student-17 --json results.json")]
pub struct Grade {
    /// A class repository with a student's work in it, or the folder exercises/stageNN of one
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// Write the report there, as JSON; of several stages, a list of reports
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// The longest that one test may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    limit: u64,

    /// The longest that all tests together may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    limit_all: u64,

    /// Draw the crash states of an earlier run again [default: a fresh seed]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

impl Grade {
    /// Judges, prints the points and writes the report.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let course = Course::open(&paths::workspace())?;
        let workshop = std::path::absolute(paths::grading())?;
        let _claim = claim(&workshop)?;
        seed(&std::path::absolute(paths::target())?, &workshop.join("target"))?;
        let limits = Limits {
            test: Duration::from_secs(self.limit),
            all: Duration::from_secs(self.limit_all),
            seed: self.seed.unwrap_or_else(fresh_seed),
        };
        let submissions = submissions(&self.directory)?;
        let progress = Progress::new(submissions.len());
        let mut reports: Vec<Report> = Vec::new();
        for (stage, submitted) in &submissions {
            progress.begin(&format!("building and testing stage {stage}, with seed {}", limits.seed));
            reports.push(grade(&course, *stage, submitted, &workshop, limits)?);
            progress.end();
        }
        drop(progress);
        for report in &reports {
            writeln!(out, "stage {}, seed {}", report.extra_data.stage, report.extra_data.seed)?;
            write!(out, "{}", report.output)?;
        }
        if let Some(path) = &self.json {
            let text = match reports.as_slice() {
                [one] => serde_json::to_string_pretty(one),
                several => serde_json::to_string_pretty(several),
            };
            fs::write(path, text.context("cannot write the report as JSON")? + "\n")
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

/// A number that nobody knows before.
fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // Small enough to be a number in every reader of JSON.
    RandomState::new().hash_one(0) >> 16
}
