//! What `cargo course check` does: it finds the parts that were begun, runs their tests and says what came of them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};

use super::next::say_next;
use super::steps::{next_step, untouched};
use crate::exercises::build::Build;
use crate::exercises::course::Course;
use crate::exercises::explain::{explain, plainest};
use crate::exercises::runner::{Manner, Ran, Test, run_all};
use crate::exercises::spec::{Part, Selection, Spec};
use crate::exercises::state::State;
use crate::exercises::subtract::Sources;
use crate::exercises::verdict::{Verdict, is_judged_by, judges, targets};
use crate::paths;
use crate::progress::Progress;

/// The longest that a test of a part may take. It takes a second or two; a learner's loop without an end takes all of it.
const PART_LIMIT: Duration = Duration::from_secs(60);

/// The longest that any other test of a stage may take: the longest takes some ten seconds, and many times as long on a
/// machine that has more to do.
const REST_LIMIT: Duration = Duration::from_secs(600);

/// The exit status if nothing fails and something has not been started.
const NOT_STARTED: u8 = 3;

/// The check of a stage or a part.
pub(super) struct Checking {
    pub(super) selection: Selection,
    pub(super) spec: Spec,
    pub(super) copy: PathBuf,
}

impl Checking {
    /// Runs the tests, and tells what came of them.
    pub(super) fn run(&self, course: &Course, out: &mut dyn Write) -> Result<ExitCode> {
        let Checking { selection, spec, copy } = self;
        let mut state = State::read(copy)?;
        warn_of_changed_tests(course, spec.stage, copy);
        let chosen: Vec<&Part> = spec.parts.iter().filter(|part| selection.holds(part.id)).collect();
        // What does not parse, the compiler explains better.
        let untouched = Sources::read(copy).map_or_else(|_| Vec::new(), |sources| untouched(spec, &state, &sources));
        let begun: Vec<&Part> = chosen.iter().copied().filter(|part| self.is_begun(part, &untouched)).collect();
        let Some(mut ran) = self.test(&begun)? else { return Ok(ExitCode::FAILURE) };
        let verdicts: Vec<(&Part, Verdict)> = chosen.iter().map(|part| (*part, verdict(part, &begun, &ran))).collect();
        verdicts.iter().for_each(|(part, verdict)| state.note(part.id, verdict.is_done()));
        state.write(copy)?;
        verdicts.iter().try_for_each(|(part, verdict)| show(part, verdict, out))?;
        let all_done = verdicts.iter().all(|(_, verdict)| verdict.is_done());
        if all_done && matches!(selection, Selection::Stage(_)) {
            eprintln!("Every part is done. Now everything else that the stage promises, which takes a few minutes.");
            let Some(rest) = self.rest()? else { return Ok(ExitCode::FAILURE) };
            let (passed, tests) = (rest.iter().filter(|ran| ran.passed()).count(), rest.len());
            state.rest = passed == tests;
            state.write(copy)?;
            let mark = if state.rest { "✓ done" } else { "✗ failing" };
            let stage = spec.stage;
            writeln!(
                out,
                "  {mark:<13}  {stage:<3}  everything else the stage promises, {passed} of {tests} tests pass"
            )?;
            ran.extend(rest);
        }
        self.say_next(course, &verdicts, &ran, out)
    }

    /// Whether the tests of a part are worth running. There is nothing to write before one looks for a bug: its test is
    /// what one starts from, as soon as it can run.
    fn is_begun(&self, part: &Part, untouched: &[u32]) -> bool {
        let others_are_written = || untouched.iter().all(|number| *number == part.id.part);
        let is_asked_for = self.selection == Selection::Part(part.id);
        !untouched.contains(&part.id.part)
            || (part.is_debugging()
                && (is_asked_for || others_are_written())
                && untouched.len() < self.spec.parts.len())
    }

    /// Builds and runs the tests of these parts. None if something does not compile, which has then been said.
    fn test(&self, parts: &[&Part]) -> Result<Option<Vec<Ran>>> {
        if parts.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let targets = targets(parts.iter().copied());
        let wanted = |test: &Test| parts.iter().any(|part| is_judged_by(part, test));
        let manner = Manner { limit: PART_LIMIT, ..Manner::default() };
        self.run_tests(targets, &wanted, &manner)
    }

    /// Builds and runs every test of the stage that judges no part.
    fn rest(&self) -> Result<Option<Vec<Ran>>> {
        let wanted = |test: &Test| !self.spec.parts.iter().any(|part| is_judged_by(part, test));
        self.run_tests(Vec::new(), &wanted, &Manner { limit: REST_LIMIT, ..Manner::default() })
    }

