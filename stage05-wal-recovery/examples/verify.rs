//! Reads a whole log and says whether it is as it was written. Nothing is changed.
//!
//! ```text
//! cargo run -p stage05 --example verify -- DIR
//! ```
//!
//! Exits with 0 if all is well, 1 if there is a torn tail, which opening the log would cut, 2 if records are damaged or
//! missing, and 3 if the log cannot be read.

use std::process::ExitCode;
use std::{env, sync::Arc};

use anyhow::Context;
use stage05::verify::{Verification, verify};
use stage05::{Disk, OsDisk};

fn main() -> ExitCode {
    match run() {
        Ok(seen) => ExitCode::from(seen.outcome.exit_code()),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(3)
        }
    }
}

fn run() -> anyhow::Result<Verification> {
    let directory = env::args_os().nth(1).context("usage: verify DIR")?;
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(directory)?);
    let seen = verify(&disk)?;
    for problem in &seen.problems {
        println!("{problem}");
    }
    let Verification { segments, frames, records, bytes, start, end, problem_count, .. } = &seen;
    println!("records {start}..{end}: {segments} segments, {frames} good frames, {records} records, {bytes} bytes");
    for name in &seen.torn_files {
        println!("{name}: cut from the log by recovery; kept until somebody removes it");
    }
    println!("{:?}: {problem_count} problems", seen.outcome);
    Ok(seen)
}
