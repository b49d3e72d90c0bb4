//! What a learner types while an exercise is being done: a file a command.
//!
//! These commands need no stage but the learner's copy. In a class repository they are all of the tool.

pub mod check;
pub mod hint;
pub mod next;
pub mod peek;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// A Log in Six Stages: the exercise of your class
///
/// Without a command it says what to do now.
#[derive(Parser, Debug)]
#[command(name = "course", bin_name = "cargo course")]
#[command(after_help = "Example:\n  cargo course next\n  cargo course check 2\n  cargo course hint 2.1")]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// See [`check`].
    Check(check::Check),
    /// See [`hint`].
    Hint(hint::Hint),
    /// See [`peek`].
    Peek(peek::Peek),
    /// See [`next`].
    Next(next::Next),
}

impl Cli {
    /// Does what the command line asks for.
    pub fn run(self, out: &mut dyn Write) -> Result<ExitCode> {
        self.command.unwrap_or(Command::Next(next::Next {})).run(out)
    }
}

impl Command {
    /// Does it.
    pub fn run(self, out: &mut dyn Write) -> Result<ExitCode> {
        let done = match self {
            Command::Check(check) => return check.run(out),
            Command::Hint(hint) => hint.run(out),
            Command::Peek(peek) => peek.run(out),
            Command::Next(next) => next.run(out),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}
