//! `cargo course promises`: which stage keeps which promise, tried out now.

use std::io::Write;

use anyhow::{Result, ensure};
use clap::Args;
use lab::promises::{Verdict, check};
use stage01::{Promise, Stage};

use super::progress::Progress;
use super::stages::{self, About, Visitor};
use super::table::{Align, Table};

/// Try every promise on every stage, and print what came out
///
/// It fails if a stage breaks what it promises, or keeps what it does not promise.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course promises --evidence")]
pub struct Promises {
    /// Show, for each promise that is broken, a loss as it happened, and for each that is kept first, what was tried
    #[arg(long)]
    evidence: bool,
}

impl Promises {
    /// Tries and prints.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let stages = stages::all();
        let progress = Progress::new(stages.len() * Promise::ALL.len());
        let verdicts = stages::visit_all(&mut Try { progress: &progress });
        drop(progress);
        write!(out, "{}", matrix(&stages, &verdicts))?;
        if self.evidence {
            write!(out, "{}", evidence(&stages, &verdicts))?;
        }
        out.flush()?;
        let untrue = untrue(&stages, &verdicts);
        ensure!(untrue.is_empty(), "not what the stages say of themselves: {}", untrue.join("; "));
        Ok(())
    }
}

struct Try<'a> {
    progress: &'a Progress,
}

impl Visitor for Try<'_> {
    type Output = Vec<Verdict>;

    fn visit<S: Stage>(&mut self) -> Vec<Verdict> {
        let verdict = |promise: Promise| {
            self.progress.begin(&format!("{}: {}", S::NAME, promise.title()));
            let verdict = check::<S>(promise);
            self.progress.end();
            verdict
        };
        Promise::ALL.map(verdict).to_vec()
    }
}

/// A row for each promise, a column for each stage.
pub fn matrix(stages: &[About], verdicts: &[Vec<Verdict>]) -> String {
    let names = stages.iter().map(|stage| (stage.name, Align::Left));
    let mut table = Table::new(&[("", Align::Left)].into_iter().chain(names).collect::<Vec<_>>());
    for (row, promise) in Promise::ALL.iter().enumerate() {
        let cells = verdicts.iter().map(|column| if column[row].kept { "kept" } else { "-" }.to_string());
        table.row([promise.title().to_string()].into_iter().chain(cells).collect());
    }
    table.to_string()
}

/// For each stage, what it breaks and how that looked; and what it keeps that the stage before it has broken.
fn evidence(stages: &[About], verdicts: &[Vec<Verdict>]) -> String {
    let mut text = String::new();
    for (at, (stage, own)) in stages.iter().zip(verdicts).enumerate() {
        let before = at.checked_sub(1).map(|before| &verdicts[before]);
        for (row, verdict) in own.iter().enumerate() {
            if verdict.kept && before.is_none_or(|before| before[row].kept) {
                continue;
            }
            let kept = if verdict.kept { ", kept" } else { "" };
            let lines: Vec<&str> = verdict.evidence.lines().collect();
            text += &format!("\n{}: {}{kept}\n  {}\n", stage.name, verdict.promise.title(), lines.join("\n  "));
        }
    }
    text
}

/// What does not agree with `KEEPS`.
fn untrue(stages: &[About], verdicts: &[Vec<Verdict>]) -> Vec<String> {
    let says = |stage: &About, verdict: &Verdict| stage.keeps.contains(&verdict.promise) == verdict.kept;
    let pairs = stages.iter().zip(verdicts).flat_map(|(stage, all)| all.iter().map(move |verdict| (stage, verdict)));
    pairs
        .filter(|(stage, verdict)| !says(stage, verdict))
        .map(|(stage, verdict)| format!("{}, {verdict}", stage.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(keeps: &'static [Promise]) -> About {
        About { number: 1, name: "stage01", title: "naive file", keeps }
    }

    fn verdicts(kept: &[Promise]) -> Vec<Vec<Verdict>> {
        let verdict = |promise| {
            let kept = kept.contains(&promise);
            Verdict { promise, kept, evidence: "a record\nis gone".to_string() }
        };
        vec![Promise::ALL.map(verdict).to_vec()]
    }

    #[test]
    fn the_matrix_shows_what_came_out_and_the_evidence_what_was_lost() {
        let stages = [stage(&[Promise::SurvivesKill])];
        let matrix = matrix(&stages, &verdicts(&[Promise::SurvivesKill]));
        assert_eq!(matrix.lines().next().unwrap().trim(), "stage01");
        assert_eq!(matrix.lines().nth(1), Some("  survives a kill              kept"), "{matrix}");
        assert_eq!(matrix.lines().filter(|line| line.ends_with('-')).count(), Promise::ALL.len() - 1, "{matrix}");
        let evidence = evidence(&stages, &verdicts(&[Promise::SurvivesKill]));
        assert!(evidence.starts_with("\nstage01: survives a power cut\n  a record\n  is gone\n"), "{evidence}");
        assert!(!evidence.contains("survives a kill"), "{evidence}");
    }

    #[test]
    fn a_stage_that_says_too_much_or_too_little_is_named() {
        let kept = verdicts(&[Promise::SurvivesKill]);
        assert_eq!(untrue(&[stage(&[Promise::SurvivesKill])], &kept), Vec::<String>::new());
        let too_much = untrue(&[stage(&[Promise::SurvivesKill, Promise::DeletesOldData])], &kept);
        assert!(too_much.len() == 1 && too_much[0].starts_with("stage01, deletes old data: broken"), "{too_much:?}");
        let too_little = untrue(&[stage(&[])], &kept);
        assert!(too_little.len() == 1 && too_little[0].starts_with("stage01, survives a kill: kept"), "{too_little:?}");
    }
}
