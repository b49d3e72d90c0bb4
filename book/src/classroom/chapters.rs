//! The chapters for a class: the book, with the bodies taken out that the class has not written yet.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::exercises::course::Course;
use crate::exercises::starter::{self, Written, copy_tree};
use crate::press;

/// The chapters that a class does not get, by how their files are called.
const FOR_TEACHERS: [&str; 2] = ["for-teachers", "teach-"];

/// Builds the book into `out_dir`. Of the stages from `stage` on, it quotes the starters.
pub fn build(course: &Course, stage: u32, out_dir: &Path) -> Result<()> {
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let workspace = scratch.path();
    fs::copy(course.root.join("Cargo.toml"), workspace.join("Cargo.toml")).context("cannot copy Cargo.toml")?;
    for folder in course.stages.values().map(|folder| folder.as_path()).chain([&*course.root.join("lab")]) {
        let name = folder.file_name().context("a package's folder has a name")?;
        copy_tree(folder, &workspace.join(name))?;
    }
    for folder in ["chapters", "theme", "results"] {
        copy_tree(&course.root.join("book").join(folder), &workspace.join("book").join(folder))?;
    }
    for file in ["book.toml", "Cargo.toml"] {
        fs::copy(course.root.join("book").join(file), workspace.join("book").join(file))
            .with_context(|| format!("cannot copy {file}"))?;
    }
    for (number, folder) in course.stages.range(stage..) {
        let Ok(spec) = course.spec(*number) else { continue };
        let copy = workspace.join(folder.file_name().context("a stage's folder has a name")?);
        // The bug to be found is planted here as it is in the class's copy: to compare the two would give it away.
        starter::subtract(&copy, folder, &spec, Written(0))?;
        let zoo = copy.join("zoo");
        if zoo.is_dir() {
            fs::remove_dir_all(&zoo).with_context(|| format!("cannot remove {}", zoo.display()))?;
        }
    }
    leave_teachers_out(&workspace.join("book/chapters/SUMMARY.md"))?;
    let options = press::Options {
        root: workspace.join("book"),
        workspace: workspace.to_owned(),
        out_dir: out_dir.to_owned(),
        results: None,
        strict: false,
    };
    press::build(&options).context("cannot build the chapters")?;
    Ok(())
}

fn leave_teachers_out(summary: &Path) -> Result<()> {
    let text = fs::read_to_string(summary).with_context(|| format!("cannot read {}", summary.display()))?;
    let kept = text.lines().filter(|line| !FOR_TEACHERS.iter().any(|name| line.contains(&format!("]({name}"))));
    fs::write(summary, kept.map(|line| format!("{line}\n")).collect::<String>()).context("cannot write SUMMARY.md")
}
