//! `cargo course inspect`: the bytes of a log's files, explained.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use stage05::header::MAGIC;
use stage05::verify::{Outcome, verify};
use stage05::{Disk, OsDisk};
use stage06::local::DIRECTORIES;

use crate::figures::inspect::{Limits, annotate};

/// Show the bytes of a log's files, explained
///
/// It works on the files of any stage. Nothing is locked, repaired or written. A log of frames is also read as a whole:
/// the exit status is 1 if there is a torn tail, which opening the log would cut, and 2 if records are damaged or missing.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  cargo run -p stage01 --example append -- /tmp/my-log < README.md\n  cargo course inspect /tmp/my-log"
)]
pub struct Inspect {
    /// The log's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Inspect {
    /// Prints the bytes, and whether a log of frames is whole.
    pub fn run(&self, out: &mut dyn Write) -> Result<ExitCode> {
        write!(out, "{}", annotated(&self.directory)?)?;
        let Some(outcome) = verified(&self.directory, out)? else { return Ok(ExitCode::SUCCESS) };
        Ok(ExitCode::from(outcome.exit_code()))
    }
}

/// Reads a log of frames, says what is wrong with it, and what that makes of it; of several copies, the worst. `None` for
/// a log of another stage.
pub fn verified(directory: &Path, out: &mut dyn Write) -> Result<Option<Outcome>> {
    let mut worst = verified_copy(directory, out)?;
    for copy in DIRECTORIES.into_iter().map(|copy| directory.join(copy)).filter(|copy| copy.is_dir()) {
        let outcome = verified_copy(&copy, out)?;
        worst = worst.into_iter().chain(outcome).max_by_key(|outcome| outcome.exit_code());
    }
    Ok(worst)
}

fn verified_copy(directory: &Path, out: &mut dyn Write) -> Result<Option<Outcome>> {
    if !has_frames(directory)? {
        return Ok(None);
    }
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(directory)?);
    let seen = verify(&disk)?;
    writeln!(out)?;
    seen.problems.iter().try_for_each(|problem| writeln!(out, "{problem}"))?;
    if DIRECTORIES.iter().any(|copy| directory.ends_with(copy)) {
        write!(out, "{}: ", directory.display())?;
    }
    writeln!(out, "{:?}: {} good frames, {} problems", seen.outcome, seen.frames, seen.problem_count)?;
    Ok(Some(seen.outcome))
}

/// Whether a file in `directory` begins as a segment of frames does.
fn has_frames(directory: &Path) -> Result<bool> {
    for entry in fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let path = entry?.path();
        let is_segment = path.extension().is_some_and(|extension| extension == "log");
        let mut start = [0; MAGIC.len()];
        if is_segment && path.is_file() && File::open(&path)?.read_exact(&mut start).is_ok() && start == MAGIC {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The files in `directory`, each with its bytes and what they mean.
pub fn annotated(directory: &Path) -> Result<String> {
    let limits = Limits::default();
    let files = annotate(directory, &limits)?;
    Ok(match files.is_empty() {
        true => format!("{} holds no files\n", directory.display()),
        false => files.iter().map(|file| file.to_text(&limits)).collect::<Vec<_>>().join("\n"),
    })
}
