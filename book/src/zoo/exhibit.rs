//! The bugs that a checkout of the course holds.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::patch::Patch;
use crate::exercises::course::{Course, package_name};

/// A bug, and whose zoo it is in.
#[derive(Clone, Debug)]
pub struct Exhibit {
    /// `stage02`, or `lab`.
    pub home: String,
    /// The bug.
    pub patch: Patch,
}

/// The bugs of the stages, in order, and those of the laboratory; within each, by name.
///
/// # Errors
///
/// A patch cannot be read; the message names it.
pub fn collect(course: &Course) -> Result<Vec<Exhibit>> {
    let mut exhibits = Vec::new();
    for (home, folder) in homes(course) {
        let patches = Patch::read_all(&folder)?;
        exhibits.extend(patches.into_iter().map(|patch| Exhibit { home: home.clone(), patch }));
    }
    Ok(exhibits)
}

/// The folders that hold patches, with the names of their packages.
fn homes(course: &Course) -> Vec<(String, PathBuf)> {
    let zoo = |folder: &Path| folder.join("zoo");
    let stages = course.stages.iter().map(|(number, folder)| (package_name(*number), zoo(folder)));
    stages.chain([("lab".to_string(), zoo(&course.root.join("lab")))]).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn bugs_come_by_stage_then_the_laboratorys_then_by_name() {
        let dir = tempfile::tempdir().unwrap();
        for (folder, name) in [("lab", "x"), ("stage02-b", "b"), ("stage02-b", "a"), ("stage01-a", "z")] {
            let zoo = dir.path().join(folder).join("zoo");
            fs::create_dir_all(&zoo).unwrap();
            fs::write(dir.path().join(folder).join("Cargo.toml"), "").unwrap();
            fs::write(zoo.join("notes.txt"), "no patch").unwrap();
            let patch = "Bug: b\nBreaks: G1\nLens: kill\nKilled-by: lab lib t\nStory: s\n\n\
                         --- a/lab/src/lib.rs\n+++ b/lab/src/lib.rs\n@@ -1 +1 @@\n-a\n+b\n";
            fs::write(zoo.join(format!("{name}.patch")), patch).unwrap();
        }
        let exhibits = collect(&Course::open(dir.path()).unwrap()).unwrap();
        let names: Vec<String> = exhibits.iter().map(|one| format!("{} {}", one.home, one.patch.name)).collect();
        assert_eq!(names, ["stage01 z", "stage02 a", "stage02 b", "lab x"]);
    }
}
