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
            writeln!(
                out,
                "Every part is done, and everything else that the stage promises holds. What is left is the"
            )?;
            writeln!(out, "chapter's end: its experiment, and its questions.")?;
        }
    }
    Ok(())
}

#[cfg(all(test, feature = "reference"))]
mod tests {
    use std::fs;

    use super::*;
    use crate::exercises::spec;
    use crate::exercises::starter::{self, Written};
    use crate::exercises::state::Over;

    fn said(course: &Course) -> String {
        let mut out = Vec::new();
        say_next(course, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_part_that_was_begun_is_told_like_one_that_was_not_and_its_hint_too() {
        let dir = tempfile::tempdir().unwrap();
        let course = Course::open(&paths::workspace()).unwrap().with_exercises(dir.path());
        let copy = starter::make(&course, &course.spec(1).unwrap(), Over::Reference, Written(0)).unwrap();
        let fresh = said(&course);
        assert!(fresh.contains("read ") && fresh.contains("write ") && !fresh.contains("hint"), "{fresh}");
        let mut sources = Sources::read(&copy).unwrap();
        sources.replace_body(&course.spec(1).unwrap().parts[0].functions[0].item, "{ unimplemented!() }").unwrap();
        sources.write().unwrap();
        let begun = said(&course);
        for told in ["which you have begun", "read ", "write ", "cargo course check 1.1", "cargo course hint 1.1"] {
            assert!(begun.contains(told), "{told}: {begun}");
        }
    }

    #[test]
    fn a_class_that_is_done_hears_of_nothing_that_it_does_not_have() {
        let dir = tempfile::tempdir().unwrap();
        let mut course = Course::open(&paths::workspace()).unwrap().with_exercises(dir.path());
        let spec = course.spec(1).unwrap();
        let copy = starter::make(&course, &spec, Over::Reference, Written(0)).unwrap();
        fs::copy(course.reference(1).unwrap().join(spec::FILE_NAME), copy.join(spec::FILE_NAME)).unwrap();
        course.stages.clear();
        let mut state = State::read(&copy).unwrap();
        spec.parts.iter().for_each(|part| state.note(part.id, true));
        state.rest = true;
        state.write(&copy).unwrap();
        let said = said(&course);
        assert!(said.contains("Every part is done") && !said.contains("zoo") && !said.contains("start"), "{said}");
    }
}
