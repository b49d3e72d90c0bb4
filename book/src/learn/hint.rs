//! `cargo course hint`: one rung of a ladder at a time.

use std::io::Write;

use anyhow::Result;
use clap::Args;

use crate::exercises::course::Course;
use crate::exercises::spec::PartId;
use crate::exercises::state::State;
use crate::paths;

/// Show the hints of a part: one more at each call
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course hint 2.1")]
pub struct Hint {
    /// The part
    #[arg(value_name = "STAGE.PART")]
    part: PartId,
}

impl Hint {
    /// Climbs one rung.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let course = Course::open(&paths::workspace())?;
        let copy = course.started(self.part.stage)?;
        let spec = course.spec(self.part.stage)?;
        let part = spec.part(self.part)?;
        let mut state = State::read(&copy)?;
        let before = state.hints.get(&self.part.part.to_string()).copied().unwrap_or(0);
        let seen = state.climb(self.part, part.hints.len());
        state.write(&copy)?;
        writeln!(out, "{}, {}", part.id, part.title)?;
        for (hint, rung) in part.hints.iter().take(seen).zip(1..) {
            writeln!(out, "\n{rung} of {}  {}", part.hints.len(), hint.trim())?;
        }
        writeln!(out)?;
        match (seen < part.hints.len(), before == seen) {
            (true, _) => writeln!(out, "Try with that; the next call goes one further.")?,
            (false, false) => writeln!(out, "That was the last. `cargo course check {}` looks again.", part.id)?,
            (false, true) if course.is_whole() => {
                writeln!(out, "There are no more. `cargo course peek {}` shows one function.", part.id)?;
            }
            (false, true) => writeln!(out, "There are no more. Whoever handed the exercise out knows more.")?,
        }
        Ok(())
    }
}
