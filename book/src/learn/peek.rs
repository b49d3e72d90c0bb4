//! `cargo course peek`: the reference, for one function.

use std::io::{BufRead, IsTerminal, Write, stdin};

use anyhow::{Result, bail, ensure};
use clap::Args;

use crate::exercises::course::Course;
use crate::exercises::spec::{Function, PartId};
use crate::exercises::subtract::Sources;
use crate::paths;

/// Show the reference of one function of a part, after asking
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course peek 2.1\n  cargo course peek 2.1 push")]
pub struct Peek {
    /// The part
    #[arg(value_name = "STAGE.PART")]
    part: PartId,

    /// The function, if the part has several: its name or the end of its path
    #[arg(value_name = "FUNCTION")]
    function: Option<String>,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Peek {
    /// Asks, and shows.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let course = Course::open(&paths::workspace())?;
        let spec = course.spec(self.part.stage)?;
        let part = spec.part(self.part)?;
        let Some(reference) = course.stages.get(&self.part.stage) else {
            bail!("this repository holds no reference of stage {}; whoever handed it out has it", self.part.stage)
        };
        let function = self.choose(&part.functions)?;
        if !self.yes {
            ensure!(stdin().is_terminal(), "somebody has to answer whether to show it; `--yes` answers");
            write!(out, "Show the reference of `{}`? What you find yourself stays longer. [y/N] ", function.item)?;
            out.flush()?;
            let mut answer = String::new();
            stdin().lock().read_line(&mut answer)?;
            if !matches!(answer.trim(), "y" | "Y" | "yes") {
                writeln!(out, "Good. `cargo course hint {}` has more.", self.part)?;
                return Ok(());
            }
        }
        let sources = Sources::read(reference)?;
        let spot = sources.spot(&function.item)?;
        writeln!(
            out,
            "{}:{}\n\n{}",
            paths::short(&reference.join(spot.file)),
            spot.lines.0,
            sources.text(&function.item)?
        )?;
        Ok(())
    }

    /// The function that is meant.
    fn choose<'a>(&self, functions: &'a [Function]) -> Result<&'a Function> {
        let names = || functions.iter().map(|function| format!("\n  {}", function.item)).collect::<String>();
        let matching: Vec<&Function> = match &self.function {
            None => functions.iter().collect(),
            Some(end) => functions.iter().filter(|function| function.item.ends_with(end.as_str())).collect(),
        };
        match (matching.as_slice(), &self.function) {
            ([one], _) => Ok(one),
            ([], Some(end)) => bail!("part {} has no function `{end}`; it has{}", self.part, names()),
            (_, Some(end)) => {
                bail!("part {} has several functions `{end}`; say more of the path:{}", self.part, names())
            }
            (_, None) => bail!("part {} has several functions; name one of them:{}", self.part, names()),
        }
    }
}
