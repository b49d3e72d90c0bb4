//! `cargo course assign`: a class repository.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;

use super::paths;
use super::progress::Progress;
use crate::classroom::assign::assign;
use crate::exercises::course::Course;

/// For teachers: make a class repository for a stage
///
/// It holds the stage with some bodies taken out, its tests, the stages below it, the laboratory, the chapters, the tool
/// and a CI workflow. It holds no solutions and no history. Put it under version control and hand it out.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course assign 2 --to ../class-stage02 --vendor")]
pub struct Assign {
    /// The stage
    #[arg(value_name = "STAGE")]
    stage: u32,

    /// An empty folder, or one to be made
    #[arg(long, value_name = "DIR")]
    to: PathBuf,

    /// Put the sources of all dependencies into it, about 300 MB, so that it builds anywhere without a network
    #[arg(long)]
    vendor: bool,
}

impl Assign {
    /// Makes it.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let root = paths::workspace();
        let to = std::path::absolute(&self.to)?;
        ensure!(!to.starts_with(&root), "{} is inside the course; a class repository is one of its own", to.display());
        let progress = Progress::new(1);
        progress.begin("making the class repository");
        assign(&Course::open(&root)?, self.stage, &to, self.vendor)?;
        drop(progress);
        writeln!(out, "{} is ready. In it:", to.display())?;
        writeln!(out, "  cargo course check {}    says that no part has been started", self.stage)?;
        writeln!(out, "What comes back is judged here, with `cargo course grade DIR`.")?;
        Ok(())
    }
}
