//! `cargo course inspect`: the bytes of a log's files, explained.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::figures::inspect::{Limits, annotate};

/// Show the bytes of a log's files, explained
///
/// It works on the files of any stage. Nothing is locked, repaired or written.
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
    /// Prints the bytes.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        Ok(write!(out, "{}", annotated(&self.directory)?)?)
    }
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
