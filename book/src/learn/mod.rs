//! What a learner types while an exercise is being done: a file a command.
//!
//! These commands need no stage but the learner's copy. In a class repository they are all of the tool.

pub mod check;
mod checking;
pub mod hint;
pub mod next;
pub mod peek;
mod steps;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};

/// A Log in Six Stages: the exercise of your class
///
/// Without a command it says what to do now.
#[derive(Parser, Debug)]
#[command(name = "course", bin_name = "cargo course")]
#[command(after_help = "Example:\n  cargo course next\n  cargo course check 2\n  cargo course hint 2.1")]
pub struct Cli {
    #[command(subcommand)]
    command: Option<ClassCommand>,
}

#[derive(Subcommand, Debug)]
enum ClassCommand {
    #[command(flatten)]
    Here(Command),
    /// What the chapters name and only the whole course has.
    #[command(external_subcommand)]
    Elsewhere(Vec<String>),
}

/// The commands: their own types say what each does.
#[derive(Subcommand, Debug)]
#[allow(missing_docs)]
pub enum Command {
    Check(check::Check),
    Hint(hint::Hint),
    Peek(peek::Peek),
    Next(next::Next),
}

impl Cli {
    /// Does what the command line asks for.
    pub fn run(self, out: &mut dyn Write) -> Result<ExitCode> {
        match self.command {
            None => Command::Next(next::Next {}).run(out),
            Some(ClassCommand::Here(command)) => command.run(out),
            Some(ClassCommand::Elsewhere(words)) => bail!(
                "`{}` is no command of a class repository: it has next, check and hint. Your stage has been started; \
                 what else the chapters name (play, bench, zoo) is in the whole course",
                words.join(" ")
            ),
        }
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
