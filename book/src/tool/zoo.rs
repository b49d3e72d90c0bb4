//! `cargo course zoo`: the bugs, and whether the tests find them.

mod score;
mod show;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::paths;
use super::progress::Progress;
use super::table::{Align, Table};
use crate::exercises::course::{Course, package_name};
use crate::source::nearest::nearest;
use crate::zoo::trial::{Court, Fate};
use crate::zoo::{Exhibit, collect, syncs};

/// The laboratory ends a test that waits in vain after a minute; this is for one that it does not watch.
const LIMIT: Duration = Duration::from_secs(90);

/// Plant each bug of the zoo in a copy of the code, and see that its test fails
///
/// A bug is a patch in `zoo/` of a stage or of the laboratory, with the name of the test that must find it. It is wrong
/// if that test passes, if it fails without the bug too, if the patch no longer fits, and if a sync call of a stage is
/// taken away by no bug. With `--tests` it is your own tests that have to find the bugs of a stage, those that can be
/// seen from outside.
///
/// The exit status is 0 if all is well, and 1 if anything is wrong. A score is never wrong, but tests that fail without
/// any bug are.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  cargo course zoo\n  cargo course zoo 2 --only sync-on-request\n  cargo course zoo 2 --tests my-tests\n  cargo course zoo --show sync-on-request"
)]
pub struct Zoo {
    /// Stages, such as 2, or `lab`; all if none is given
    #[arg(value_name = "STAGE|lab")]
    homes: Vec<Home>,

    /// This bug alone; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// The most bugs to be tried at a time [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,

    /// Score the integration tests in DIR, written for the one stage that is named
    #[arg(long, value_name = "DIR", conflicts_with = "only")]
    tests: Option<PathBuf>,

    /// Write the score to FILE as well
    #[arg(long, value_name = "FILE", requires = "tests")]
    json: Option<PathBuf>,

    /// Show this bug, and try nothing
    #[arg(long, value_name = "NAME", conflicts_with_all = ["only", "tests", "jobs"])]
    show: Option<String>,

    /// Do not ask before a bug is shown that somebody is to find
    #[arg(long, requires = "show")]
    yes: bool,
}

/// Where bugs are: a stage, or the laboratory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Home(String);

impl FromStr for Home {
    type Err = String;

    fn from_str(text: &str) -> Result<Home, String> {
        match text.parse() {
            _ if text == "lab" => Ok(Home(text.into())),
            Ok(stage) => Ok(Home(package_name(stage))),
            Err(_) => Err(format!("`{text}` is neither a stage, such as 2, nor `lab`")),
        }
    }
}

impl Zoo {
    /// Tries the bugs, scores tests or shows one bug.
    pub fn run(&self, out: &mut dyn Write) -> Result<ExitCode> {
        let course = Course::open(&paths::workspace())?;
        let exhibits = collect(&course)?;
        let chosen = self.choose(&course, &exhibits)?;
        if let Some(name) = &self.show {
            show::show(&course, one(&chosen, name)?, self.yes, out)?;
            return Ok(ExitCode::SUCCESS);
        }
        ensure!(!chosen.is_empty(), "there is no bug in the zoo of what you have named");
        let target = std::path::absolute(paths::target()).context("cannot find the target directory")?;
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
        let (folder, jobs) = (target.join("course").join("zoo"), self.jobs.unwrap_or(cores));
        let court = Court { course: &course, folder: &folder, built: &target, jobs, limit: LIMIT };
        match &self.tests {
            Some(tests) => score::score(&court, self.one_stage(&course)?, tests, &chosen, self.json.as_deref(), out),
            None => self.try_all(&court, &exhibits, &chosen, out),
        }
    }

