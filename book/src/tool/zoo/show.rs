//! One bug, for reading.

use std::io::{BufRead, IsTerminal, Write, stdin};

use anyhow::{Result, ensure};

use crate::exercises::course::{Course, package_name};
use crate::zoo::Exhibit;

/// Shows a bug; after asking, if it is one that somebody is to find.
pub(super) fn show(course: &Course, exhibit: &Exhibit, yes: bool, out: &mut dyn Write) -> Result<()> {
    let patch = &exhibit.patch;
    if let Some(part) = exercise(course, exhibit)
        && !yes
    {
        writeln!(out, "This is the bug that part {part} asks you to find: to see it gives the exercise away.")?;
        ensure!(stdin().is_terminal(), "somebody has to answer whether to show it; `--yes` answers");
        write!(out, "Show it? [y/N] ")?;
        out.flush()?;
        let mut answer = String::new();
        stdin().lock().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            writeln!(out, "Good. `cargo course hint {part}` has more.")?;
            return Ok(());
        }
    }
    writeln!(out, "{} {}", exhibit.home, patch.name)?;
    writeln!(out, "  bug        {}", patch.bug)?;
    writeln!(out, "  breaks     {}", patch.breaks)?;
    writeln!(out, "  lens       {}", patch.lens)?;
    writeln!(out, "  killed by  {}", patch.killed_by)?;
    writeln!(out, "\n{}\n\n{}", patch.story, patch.diff().trim_end())?;
    Ok(())
}

/// The part whose learner has to find this bug.
fn exercise(course: &Course, exhibit: &Exhibit) -> Option<String> {
    let stage = course.stages.keys().copied().find(|stage| package_name(*stage) == exhibit.home)?;
    let file = format!("zoo/{}.patch", exhibit.patch.name);
    let spec = course.spec(stage).ok()?;
    let part = spec.parts.iter().find(|part| part.patch.as_deref() == Some(file.as_str()))?;
    Some(part.id.to_string())
}
