//! The chapters for a class: the book, with the bodies taken out that the class has not written yet.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::exercises::course::{Course, package_name};
use crate::exercises::starter::{self, Written, copy_tree};
use crate::press;

/// The chapters that a class does not get, by how their files are called.
const FOR_TEACHERS: [&str; 2] = ["for-teachers", "teach-"];

/// Builds the book into `out_dir`. Of the stages from `stage` on, it quotes the starters.
pub fn build(course: &Course, stage: u32, out_dir: &Path) -> Result<()> {
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let workspace = scratch.path();
    let mut manifest = fs::read_to_string(course.root.join("Cargo.toml")).context("cannot read Cargo.toml")?;
    let mut places: BTreeMap<u32, PathBuf> = BTreeMap::new();
    for (number, folder) in &course.stages {
        let name = name_of(folder)?;
        // What the class writes is quoted from where the class has it.
        let place = if *number == stage { format!("exercises/{}", package_name(stage)) } else { name.clone() };
        manifest = manifest.replace(&format!("\"{name}\""), &format!("\"{place}\""));
        copy_tree(folder, &workspace.join(&place))?;
        places.insert(*number, workspace.join(place));
    }
    fs::write(workspace.join("Cargo.toml"), manifest).context("cannot write Cargo.toml")?;
    copy_tree(&course.root.join("lab"), &workspace.join("lab"))?;
    for folder in ["chapters", "theme", "results"] {
        copy_tree(&course.root.join("book").join(folder), &workspace.join("book").join(folder))?;
    }
    for file in ["book.toml", "Cargo.toml"] {
        fs::copy(course.root.join("book").join(file), workspace.join("book").join(file))
            .with_context(|| format!("cannot copy {file}"))?;
    }
    for (number, folder) in course.stages.range(stage..) {
        let Ok(spec) = course.spec(*number) else { continue };
        let copy = &places[number];
        // The bug to be found is planted here as it is in the class's copy: to compare the two would give it away.
        starter::subtract(copy, folder, &spec, Written(0))?;
        let zoo = copy.join("zoo");
        if zoo.is_dir() {
            fs::remove_dir_all(&zoo).with_context(|| format!("cannot remove {}", zoo.display()))?;
        }
    }
    let chapters = workspace.join("book/chapters");
    leave_teachers_out(&chapters.join("SUMMARY.md"))?;
    let reference = course.reference(stage).and_then(name_of)?;
    for path in chapter_files(&chapters)? {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let is_own = press::stage_of(&path) == Some(&*package_name(stage));
        let text = for_a_class(&text, stage, &reference, is_own);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
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

fn name_of(folder: &Path) -> Result<String> {
    Ok(folder.file_name().context("a stage's folder has a name")?.to_string_lossy().into_owned())
}

/// The chapters, as Markdown.
fn chapter_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    Ok(files)
}

/// A chapter with the folders that a class has, and the commands that it can type. The stage's own chapters say whose
/// code they quote.
fn for_a_class(text: &str, stage: u32, reference: &str, is_own: bool) -> String {
    let copy = format!("exercises/{}", package_name(stage));
    // A class repository is under version control if the class wants it, and nobody knows what is committed.
    let text = text.replace("with `git checkout ", "by hand, or, if all else is committed, with `git checkout ");
    // In the words of the file tree, but not in the name of a drawing or of another page.
    let mut text = text.replace(&format!("`{reference}"), &format!("`{copy}"));
    text = text.replace(&format!("git checkout {reference}"), &format!("git checkout {copy}"));
    let Some((title, rest)) = text.split_once('\n').filter(|_| is_own) else { return text };
    format!("{title}\n\n{}\n{rest}", WHOSE_CODE.replace("COPY", &copy))
}

/// Stands below the title of the chapter for a class.
const WHOSE_CODE: &str = "\
> This copy of the chapter quotes the code of your exercise as it was handed out, in `COPY`. What you write says `todo!`
> here. And where the last part asks you to find a bug, the code that is quoted has that bug, whatever the text around it
> says: believe the text.
";

fn leave_teachers_out(summary: &Path) -> Result<()> {
    let text = fs::read_to_string(summary).with_context(|| format!("cannot read {}", summary.display()))?;
    let kept = text.lines().filter(|line| !FOR_TEACHERS.iter().any(|name| line.contains(&format!("]({name}"))));
    fs::write(summary, kept.map(|line| format!("{line}\n")).collect::<String>()).context("cannot write SUMMARY.md")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chapter_for_a_class_names_the_folders_that_a_class_has() {
        let text =
            "# Stage 2\n\nIn `stage02-x/src`, over `stage01-y/src`.\nPut it back with `git checkout stage02-x`.\n";
        let own = for_a_class(text, 2, "stage02-x", true);
        assert!(own.starts_with("# Stage 2\n\n> This copy"), "{own}");
        assert!(own.contains("In `exercises/stage02/src`, over `stage01-y/src`."), "{own}");
        assert!(
            own.contains("back by hand, or, if all else is committed, with `git checkout exercises/stage02`."),
            "{own}"
        );
        assert!(!own.contains("stage02-x"), "{own}");
        assert!(for_a_class(text, 2, "stage02-x", false).starts_with("# Stage 2\n\nIn `exercises"));
    }
}
