//! Judges what a student has written: the stage's own tests, over the student's sources.
//!
//! Nothing of the student's but the files of Rust in `src` is used: not the tests, not the manifest. Each test runs in a
//! process of its own with a limit, and all of them together have one, so that whatever the code does, a mark comes of
//! it. It is not a prison: code that means harm should be graded in a container.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::report::{Extra, Mark, Report, SCHEMA};
use crate::exercises::build::Build;
use crate::exercises::course::{Course, package_name};
use crate::exercises::explain::{explain, plainest};
use crate::exercises::runner::{Manner, Ran, Test, run_all};
use crate::exercises::spec::{Part, Spec};
use crate::exercises::starter::{self, Written};
use crate::exercises::state::{self, Over};
use crate::exercises::verdict::{is_judged_by, judges, targets};

/// What everything is worth that the stage promises beside its parts.
const REST_POINTS: u32 = 20;

/// The most bytes of one file of a student's.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// How to judge.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one test.
    pub test: Duration,
    /// For all tests together.
    pub all: Duration,
    /// By which crash states are drawn.
    pub seed: u64,
}

/// The copies of stages in a student's repository, or the one copy if that is what `folder` is.
pub fn submissions(folder: &Path) -> Result<Vec<(u32, PathBuf)>> {
    let stage_of = |copy: &Path| {
        let name = copy.file_name()?.to_string_lossy().into_owned();
        let is_copy = copy.join("src").is_dir() && copy.join(state::FILE_NAME).is_file();
        is_copy.then(|| name.strip_prefix("stage")?.parse().ok()).flatten()
    };
    let folder = fs::canonicalize(folder).with_context(|| format!("cannot find {}", folder.display()))?;
    if let Some(stage) = stage_of(&folder) {
        return Ok(vec![(stage, folder)]);
    }
    let exercises = folder.join("exercises");
    let all = (1..100).map(|stage| (stage, exercises.join(package_name(stage))));
    let found: Vec<_> = all.filter(|(stage, copy)| stage_of(copy) == Some(*stage)).collect();
    ensure!(
        !found.is_empty(),
        "{} is no class repository: it has no exercises/stageNN with a src folder and a {}",
        folder.display(),
        state::FILE_NAME
    );
    Ok(found)
}

/// Judges one stage of a student's, in `workshop`, a folder that is used again and again.
pub fn grade(course: &Course, stage: u32, submitted: &Path, workshop: &Path, limits: Limits) -> Result<Report> {
    let began = Instant::now();
    let spec = course.spec(stage)?;
    let course = course.with_exercises(&workshop.join("exercises"));
    let copy = course.copy(stage);
    if copy.is_dir() {
        fs::remove_dir_all(&copy).with_context(|| format!("cannot remove {}", copy.display()))?;
    }
    starter::make(&course, &spec, Over::Reference, Written(spec.parts.len()))?;
    fs::remove_dir_all(copy.join("src")).context("cannot make room for the student's sources")?;
    copy_sources(&submitted.join("src"), &copy.join("src"))?;
    let marks = Grading { spec: &spec, copy: &copy, target_dir: &workshop.join("target"), limits }.marks()?;
    let extra = Extra { schema: SCHEMA, stage, seed: limits.seed };
    Ok(Report::new(marks, extra, began.elapsed().as_secs()))
}

struct Grading<'a> {
    spec: &'a Spec,
    copy: &'a Path,
    target_dir: &'a Path,
    limits: Limits,
}

impl Grading<'_> {
    fn marks(&self) -> Result<Vec<Mark>> {
        let deadline = Instant::now() + self.limits.all;
        let parts = &self.spec.parts;
        let is_for_part = |test: &Test| parts.iter().any(|part| is_judged_by(part, test));
        let ran = match self.run(targets(parts.iter()), &is_for_part, deadline)? {
            Ok(ran) => ran,
            Err(words) => return Ok(self.all_zero(&format!("It does not compile:\n{words}"))),
        };
        let mut marks: Vec<Mark> = parts.iter().map(|part| self.mark(part, &ran)).collect();
        let all_done = marks.iter().all(|mark| mark.score == mark.max_score);
        marks.push(match all_done {
            false => self.rest_mark(&[], "The other tests of the stage run when every part is done."),
            true => match self.run(Vec::new(), &|test| !is_for_part(test), deadline)? {
                Ok(rest) => self.rest_mark(&rest, ""),
                Err(words) => self.rest_mark(&[], &format!("It does not compile:\n{words}")),
            },
        });
        Ok(marks)
    }

    /// Builds, and runs those tests that are wanted. What does not compile comes back as the compiler's words.
    fn run(
        &self,
        targets: Vec<String>,
        wanted: &dyn Fn(&Test) -> bool,
        deadline: Instant,
    ) -> Result<Result<Vec<Ran>, String>> {
        let without_default_features = !self.spec.default_features && !targets.is_empty();
        let (package, target_dir) = (self.copy, self.target_dir);
        let build = Build { package, target_dir, targets, without_default_features, ..Build::default() };
        let binaries = match build.run()? {
            Ok(binaries) => binaries,
            Err(error) => return Ok(Err(error.words)),
        };
        let mut tests = Vec::new();
        // What is in the student's own library judges nothing.
        for binary in binaries.iter().filter(|binary| binary.target != "lib") {
            tests.extend(binary.tests()?.into_iter().filter(wanted));
        }
        let seed = self.limits.seed.to_string();
        let environment = [(lab::random::SEED_VARIABLE, OsStr::new(&seed))];
        let manner = Manner {
            limit: self.limits.test,
            deadline: Some(deadline),
            environment: &environment,
            ..Manner::default()
        };
        run_all(&tests, &manner, |_| {}).map(Ok)
    }

    fn mark(&self, part: &Part, ran: &[Ran]) -> Mark {
        let own: Vec<&Ran> = ran.iter().filter(|ran| judges(part, ran)).collect();
        mark(part.id.to_string(), part.title.clone(), part.points, &own, self.copy, "")
    }

    fn rest_mark(&self, ran: &[Ran], words: &str) -> Mark {
        let ran: Vec<&Ran> = ran.iter().collect();
        let name = "Everything else the stage promises".to_string();
        mark(self.spec.stage.to_string(), name, REST_POINTS, &ran, self.copy, words)
    }

    fn all_zero(&self, words: &str) -> Vec<Mark> {
        let mut marks: Vec<Mark> = self
            .spec
            .parts
            .iter()
            .map(|part| mark(part.id.to_string(), part.title.clone(), part.points, &[], self.copy, words))
            .collect();
        marks.push(self.rest_mark(&[], words));
        marks
    }
}

fn mark(number: String, name: String, points: u32, ran: &[&Ran], copy: &Path, words: &str) -> Mark {
    let passed = ran.iter().filter(|ran| ran.passed()).count();
    let mut output = words.to_string();
    if !ran.is_empty() {
        output += &format!("{passed} of {} tests pass.", ran.len());
    }
    if let Some(failed) = plainest(ran.iter().copied(), copy) {
        output += &format!("\n{}", explain(failed, copy));
    }
    Mark::for_tests(number, name, points, passed, ran.len(), output)
}

/// Copies files of Rust, and nothing else: no links, nothing huge.
fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy_sources(&path, &target)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
            let bytes = entry.metadata()?.len();
            if bytes > FILE_BYTES_MAX {
                bail!("{} has {bytes} bytes; more than {FILE_BYTES_MAX} are not a source file", path.display());
            }
            fs::copy(&path, &target).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}
