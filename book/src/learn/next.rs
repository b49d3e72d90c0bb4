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
        say_next(&Course::open(&paths::workspace())?, out)
    }
}

/// Says what comes now in a course.
pub(super) fn say_next(course: &Course, out: &mut dyn Write) -> Result<()> {
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
        let sources = Sources::read(&copy);
        let is_untouched = sources.is_ok_and(|sources| untouched(&spec, &state, &sources).contains(&part.id.part));
        writeln!(out, "{}", next_step(part, &copy, !is_untouched)?)?;
        return Ok(());
    }
    let next = (1..100).find(|stage| !course.copy(*stage).exists() && course.stages.contains_key(stage));
    let next = next.filter(|_| course.is_whole()).filter(|stage| course.spec(*stage).is_ok());
    match next {
        Some(1) => writeln!(out, "Next: `cargo course read` for the first chapter, then `cargo course start 1`.")?,
        Some(stage) => writeln!(out, "Next: the chapter of stage {stage}, then `cargo course start {stage}`.")?,
        None if course.is_whole() => {
            writeln!(out, "Every part of every stage is done. The bug zoo is open: `cargo course zoo --help`.")?;
        }
        None => {
            writeln!(out, "Every part is done, and everything else that the stage promises holds. What is left is the")?;
            writeln!(out, "chapter's end: its experiment, and its questions.")?;
        }
    }
    Ok(())
}
