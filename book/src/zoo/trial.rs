//! Bugs on trial: each is planted in a copy of the workspace, and the test that it is said to fail must fail.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use super::crew::Crew;
use super::exhibit::Exhibit;
use super::patch::{Patch, TestName};
use super::workshop::{Plan, Workshop};
use crate::exercises::build::{Binary, DoesNotCompile};
use crate::exercises::course::Course;
use crate::exercises::explain::telling_panic;
use crate::exercises::runner::{Manner, Outcome, Ran, Test, run_all};
use crate::source::nearest::nearest;

/// What came of a bug. The first is as it should be.
#[derive(Clone, Debug)]
pub enum Fate {
    /// Its test fails with the bug, and passes without it.
    Killed {
        /// How long the test took.
        took: Duration,
        /// Whether it did so by not ending.
        hangs: bool,
    },
    /// Its test passes.
    Survives,
    /// Its file has changed where the patch changes it, or is gone.
    Stale(String),
    /// With the bug, the compiler says this.
    DoesNotCompile(String),
    /// The test that it names is not there; what there is instead.
    NoSuchTest(String),
    /// Its test fails without the bug too, and says this.
    FailsAnyway(String),
}

impl Fate {
    /// Whether all is well.
    pub fn is_killed(&self) -> bool {
        matches!(self, Fate::Killed { .. })
    }

    /// One word or two for a table.
    pub fn word(&self) -> String {
        match self {
            Fate::Killed { took, hangs: true } => format!("hangs {:.0}", took.as_secs_f64()),
            Fate::Killed { took, hangs: false } => format!("{:.2}", took.as_secs_f64()),
            Fate::Survives => "SURVIVES".into(),
            Fate::Stale(_) => "STALE".into(),
            Fate::DoesNotCompile(_) => "DOES NOT COMPILE".into(),
            Fate::NoSuchTest(_) => "NO SUCH TEST".into(),
            Fate::FailsAnyway(_) => "FAILS ANYWAY".into(),
        }
    }

    /// What is wrong with it, in full.
    pub fn complaint(&self, patch: &Patch) -> Option<String> {
        let test = &patch.killed_by;
        match self {
            Fate::Killed { .. } => None,
            Fate::Survives => Some(format!("it survives: `{test}` passes with it, so no test sees that {}", patch.bug)),
            Fate::Stale(words) => Some(words.clone()),
            Fate::DoesNotCompile(words) => Some(format!("the code does not compile with it:\n{words}")),
            Fate::NoSuchTest(words) => Some(format!("there is no test `{test}`{words}")),
            Fate::FailsAnyway(words) => {
                Some(format!("`{test}` fails without it too, so its failure says nothing:\n{words}"))
            }
        }
    }
}

/// Tries the bugs of a course.
#[derive(Debug)]
pub struct Court<'a> {
    /// The course.
    pub course: &'a Course,
    /// Where the copies of the workspace are, and stay: the next time less is to be built.
    pub folder: &'a Path,
    /// A target directory from which other people's packages are taken, as far as they are there.
    pub built: &'a Path,
    /// The most bugs at a time.
    pub jobs: usize,
    /// How long a test may take.
    pub limit: Duration,
}

