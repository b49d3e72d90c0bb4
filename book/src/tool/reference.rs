//! `cargo course reference`: measures the numbers that are checked in.
//!
//! For those who work on the course; readers compare theirs with these.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::measurement::{Effort, measure_all};
use super::report::report;
use super::scratch::Scratch;
use super::{paths, versus};

/// Measure the reference numbers on this machine, and write book/results/reference.json
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course reference\n  cargo course readme")]
pub struct Reference {
    /// Measure in a new directory in DIR, which is removed again [default: target/course]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Measure short logs in a moment, print, and write nothing: to see that everything runs
    #[arg(long)]
    quick: bool,
}

impl Reference {
    /// Measures and writes.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let scratch = Scratch::new(self.dir.as_deref())?;
        let effort = if self.quick { Effort::QUICK } else { Effort::REFERENCE };
        let results = measure_all(scratch.path(), effort)?;
        scratch.close()?;
        if !self.quick {
            results.save(&paths::reference())?;
        }
        writeln!(out, "{}\n", versus::machine(&results.machine))?;
        write!(out, "{}", report(&results.rows))?;
        match self.quick {
            true => writeln!(out, "nothing is written: these numbers are not worth keeping")?,
            false => writeln!(out, "written to {}", paths::reference().display())?,
        }
        Ok(())
    }
}
