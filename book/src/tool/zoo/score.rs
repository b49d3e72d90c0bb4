//! The score of somebody's own tests.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;

use anyhow::{Context, Result};

use super::super::progress::Progress;
use super::super::table::{Align, Table};
use crate::zoo::Exhibit;
use crate::zoo::patch::Patch;
use crate::zoo::score::{Judgement, Score};
use crate::zoo::trial::Court;

/// Scores the tests in a folder against the bugs in the code of a stage, and writes the score to a file as well.
pub(super) fn score(
    court: &Court<'_>,
    stage: u32,
    tests: &Path,
    exhibits: &[&Exhibit],
    json: Option<&Path>,
    out: &mut dyn Write,
) -> Result<ExitCode> {
    let folder = court.course.reference(stage)?;
    let is_in_stage = |patch: &Patch| court.course.root.join(&patch.file).starts_with(folder);
    // What a unit test alone can see is out of reach for tests from outside.
    let is_in_reach = |patch: &Patch| patch.killed_by.target != "lib";
    let bugs = exhibits.iter().filter(|exhibit| is_in_stage(&exhibit.patch) && is_in_reach(&exhibit.patch));
    let bugs: Vec<&Exhibit> = bugs.copied().collect();
    let progress = OnceLock::new();
    let judgement = court.score(stage, &std::path::absolute(tests)?, &bugs, &|at, by| {
        let progress = progress.get_or_init(|| Progress::new(bugs.len()));
        progress.begin(&format!(
            "{}: {}",
            bugs[at].patch.name,
            by.map_or("survives".to_string(), |by| format!("found by {by}"))
        ));
        progress.end();
    })?;
    drop(progress);
    let score = match judgement {
        Judgement::Sound(score) => score,
        Judgement::Unsound(failed) => {
            writeln!(out, "These tests fail on the reference. What fails on right code finds nothing:")?;
            failed.iter().try_for_each(|what| writeln!(out, "\n{}", what.trim_end()))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    write!(out, "{}", score_table(&score))?;
    writeln!(out, "\nfound {} of {}", score.found, score.bugs)?;
    writeln!(out, "`cargo course zoo --show NAME` shows a bug.")?;
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&score).context("cannot write the score")? + "\n";
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn score_table(score: &Score) -> Table {
    let mut table = Table::new(&[("bug", Align::Left), ("found by", Align::Left)]);
    for one in &score.tests {
        table.row(vec![one.bug.clone(), one.found_by.clone().unwrap_or_else(|| "survives".into())]);
    }
    table
}
