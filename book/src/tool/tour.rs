//! `cargo course` without a command: the tour.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::measurement::{Effort, measure_all};
use super::read::{Serving, build};
use super::report::report;
use super::scratch::Scratch;
use super::{paths, versus};
use crate::results::Results;

/// What the tour can be told.
#[derive(Args, Debug)]
pub struct Tour {
    /// Measure in a new directory in DIR, which is removed again [default: target/course]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Measure next to nothing, in short logs: to see that all works
    #[arg(long)]
    quick: bool,

    /// Measure and build the book, and do not serve it
    #[arg(long, conflicts_with_all = ["open", "port"])]
    no_serve: bool,

    #[command(flatten)]
    serving: Serving,
}

impl Tour {
    /// Measures, compares, builds, serves.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let scratch = Scratch::new(self.dir.as_deref())?;
        let (effort, path) = match self.quick {
            true => (Effort::QUICK, paths::quick_results()),
            false => (Effort::TOUR, paths::results()),
        };
        let results = measure_all(scratch.path(), effort)?;
        scratch.close()?;
        results.save(&path)?;
        self.tell(&results, out)?;
        out.flush()?;
        let pages = build(&paths::book(), &path, false)?;
        if self.no_serve {
            writeln!(out, "The book is at {}", pages.join("index.html").display())?;
            return Ok(());
        }
        self.serving.serve(&pages, out)
    }

    fn tell(&self, results: &Results, out: &mut dyn Write) -> Result<()> {
        writeln!(out, "{}\n", versus::machine(&results.machine))?;
        write!(out, "{}", report(&results.rows))?;
        match Results::load(&paths::reference()) {
            _ if self.quick => writeln!(out, "Quick numbers, from short logs: they are not worth comparing.\n")?,
            Ok(reference) => write!(out, "{}", versus::versus(results, &reference))?,
            Err(error) => writeln!(out, "No comparison with the reference: {error:#}\n")?,
        }
        Ok(())
    }
}
