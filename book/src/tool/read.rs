//! `cargo course read` and `cargo course build`: the book, with and without a server.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::paths;
use super::progress::Progress;
use super::serve::Server;
use crate::press;

/// Build the book and serve it on this machine
///
/// The book shows your own numbers if the tour or an earlier one has measured them, else the reference numbers.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course read --open")]
pub struct Read {
    #[command(flatten)]
    serving: Serving,
}

/// Build the book into target/book, and check all of it
///
/// It fails if anything is wrong with the book: a dead link, a quoted item that is not there, a stage of which too
/// little is explained.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course build")]
pub struct Build {
    /// Where the pages go [default: target/book]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// How the book is served.
#[derive(Args, Debug)]
pub struct Serving {
    /// Open the book in the browser
    #[arg(long)]
    open: bool,

    /// The port to serve at [default: 3000, or any that is free]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

impl Read {
    /// Builds and serves.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let pages = build(&paths::book(), &paths::results(), false)?;
        self.serving.serve(&pages, out)
    }
}

impl Build {
    /// Builds and checks.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let out_dir = self.out.clone().unwrap_or_else(paths::book);
        let pages = build(&out_dir, &paths::results(), true)?;
        writeln!(out, "{}", pages.join("index.html").display())?;
        Ok(())
    }
}

impl Serving {
    /// Serves the pages until Ctrl-C.
    pub fn serve(&self, pages: &Path, out: &mut dyn Write) -> Result<()> {
        let server = Server::bind(pages, self.port)?;
        writeln!(out, "The book is at {} (Ctrl-C ends it)", server.url())?;
        out.flush()?;
        if self.open
            && let Err(error) = open::that(server.url())
        {
            eprintln!("cannot open a browser ({error}); the address above works in any");
        }
        server.run();
        Ok(())
    }
}

/// Builds the book into `out_dir`, with the numbers in the file `own` if it is there. If it is not strict, what is wrong
/// with the book is only said.
pub fn build(out_dir: &Path, own: &Path, strict: bool) -> Result<PathBuf> {
    let workspace = paths::workspace();
    let results = own.is_file().then(|| own.to_owned());
    let root = workspace.join("book");
    let progress = Progress::new(1);
    progress.begin("building the book");
    let options = press::Options { root, workspace, out_dir: out_dir.to_owned(), results, strict };
    let report = press::build(&options).context("cannot build the book")?;
    progress.end();
    for problem in &report.problems {
        progress.note(&format!("warning: {problem}"));
    }
    progress.note(&format!("{} pages, quoting {}", report.pages, quoted(&report.coverage)));
    Ok(report.out_dir)
}

fn quoted(coverage: &[press::Coverage]) -> String {
    let stages = coverage.iter().map(|stage| format!("{:.0} % of {}", stage.percent(), stage.stage));
    stages.collect::<Vec<_>>().join(", ")
}
