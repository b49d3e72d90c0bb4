//! `cargo course`: the one tool of the course. A file a command; the other files are what the commands share.
//!
//! [`tour`] is what runs without a subcommand.

pub mod assign;
pub mod bench;
pub mod compare;
pub mod criterion_files;
pub mod fill;
pub mod floors;
pub mod gates;
pub mod grade;
pub mod inspect;
pub mod machine;
pub mod measurement;
pub mod play;
pub mod promises;
pub mod read;
pub mod readme;
pub mod reference;
pub mod report;
pub mod scratch;
pub mod serve;
pub mod stages;
pub mod start;
pub mod table;
pub mod tour;
pub mod units;
pub mod versus;
pub mod zoo;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{learn, paths, progress};

/// A Log in Six Stages
///
/// Without a command: the tour. It measures every stage on this machine, builds the book with your numbers in it,
/// serves it here and prints the address.
#[derive(Parser, Debug)]
#[command(name = "course", bin_name = "cargo course", args_conflicts_with_subcommands = true)]
#[command(after_help = "Example:\n  cargo course\n  cargo course --quick --no-serve\n  cargo course play 1")]
pub struct Cli {
    #[command(flatten)]
    tour: tour::Tour,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    Read(read::Read),
    Build(read::Build),
    Bench(bench::Bench),
    Compare(compare::Compare),
    Promises(promises::Promises),
    Play(play::Play),
    Inspect(inspect::Inspect),
    Start(start::Start),
    #[command(flatten)]
    Learn(learn::Command),
    Assign(assign::Assign),
    Grade(grade::Grade),
    Zoo(zoo::Zoo),
    #[command(hide = true)]
    Fill(fill::Fill),
    #[command(hide = true)]
    Gates(gates::Gates),
    #[command(hide = true)]
    Readme(readme::Readme),
    #[command(hide = true)]
    Reference(reference::Reference),
}

impl Cli {
    /// Does what the command line asks for. What a script may want to read goes to `out`; all else to standard error.
    pub fn run(self, out: &mut dyn Write) -> Result<ExitCode> {
        let done = match self.command {
            None => self.tour.run(out),
            Some(Command::Learn(learn)) => return learn.run(out),
            Some(Command::Gates(gates)) => return gates.run(),
            Some(Command::Zoo(zoo)) => return zoo.run(out),
            Some(Command::Read(read)) => read.run(out),
            Some(Command::Build(build)) => build.run(out),
            Some(Command::Bench(bench)) => bench.run(),
            Some(Command::Compare(compare)) => compare.run(out),
            Some(Command::Promises(promises)) => promises.run(out),
            Some(Command::Play(play)) => play.run(out),
            Some(Command::Inspect(inspect)) => return inspect.run(out),
            Some(Command::Start(start)) => start.run(out),
            Some(Command::Assign(assign)) => assign.run(out),
            Some(Command::Grade(grade)) => grade.run(out),
            Some(Command::Fill(fill)) => fill.run(out),
            Some(Command::Readme(readme)) => readme.run(out),
            Some(Command::Reference(reference)) => reference.run(out),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}