    /// Builds test targets and runs those tests in them that are wanted.
    fn run_tests(
        &self,
        targets: Vec<String>,
        wanted: &dyn Fn(&Test) -> bool,
        manner: &Manner<'_>,
    ) -> Result<Option<Vec<Ran>>> {
        let target_dir = std::path::absolute(paths::target()).context("cannot find the target directory")?;
        let build = Build {
            package: &self.copy,
            target_dir: &target_dir,
            without_default_features: !self.spec.default_features && !targets.is_empty(),
            targets,
            talks: true,
            ..Build::default()
        };
        let Ok(binaries) = build.run()? else {
            let stage = self.spec.stage;
            eprintln!(
                "\nIt does not compile; the first error above is the one to mend. `cargo course check {stage}` looks again."
            );
            return Ok(None);
        };
        let mut tests = Vec::new();
        for binary in &binaries {
            tests.extend(binary.tests()?.into_iter().filter(|test| wanted(test)));
        }
        let progress = Progress::quiet(tests.len());
        let ran = run_all(&tests, manner, |ran| {
            progress.begin(ran.function());
            progress.end();
        })?;
        Ok(Some(ran))
    }

    fn say_next(
        &self,
        course: &Course,
        verdicts: &[(&Part, Verdict)],
        ran: &[Ran],
        out: &mut dyn Write,
    ) -> Result<ExitCode> {
        let Checking { spec, copy, .. } = self;
        let failed = |part: &Part| plainest(ran.iter().filter(|ran| judges(part, ran)), copy);
        let failing = verdicts.iter().find(|(_, verdict)| matches!(verdict, Verdict::Failing { .. }));
        if let Some((part, _)) = failing {
            writeln!(out)?;
            if let Some(ran) = failed(part) {
                write!(out, "{}{}", explain(ran, copy), alone(ran, copy))?;
            }
            writeln!(
                out,
                "\nNext: part {}. `cargo course hint {}` helps; `cargo course check {}` looks again.",
                part.id, part.id, part.id
            )?;
            return Ok(ExitCode::FAILURE);
        }
        if let Some(ran) = plainest(ran.iter(), copy) {
            writeln!(out, "\n{}{}", explain(ran, copy), alone(ran, copy))?;
            writeln!(
                out,
                "Next: every part passes its own tests, and this one does not. It looks at how the parts work"
            )?;
            writeln!(
                out,
                "together, at what no part is about, or harder at one of them than the part's own tests do."
            )?;
            return Ok(ExitCode::FAILURE);
        }
        writeln!(out)?;
        match verdicts.iter().find(|(_, verdict)| *verdict == Verdict::NotStarted) {
            Some((part, _)) => {
                writeln!(out, "{}", next_step(part, copy, false)?)?;
                Ok(ExitCode::from(NOT_STARTED))
            }
            None if matches!(self.selection, Selection::Stage(_)) => {
                writeln!(
                    out,
                    "Stage {} is yours. The chapter's last sections have an experiment, and questions.",
                    spec.stage
                )?;
                Ok(ExitCode::SUCCESS)
            }
            None => {
                say_next(course, out)?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// How to run a test alone.
fn alone(ran: &Ran, copy: &Path) -> String {
    let target = if ran.target == "lib" { "--lib".to_string() } else { format!("--test {}", ran.target) };
    let (copy, name) = (paths::short(copy), &ran.name);
    format!("  alone:          cd {copy} && cargo test {target} -- --exact {name}\n")
}

fn verdict(part: &Part, begun: &[&Part], ran: &[Ran]) -> Verdict {
    if !begun.iter().any(|one| one.id == part.id) {
        return Verdict::NotStarted;
    }
    Verdict::of(&ran.iter().filter(|ran| judges(part, ran)).collect::<Vec<_>>())
}

fn show(part: &Part, verdict: &Verdict, out: &mut dyn Write) -> Result<()> {
    let (mark, tests) = match verdict {
        Verdict::Done { tests } => ("✓ done", format!("{tests} test{}", if *tests == 1 { "" } else { "s" })),
        Verdict::Failing { passed, tests } => ("✗ failing", format!("{passed} of {tests} tests pass")),
        Verdict::NotStarted => ("· not started", format!("{} minutes", part.minutes)),
    };
    let boss = if part.boss { " (boss)" } else { "" };
    writeln!(out, "  {mark:<13}  {:<3}  {}{boss}, {tests}", part.id, part.title)?;
    Ok(())
}

/// Says if the tests are not the course's any more: they would judge something else.
fn warn_of_changed_tests(course: &Course, stage: u32, copy: &Path) {
    let Ok(reference) = course.reference(stage) else { return };
    let changed: Vec<PathBuf> = crate::source::packages::rust_files(&reference.join("tests"))
        .unwrap_or_default()
        .into_iter()
        .filter(|path| {
            let own = path.strip_prefix(reference).map(|inside| copy.join(inside));
            own.is_ok_and(|own| std::fs::read(own).ok() != std::fs::read(path).ok())
        })
        .collect();
    if let [first, ..] = changed.as_slice() {
        eprintln!(
            "warning: the copy's tests are not those of {}: they were changed here, or the course has newer ones",
            paths::short(first)
        );
    }
}
