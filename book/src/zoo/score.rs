//! How many of a stage's bugs somebody's own tests find.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use super::crew::Crew;
use super::exhibit::Exhibit;
use super::patch::Patch;
use super::trial::{Court, building_order, said, stale};
use super::workshop::{Plan, Workshop};
use crate::exercises::build::{Binary, DoesNotCompile};
use crate::exercises::course::package_name;
use crate::exercises::runner::{Manner, Test, run_all};

/// A score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Score {
    /// The stage.
    pub stage: u32,
    /// How many bugs were found.
    pub found: usize,
    /// How many there were.
    pub bugs: usize,
    /// Each of them.
    pub tests: Vec<Found>,
}

/// A bug, and what found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The bug's name.
    pub bug: String,
    /// The first test that failed, as `target::path`.
    pub found_by: Option<String>,
}

/// What is to be said of somebody's tests.
#[derive(Clone, Debug)]
pub enum Judgement {
    /// They are sound, and find this much.
    Sound(Score),
    /// Some fail on the reference, and find nothing: each with what it says.
    Unsound(Vec<String>),
}

impl Court<'_> {
    /// Scores the integration tests in a folder against the bugs of a stage. `told` hears of each bug by its number.
    pub fn score(
        &self,
        stage: u32,
        tests: &Path,
        exhibits: &[&Exhibit],
        told: &(dyn Fn(usize, Option<&str>) + Sync),
    ) -> Result<Judgement> {
        for patch in exhibits.iter().map(|exhibit| &exhibit.patch) {
            if let Some(words) = stale(self.course, patch) {
                bail!("{words}");
            }
        }
        let (name, folder) = (package_name(stage), self.course.reference(stage)?);
        let folder = folder.strip_prefix(&self.course.root).context("a stage is outside of the course")?;
        let plan = Plan::of(&self.course.root)?.with_tests(folder, tests)?;
        let crew = Crew::assemble(self.folder, &plan, self.jobs.min(exhibits.len()), self.built)?;
        let mut targets =
            crew.packages.get(&name).with_context(|| format!("there is no package {name}"))?.targets.clone();
        targets.remove("lib");
        let none = "it holds no tests: files of Rust, or folders with a main.rs, with functions marked #[test]";
        ensure!(!targets.is_empty(), "{}: {none}", tests.display());
        let own = all_tests(&crew.build_first(&name, &targets)?)?;
        ensure!(!own.is_empty(), "{}: {none}", tests.display());
        let ran = run_all(&own, &Manner { limit: self.limit, ..Manner::default() }, |_| {})?;
        let failed = ran.iter().filter(|ran| !ran.passed());
        let failed: Vec<String> = failed.map(|ran| format!("{}::{}\n{}", ran.target, ran.name, said(ran))).collect();
        if !failed.is_empty() {
            return Ok(Judgement::Unsound(failed));
        }

        let mut order: Vec<usize> = (0..exhibits.len()).collect();
        order.sort_by_key(|&at| building_order(&exhibits[at].patch));
        let mut found = crew.share(&order, |workshop, at| {
            let by = self.found_by(&crew, workshop, &name, &targets, &exhibits[at].patch)?;
            told(at, by.as_deref());
            Ok((at, by))
        })?;
        found.sort();
        let tests = found.into_iter().map(|(at, found_by)| Found { bug: exhibits[at].patch.name.clone(), found_by });
        let tests: Vec<Found> = tests.collect();
        let found = tests.iter().filter(|one| one.found_by.is_some()).count();
        Ok(Judgement::Sound(Score { stage, found, bugs: tests.len(), tests }))
    }

    /// The first of the tests that fails with this bug.
    fn found_by(
        &self,
        crew: &Crew,
        workshop: &Workshop,
        package: &str,
        targets: &BTreeSet<String>,
        patch: &Patch,
    ) -> Result<Option<String>> {
        workshop.with_bug(patch, || {
            let binaries = match crew.build(workshop, package, targets)? {
                Err(DoesNotCompile { words }) => bail!("with the bug `{}` it does not compile:\n{words}", patch.name),
                Ok(binaries) => binaries,
            };
            for test in all_tests(&binaries)? {
                let ran = test.run(self.limit)?;
                if !ran.passed() {
                    return Ok(Some(format!("{}::{}", ran.target, ran.name)));
                }
            }
            Ok(None)
        })
    }
}

/// All tests in these binaries, always in the same order.
fn all_tests(binaries: &[Binary]) -> Result<Vec<Test>> {
    let mut binaries: Vec<&Binary> = binaries.iter().collect();
    binaries.sort_by(|a, b| a.target.cmp(&b.target));
    let mut tests = Vec::new();
    for binary in binaries {
        tests.extend(binary.tests()?);
    }
    Ok(tests)
}
