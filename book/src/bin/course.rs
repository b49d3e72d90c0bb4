//! The course tool: see `book::tool`, and in a class repository `book::learn`.

use std::io::{self, ErrorKind};
use std::process::ExitCode;

#[cfg(not(feature = "reference"))]
use book::learn::Cli;
#[cfg(feature = "reference")]
use book::tool::Cli;
use clap::Parser;

fn main() -> ExitCode {
    match Cli::parse().run(&mut io::stdout().lock()) {
        Ok(status) => status,
        // `cargo course compare | head`: the reader of our output has had enough, which is no error.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
