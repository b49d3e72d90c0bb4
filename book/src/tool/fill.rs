//! `cargo course fill`: the reference's bodies, put into a learner's copy.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::exercises::course::Course;
use crate::exercises::spec::Selection;
use crate::exercises::subtract::Sources;
use crate::paths;

/// Put the reference's bodies into a copy: for trying the exercises out, and for teachers
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course fill 2.1\n  cargo course fill 2 --in ../class-stage02")]
pub struct Fill {
    /// A stage, or a part of it
    #[arg(value_name = "STAGE[.PART]")]
    selection: Selection,

    /// The class repository that has the copy [default: this course]
    #[arg(long = "in", value_name = "DIR")]
    repository: Option<PathBuf>,
}

impl Fill {
    /// Writes over what is there.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let course = Course::open(&paths::workspace())?;
        let stage = self.selection.stage();
        let spec = course.spec(stage)?;
        let reference = Sources::read(course.reference(stage)?)?;
        let place = self.repository.as_ref().map(|root| course.with_exercises(&root.join("exercises")));
        let copy = place.unwrap_or(course).started(stage)?;
        let mut sources = Sources::read(&copy)?;
        for part in spec.parts.iter().filter(|part| self.selection.holds(part.id)) {
            sources.put_in_part(part, &reference)?;
            writeln!(out, "{}, {}: as the reference has it", part.id, part.title)?;
        }
        sources.write()
    }
}