impl Court<'_> {
    /// Tries these bugs. `told` hears of each by its number as it has been tried, from several threads.
    pub fn try_all(&self, exhibits: &[&Exhibit], told: &(dyn Fn(usize, &Fate) + Sync)) -> Result<Vec<Fate>> {
        let mut fates: BTreeMap<usize, Fate> = BTreeMap::new();
        for (at, exhibit) in exhibits.iter().enumerate() {
            fates.extend(stale(self.course, &exhibit.patch).map(|words| (at, Fate::Stale(words))));
        }
        let plan = Plan::of(&self.course.root)?;
        let crew = Crew::assemble(self.folder, &plan, self.jobs.min(exhibits.len()), self.built)?;
        let sound: Vec<usize> = (0..exhibits.len()).filter(|at| !fates.contains_key(at)).collect();
        let tests: BTreeSet<&TestName> = sound.iter().map(|at| &exhibits[*at].patch.killed_by).collect();
        let unfit = self.without_bugs(&crew, &tests)?;
        fates.extend(sound.iter().filter_map(|&at| Some((at, unfit.get(&exhibits[at].patch.killed_by)?.clone()))));
        fates.iter().for_each(|(at, fate)| told(*at, fate));

        let mut left: Vec<usize> = (0..exhibits.len()).filter(|at| !fates.contains_key(at)).collect();
        left.sort_by_key(|&at| building_order(&exhibits[at].patch));
        let tried = crew.share(&left, |workshop, at| {
            let fate = self.try_one(&crew, workshop, &exhibits[at].patch)?;
            told(at, &fate);
            Ok((at, fate))
        })?;
        fates.extend(tried);
        Ok(fates.into_values().collect())
    }

    /// Builds the tests as they are and runs them: each must be there and pass. Returns those that do not.
    fn without_bugs(&self, crew: &Crew, tests: &BTreeSet<&TestName>) -> Result<BTreeMap<TestName, Fate>> {
        let mut unfit = BTreeMap::new();
        let mut found: Vec<(&TestName, Test)> = Vec::new();
        let packages: BTreeSet<&str> = tests.iter().map(|test| test.package.as_str()).collect();
        for name in packages {
            let known = crew.packages.get(name);
            let own = || tests.iter().copied().filter(|test| test.package == name);
            let targets: BTreeSet<String> = known.map(|package| package.targets.clone()).unwrap_or_default();
            let wanted = own().map(|test| test.target.clone()).filter(|target| targets.contains(target));
            let wanted: BTreeSet<String> = wanted.collect();
            let binaries = if wanted.is_empty() { Vec::new() } else { crew.build_first(name, &wanted)? };
            for test in own() {
                match find(test, &binaries)? {
                    Ok(there) => found.push((test, there)),
                    Err(words) => {
                        let words = if known.is_none() { format!(": there is no package `{name}`") } else { words };
                        unfit.insert(test.clone(), Fate::NoSuchTest(words));
                    }
                }
            }
        }
        let (names, found): (Vec<&TestName>, Vec<Test>) = found.into_iter().unzip();
        let manner = Manner { limit: self.limit, ..Manner::default() };
        for (name, ran) in names.iter().zip(run_all(&found, &manner, |_| {})?) {
            if !ran.passed() {
                unfit.insert((*name).clone(), Fate::FailsAnyway(said(&ran)));
            }
        }
        Ok(unfit)
    }

    fn try_one(&self, crew: &Crew, workshop: &Workshop, patch: &Patch) -> Result<Fate> {
        workshop.with_bug(patch, || {
            let test = &patch.killed_by;
            let binaries = match crew.build(workshop, &test.package, &[test.target.clone()].into())? {
                Err(DoesNotCompile { words }) => return Ok(Fate::DoesNotCompile(words)),
                Ok(binaries) => binaries,
            };
            let Ok(there) = find(test, &binaries)? else {
                return Ok(Fate::NoSuchTest(" in what is built with it".into()));
            };
            let ran = there.run(self.limit)?;
            Ok(match ran.outcome {
                Outcome::Passed => Fate::Survives,
                Outcome::Failed => Fate::Killed { took: ran.took, hangs: false },
                Outcome::Hangs => Fate::Killed { took: ran.took, hangs: true },
            })
        })
    }
}

/// The place of a bug in the order of trial. A package that has had a bug in it is built anew, and so is all that stands
/// on it: so the last stage comes first, and what the others stand on comes last, the laboratory and stage 1.
pub(super) fn building_order(patch: &Patch) -> (u8, Reverse<PathBuf>, TestName) {
    let package = patch.file.iter().next().unwrap_or_default().to_string_lossy();
    let depth = match package.strip_prefix("stage") {
        Some(stage) => u8::from(stage.starts_with("01")) * 2,
        None => 1,
    };
    (depth, Reverse(patch.file.clone()), patch.killed_by.clone())
}

/// What is wrong if the patch does not fit the workspace as it is.
pub(super) fn stale(course: &Course, patch: &Patch) -> Option<String> {
    match fs::read_to_string(course.root.join(&patch.file)) {
        Ok(text) => patch.apply(&text).err().map(|error| format!("{error:#}")),
        Err(error) => Some(format!("cannot read {}: {error}", patch.file.display())),
    }
}

/// The test in what was built, or why it is not there.
fn find(test: &TestName, binaries: &[Binary]) -> Result<Result<Test, String>> {
    let Some(binary) = binaries.iter().find(|binary| binary.target == test.target) else {
        return Ok(Err(format!(": {} has no test target `{}`", test.package, test.target)));
    };
    let mut tests = binary.tests()?;
    match tests.iter().position(|one| one.name == test.test) {
        Some(at) => Ok(Ok(tests.swap_remove(at))),
        None => {
            let near = nearest(&test.test, tests.iter().map(|one| one.name.as_str()));
            Ok(Err(near.map_or_else(String::new, |near| format!("; the nearest is `{near}`"))))
        }
    }
}

/// What a test that failed has said.
pub(super) fn said(ran: &Ran) -> String {
    match (&ran.outcome, telling_panic(ran)) {
        (Outcome::Hangs, _) => format!("it was still running after {:.0} s", ran.took.as_secs_f64()),
        (_, Some(panic)) => format!("{}: {}", panic.place, panic.message),
        (_, None) => ran.output.trim().to_string(),
    }
}