    /// The bugs that are named; all of them if none is.
    fn choose<'a>(&self, course: &Course, exhibits: &'a [Exhibit]) -> Result<Vec<&'a Exhibit>> {
        for Home(home) in self.homes.iter().filter(|home| home.0 != "lab") {
            let known: Vec<String> = course.stages.keys().map(|stage| package_name(*stage)).collect();
            ensure!(known.contains(home), "there is no {home} here; there are {} and lab", known.join(", "));
        }
        let is_home = |exhibit: &&Exhibit| self.homes.is_empty() || self.homes.contains(&Home(exhibit.home.clone()));
        let at_home: Vec<&Exhibit> = exhibits.iter().filter(is_home).collect();
        for name in &self.only {
            one(&at_home, name)?;
        }
        let is_meant = |exhibit: &&Exhibit| self.only.is_empty() || self.only.contains(&exhibit.patch.name);
        Ok(at_home.into_iter().filter(is_meant).collect())
    }

    /// The stage that tests are written for.
    fn one_stage(&self, course: &Course) -> Result<u32> {
        let stage = match self.homes.as_slice() {
            [home] => course.stages.keys().copied().find(|stage| package_name(*stage) == home.0),
            _ => None,
        };
        stage.context("tests are written for one stage: name it, as in `cargo course zoo 2 --tests DIR`")
    }

    fn try_all(
        &self,
        court: &Court<'_>,
        all: &[Exhibit],
        chosen: &[&Exhibit],
        out: &mut dyn Write,
    ) -> Result<ExitCode> {
        let progress = OnceLock::new();
        let fates = court.try_all(chosen, &|at, fate: &Fate| {
            // Not before cargo has built what all of them stand on: it has a bar of its own.
            let progress = progress.get_or_init(|| Progress::new(chosen.len()));
            let word = if fate.is_killed() { format!("killed in {} s", fate.word()) } else { fate.word() };
            progress.begin(&format!("{} {}: {word}", chosen[at].home, chosen[at].patch.name));
            progress.end();
        })?;
        drop(progress);
        write!(out, "{}", table(chosen, &fates))?;
        let complaints: Vec<String> = chosen
            .iter()
            .zip(&fates)
            .filter_map(|(exhibit, fate)| {
                Some(format!("{} {}: {}", exhibit.home, exhibit.patch.name, fate.complaint(&exhibit.patch)?))
            })
            .collect();
        complaints.iter().try_for_each(|what| writeln!(out, "\n{}", what.trim_end()))?;
        let killed = chosen.len() - complaints.len();
        writeln!(out, "\n{killed} of {} bugs are killed by the test that they name.", chosen.len())?;
        let guarded = self.guards(court.course, all, out)?;
        writeln!(out, "`cargo course zoo --show NAME` shows one of them.")?;
        Ok(if complaints.is_empty() && guarded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Says whether each sync call of the stages that are meant is taken away by a bug.
    fn guards(&self, course: &Course, all: &[Exhibit], out: &mut dyn Write) -> Result<bool> {
        if !self.only.is_empty() {
            return Ok(true);
        }
        let is_meant = |stage: &u32| self.homes.is_empty() || self.homes.contains(&Home(package_name(*stage)));
        let mut calls = Vec::new();
        for stage in course.stages.keys().copied().filter(is_meant) {
            calls.extend(syncs::calls(course, stage)?);
        }
        let count = calls.len();
        let missed = syncs::unguarded(course, calls, all)?;
        if missed.is_empty() && count > 0 {
            writeln!(out, "Each of the {count} sync calls is taken away by one of the bugs.")?;
        }
        if !missed.is_empty() {
            writeln!(out, "No bug with `Sync: yes` takes away {} of the {count} sync calls:", missed.len())?;
            missed.iter().try_for_each(|call| writeln!(out, "  {call}"))?;
        }
        Ok(missed.is_empty())
    }
}

/// The one bug with this name.
fn one<'a>(exhibits: &[&'a Exhibit], name: &str) -> Result<&'a Exhibit> {
    let found: Vec<&Exhibit> = exhibits.iter().copied().filter(|exhibit| exhibit.patch.name == name).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let near = nearest(name, exhibits.iter().map(|exhibit| exhibit.patch.name.as_str()));
            let hint = near.map(|near| format!("; the nearest is `{near}`")).unwrap_or_default();
            bail!("there is no bug `{name}`{hint}")
        }
        several => {
            let homes: Vec<&str> = several.iter().map(|exhibit| exhibit.home.as_str()).collect();
            bail!("there is a bug `{name}` in each of {}: name the stage as well", homes.join(" and "))
        }
    }
}

fn table(exhibits: &[&Exhibit], fates: &[Fate]) -> Table {
    let left = ["", "bug", "breaks", "lens", "killed by"].map(|title| (title, Align::Left));
    let mut table = Table::new(&[left.as_slice(), &[("seconds", Align::Right)]].concat());
    for (exhibit, fate) in exhibits.iter().zip(fates) {
        let patch = &exhibit.patch;
        let test = patch.killed_by.to_string();
        table.row(vec![
            exhibit.home.clone(),
            patch.name.clone(),
            patch.breaks.clone(),
            patch.lens.clone(),
            test,
            fate.word(),
        ]);
    }
    table
}
