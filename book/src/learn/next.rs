//! `cargo course next`: what to do now.

use std::io::Write;

use anyhow::Result;
use clap::Args;

use super::steps::{next_step, untouched};
use crate::exercises::course::Course;
use crate::exercises::state::State;
use crate::exercises::subtract::Sources;
use crate::paths;

/// Say what to do now
///
/// It goes by what the last `check` has found, and by what has been written since; it runs no tests.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course next")]
pub struct Next {}

impl Next {
    /// Looks where the learner is.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let course = Course::open(&paths::workspace())?;
        for stage in course.all_started() {
            let copy = course.started(stage)?;
            let (spec, state) = (course.spec(stage)?, State::read(&copy)?);
            let Some(part) = spec.parts.iter().find(|part| !state.is_done(part.id)) else {
                if state.rest {
                    continue;
                }
                writeln!(out, "Next: everything else that stage {stage} promises.\n  cargo course check {stage}")?;
                return Ok(());
            };
            let is_untouched =
                Sources::read(&copy).is_ok_and(|sources| untouched(&spec, &state, &sources).contains(&part.id.part));
            if is_untouched {
                writeln!(out, "{}", next_step(part, &copy)?)?;
            } else {
                writeln!(out, "Next: part {}, “{}”, which you have begun.", part.id, part.title)?;
                writeln!(out, "  cargo course check {}", part.id)?;
                writeln!(out, "  cargo course hint {}", part.id)?;
            }
            return Ok(());
        }
        let next = (1..100).find(|stage| !course.copy(*stage).exists() && course.spec(*stage).is_ok());
        match next {
            Some(1) => writeln!(out, "Next: `cargo course read` for the first chapter, then `cargo course start 1`.")?,
            Some(stage) => writeln!(out, "Next: the chapter of stage {stage}, then `cargo course start {stage}`.")?,
            None => {
                writeln!(out, "Every part of every stage is done. The bug zoo is open: `cargo course zoo --help`.")?
            }
        }
        Ok(())
    }
}
