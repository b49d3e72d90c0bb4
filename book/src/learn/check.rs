//! `cargo course check`: how far a learner has come.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::checking::Checking;
use crate::exercises::course::Course;
use crate::exercises::spec::Selection;
use crate::paths;

/// Run the tests of a stage's exercises, and say what to do next
///
/// It shows each part as done, failing or not started, explains the first test that fails, and names the next step.
/// Once all parts are done, every other test of the stage runs as well.
///
/// The exit status is 0 if everything is done, 1 if something fails, and 3 if nothing fails but a part has not been
/// started.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course check 2\n  cargo course check 2.1")]
pub struct Check {
    /// A stage, or a part of it [default: the stage that was started last]
    #[arg(value_name = "STAGE[.PART]")]
    selection: Option<Selection>,
}

impl Check {
    /// Runs the tests.
    pub fn run(&self, out: &mut dyn Write) -> Result<ExitCode> {
        let course = Course::open(&paths::workspace())?;
        let last = || course.all_started().last().copied().map(Selection::Stage);
        let selection =
            self.selection.or_else(last).context("nothing has been started; `cargo course start 1` does")?;
        let stage = selection.stage();
        let copy = course.started(stage)?;
        let spec = course.spec(stage)?;
        if let Selection::Part(id) = selection {
            spec.part(id)?;
        }
        Checking { selection, spec, copy }.run(&course, out)
    }
}
