//! The proof that the exercises of a stage are sound.
//!
//! For every number of parts that a learner may have done, the stage is made with the bodies of those parts in it and of
//! the others taken out. It must compile without a warning; the tests of the parts that are done must pass; every test
//! of the others must fail, those of the next part for the reason that the part names. With all parts done, every test
//! of the stage must pass.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::build::{Binary, Build};
use super::course::{Course, package_name};
use super::explain::telling_panic;
use super::runner::{Manner, Outcome, Ran, run_all};
use super::spec::{Part, Spec, TEST_TARGET};
use super::starter::{self, Written};
use super::state::Over;
use super::subtract::Sources;
use super::verdict::{is_judged_by, judges, targets};

/// Long enough for the longest crash test of a stage on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);

/// A test that fails on a starter says so within this time, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The fewest and the most lines of a part that is to be written.
const LINES: std::ops::RangeInclusive<usize> = 15..=75;

/// Tries all states of a stage's exercises, in `folder`. Returns what is wrong with them.
pub fn try_stage(
    course: &Course,
    spec: &Spec,
    folder: &Path,
    parts_only: bool,
    note: &dyn Fn(&str),
) -> Result<Vec<String>> {
    let mut wrong = check_text(course, spec)?;
    let course = course.with_exercises(&folder.join("exercises"));
    let target_dir = folder.join("target");
    for written in 0..=spec.parts.len() {
        note(&format!("stage {}: {written} of {} parts written", spec.stage, spec.parts.len()));
        let copy = fresh_copy(&course, spec, Written(written))?;
        let targets = if written == spec.parts.len() { Vec::new() } else { targets(spec.parts.iter()) };
        let build = Build { package: &copy, target_dir: &target_dir, targets, deny_warnings: true, ..Build::default() };
        let state = format!("stage {} with {written} parts written", spec.stage);
        match build.run()? {
            Err(error) => wrong.push(format!("{state} does not compile without a warning:\n{}", error.words)),
            Ok(binaries) => wrong
                .extend(try_state(spec, written, parts_only, &binaries)?.into_iter().map(|w| format!("{state}: {w}"))),
        }
    }
    Ok(wrong)
}

/// What can be seen without running anything: sizes, and that every part has tests of its own.
fn check_text(course: &Course, spec: &Spec) -> Result<Vec<String>> {
    let sources = Sources::read(course.reference(spec.stage)?)?;
    let mut wrong = Vec::new();
    for part in &spec.parts {
        let mut lines = 0;
        for function in &part.functions {
            lines += sources.body_lines(&function.item)?;
        }
        if !part.is_debugging() && !LINES.contains(&lines) {
            wrong.push(format!("part {} has {lines} missing lines; 20 to 60 are wanted", part.id));
        }
    }
    let kinds = [("debugging", spec.parts.iter().filter(|part| part.is_debugging()).count() == 1)];
    wrong.extend(kinds.iter().filter(|(_, good)| !good).map(|(kind, _)| format!("it has not one {kind} exercise")));
    Ok(wrong)
}

/// What the tests say of one state.
fn try_state(spec: &Spec, written: usize, parts_only: bool, binaries: &[Binary]) -> Result<Vec<String>> {
    let mut tests = Vec::new();
    for binary in binaries {
        tests.extend(binary.tests()?);
    }
    if parts_only || written < spec.parts.len() {
        tests.retain(|test| spec.parts.iter().any(|part| is_judged_by(part, test)));
    }
    let ran = run_all(&tests, &Manner { limit: LIMIT, ..Manner::default() }, |_| {})?;
    let mut wrong = Vec::new();
    for (number, part) in spec.parts.iter().enumerate() {
        let own: Vec<&Ran> = ran.iter().filter(|ran| judges(part, ran)).collect();
        if !own.iter().any(|ran| ran.target == TEST_TARGET) {
            wrong.push(format!("part {} has no test that begins with {}", part.id, part.test_prefix()));
        }
        for ran in own {
            wrong.extend(complaint(part, ran, number, written));
        }
    }
    if written == spec.parts.len() {
        let failed = ran.iter().filter(|ran| !ran.passed());
        wrong.extend(failed.map(|ran| format!("{} {} fails on the reference:\n{}", ran.target, ran.name, ran.output)));
    }
    Ok(wrong)
}

/// What is wrong with how a test of part `number` (from 0) ended, with so many parts written.
fn complaint(part: &Part, ran: &Ran, number: usize, written: usize) -> Option<String> {
    let name = format!("{} {}", ran.target, ran.name);
    let reason = part.reason.clone().unwrap_or_else(|| format!("not yet implemented: {}", part.mark()));
    match (&ran.outcome, number < written) {
        (Outcome::Passed, true) => None,
        (_, true) => Some(format!("{name} fails, though part {} is written:\n{}", part.id, ran.output)),
        (Outcome::Passed, false) => Some(format!("{name} passes, though part {} is not written", part.id)),
        (Outcome::Hangs, false) => Some(format!("{name} hangs where it should fail")),
        (Outcome::Failed, false) if ran.took > PATIENCE => {
            Some(format!("{name} takes {:.0} s to fail", ran.took.as_secs_f64()))
        }
        (Outcome::Failed, false) if number == written && !ran.output.contains(&reason) => {
            let said = telling_panic(ran).map_or_else(|| ran.output.clone(), |panic| panic.message);
            Some(format!("{name} fails for another reason than `{reason}`:\n{said}"))
        }
        (Outcome::Failed, false) => None,
    }
}

/// A copy of the stage with so many parts written, in place of the one before.
fn fresh_copy(course: &Course, spec: &Spec, written: Written) -> Result<PathBuf> {
    let copy = course.copy(spec.stage);
    if !copy.ends_with(package_name(spec.stage)) || !copy.starts_with(&course.exercises) {
        bail!("{} is not a copy of stage {}", copy.display(), spec.stage);
    }
    if copy.is_dir() {
        fs::remove_dir_all(&copy).with_context(|| format!("cannot remove {}", copy.display()))?;
    }
    starter::make(course, spec, Over::Reference, written)
}
