//! The proof that the exercises of a stage are sound.
//!
//! For every number of parts that a learner may have done, the stage is made with the bodies of those parts in it and of
//! the others taken out. It must compile without a warning; the tests of the parts that are done must pass; every test
//! of the others must fail, those of the next part for the reason that the part names. With all parts done, every test
//! of the stage must pass.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::build::{Binary, Build, DoesNotCompile};
use super::course::{Course, package_name};
use super::explain::telling_panic;
use super::manifest;
use super::runner::{Manner, Outcome, Ran, run_all};
use super::spec::{Part, Spec, TEST_TARGET};
use super::starter::{self, Written};
use super::state::Over;
use super::subtract::Sources;
use super::verdict::{is_judged_by, judges, targets};
use crate::workers::{Profile, cores, for_each, mirror, seed, share};

/// Long enough for the longest crash test of a stage on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);

/// A test that fails on a starter says so within this time, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The fewest and the most lines of a part that is to be written.
const LINES: std::ops::RangeInclusive<usize> = 15..=75;

/// Tries the exercises of a course.
#[derive(Debug)]
pub struct Gates<'a> {
    /// The course.
    pub course: &'a Course,
    /// Where the copies of stages are, and what is compiled of them: the next time less is to be built.
    pub folder: &'a Path,
    /// A target directory from which other people's packages are taken, as far as they are there.
    pub built: &'a Path,
    /// The most states at a time.
    pub jobs: usize,
    /// Whether the other tests of a stage that is written in full are left out.
    pub parts_only: bool,
}

/// A stage with so many of its parts written.
#[derive(Clone, Copy)]
struct State<'a> {
    spec: &'a Spec,
    written: usize,
}

impl Gates<'_> {
    /// Tries all states of the exercises of these stages. Returns what is wrong with them. `told` hears of each state
    /// as it has been tried, from several threads.
    pub fn try_all(&self, specs: &[Spec], told: &(dyn Fn(&str) + Sync)) -> Result<Vec<String>> {
        let mut wrong = Vec::new();
        for spec in specs {
            wrong.extend(check_text(self.course, spec)?);
        }
        // What takes longest comes first, so that nobody works alone in the end: the last stage, written in full.
        let mut states: Vec<State> =
            specs.iter().flat_map(|spec| (0..=spec.parts.len()).map(move |written| State { spec, written })).collect();
        states.sort_by_key(|state| Reverse((state.spec.stage, state.written)));
        let Some(first) = states.first() else { return Ok(wrong) };
        let benches: Vec<Bench> = (0..self.jobs.clamp(1, cores())).map(|number| self.bench(number)).collect();
        seed(self.built, &benches[0].target_dir)?;
        // What all stages stand on is built once. An error comes again when the state is tried.
        let copy = fresh_copy(&benches[0].course, *first)?;
        let _ = benches[0].build(&copy, first.spec, vec!["lib".into()], cores())?;
        for_each(&benches[1..], |bench| mirror(&benches[0].target_dir, &bench.target_dir))?;

        let jobs = (cores() / benches.len()).max(1);
        let mut tried = share(&benches, &states, |bench, state| {
            let began = Instant::now();
            let found = self.try_state(bench, state, jobs)?;
            let State { spec, written } = state;
            let seconds = began.elapsed().as_secs();
            told(&format!("stage {}: {written} of {} parts written: {seconds} s", spec.stage, spec.parts.len()));
            Ok(((spec.stage, written), found))
        })?;
        tried.sort();
        wrong.extend(tried.into_iter().flat_map(|((stage, written), found)| {
            found.into_iter().map(move |what| format!("stage {stage} with {written} parts written: {what}"))
        }));
        Ok(wrong)
    }

    fn bench(&self, number: usize) -> Bench {
        let folder = self.folder.join(format!("worker-{number}"));
        Bench { course: self.course.with_exercises(&folder.join("exercises")), target_dir: folder.join("target") }
    }

    /// What is wrong with one state.
    fn try_state(&self, bench: &Bench, state: State<'_>, jobs: usize) -> Result<Vec<String>> {
        let copy = fresh_copy(&bench.course, state)?;
        let all = state.written == state.spec.parts.len() && !self.parts_only;
        let targets = if all { Vec::new() } else { targets(state.spec.parts.iter()) };
        match bench.build(&copy, state.spec, targets, jobs)? {
            Err(error) => Ok(vec![format!("it does not compile without a warning:\n{}", error.words)]),
            Ok(binaries) => judge(state, all, &binaries, jobs),
        }
    }
}

/// Where one state after the other is tried.
struct Bench {
    course: Course,
    target_dir: PathBuf,
}

impl Bench {
    /// Builds these targets, or, if there are none, all of them with all that the stage has.
    fn build(
        &self,
        copy: &Path,
        spec: &Spec,
        targets: Vec<String>,
        jobs: usize,
    ) -> Result<Result<Vec<Binary>, DoesNotCompile>> {
        let profile = Profile::with_jobs(jobs);
        let environment = profile.environment();
        let build = Build {
            package: copy,
            target_dir: &self.target_dir,
            without_default_features: !spec.default_features && !targets.is_empty(),
            targets,
            environment: &environment,
            ..Build::default()
        };
        build.run()
    }
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

/// What the tests say of one state; `all` of them, or those of the parts.
fn judge(State { spec, written }: State<'_>, all: bool, binaries: &[Binary], jobs: usize) -> Result<Vec<String>> {
    let mut tests = Vec::new();
    for binary in binaries {
        tests.extend(binary.tests()?);
    }
    if !all {
        tests.retain(|test| spec.parts.iter().any(|part| is_judged_by(part, test)));
    }
    let ran = run_all(&tests, &Manner { limit: LIMIT, at_once: jobs, ..Manner::default() }, |_| {})?;
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

/// A copy of the stage in this state, in place of the one before. A warning in it is an error.
fn fresh_copy(course: &Course, State { spec, written }: State<'_>) -> Result<PathBuf> {
    let copy = course.copy(spec.stage);
    if !copy.ends_with(package_name(spec.stage)) || !copy.starts_with(&course.exercises) {
        bail!("{} is not a copy of stage {}", copy.display(), spec.stage);
    }
    if copy.is_dir() {
        fs::remove_dir_all(&copy).with_context(|| format!("cannot remove {}", copy.display()))?;
    }
    starter::make(course, spec, Over::Reference, Written(written))?;
    manifest::deny_warnings(&copy.join("Cargo.toml"))?;
    Ok(copy)
}
