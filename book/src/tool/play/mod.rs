//! `cargo course play`: a small shell on the log of one stage.

pub mod command;
pub mod ground;
pub mod mortal;
pub mod shell;

use std::io::{BufRead, IsTerminal, Write, stdin};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use stage01::{OsDisk, Stage};

use super::stages::{self, Visitor};
use command::{Command, HELP};
use ground::{Ground, OsGround, SimGround};
use shell::Shell;

/// Play with the log of a stage: append, crash, reopen, look
///
/// It stands on a simulated disk, whose power you can cut. The commands come from standard input, so that a file of
/// them can be played as well.
#[derive(Args, Debug)]
#[command(after_help = format!("Commands:\n{HELP}\n{EXAMPLE}"))]
pub struct Play {
    /// The stage, by number
    #[arg(value_name = "STAGE")]
    stage: u32,

    /// Stand on this directory instead, which is made if need be; its power cannot be cut
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const EXAMPLE: &str = "\
Example:
  cargo course play 1
  printf 'append hello\\ncrash power\\nreopen\\nscan\\n' | cargo course play 1";

impl Play {
    /// Plays until the input ends.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let ground: Box<dyn Ground> = match &self.dir {
            Some(directory) => Box::new(OsGround::new(OsDisk::create(directory)?)),
            None => Box::new(SimGround::default()),
        };
        let interactive = stdin().is_terminal();
        play(self.stage, ground, &mut stdin().lock(), interactive, out)
    }
}

/// Plays the commands of `input` on a stage. A person is prompted, and told of a mistake; a script is echoed, and ends
/// with its first mistake.
pub fn play(
    stage: u32,
    ground: Box<dyn Ground>,
    input: &mut dyn BufRead,
    interactive: bool,
    out: &mut dyn Write,
) -> Result<()> {
    stages::visit(stage, &mut Session { ground: Some(ground), input, interactive, out })?
}

struct Session<'a> {
    ground: Option<Box<dyn Ground>>,
    input: &'a mut dyn BufRead,
    interactive: bool,
    out: &'a mut dyn Write,
}

impl Visitor for Session<'_> {
    type Output = Result<()>;

    fn visit<S: Stage>(&mut self) -> Result<()> {
        let ground = self.ground.take().expect("one stage is visited");
        let mut shell = Shell::<S>::open(ground, self.out)?;
        for number in 1.. {
            let Some(line) = self.next_line()? else { break };
            let command = match command::parse(&line) {
                Ok(command) => command,
                Err(error) if self.interactive => {
                    writeln!(self.out, "{error:#}")?;
                    continue;
                }
                Err(error) => return Err(error.context(format!("line {number} of the input"))),
            };
            match command {
                None => {}
                Some(Command::Quit) => break,
                // What the log or the disk says is what the reader came for, and no reason to stop.
                Some(command) => {
                    if let Err(error) = shell.obey(command, self.out) {
                        writeln!(self.out, "error: {error:#}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Session<'_> {
    fn next_line(&mut self) -> Result<Option<String>> {
        if self.interactive {
            write!(self.out, "> ")?;
        }
        self.out.flush()?;
        let mut line = String::new();
        if self.input.read_line(&mut line).context("cannot read the commands")? == 0 {
            return Ok(None);
        }
        if !self.interactive {
            writeln!(self.out, "> {}", line.trim_end())?;
        }
        Ok(Some(line))
    }
}
