//! Makes the learner's copy of a stage.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::course::{Course, package_name};
use super::manifest::Root;
use super::spec::Spec;
use super::state::{Over, State};
use super::subtract::Sources;
use crate::zoo::patch::Patch;

/// What Cargo builds as it is: the stage's tests, benchmarks and examples.
const UNCHANGED: [&str; 3] = ["tests", "benches", "examples"];

/// The guide for whoever helps a learner.
pub const AGENTS: &str = include_str!("agents.md");

/// The same for a class repository, which has no reference.
pub fn agents_of_a_class() -> String {
    let (front, rest) = AGENTS.split_once(REFERENCE).expect("the guide speaks of the reference");
    let (_, behind) = rest.split_once("\n- ").expect("the guide goes on behind it");
    format!("{front}{NO_REFERENCE}\n- {behind}")
}

const REFERENCE: &str = "- **Never open the reference**";

const NO_REFERENCE: &str = "\
- **Look for no reference** of the stage at hand. It is not in this repository, and should not come from elsewhere. The
  stages *before* it are fine to read, and so is the chapter's prose.";

/// How many of a stage's parts a copy has already written. A learner's has none.
#[derive(Clone, Copy, Debug)]
pub struct Written(pub usize);

/// Makes a copy of a stage in the course's folder of exercises, with the bodies of all parts from `written` on taken
/// out, and the bug of a debugging exercise among them planted. There must be none yet.
pub fn make(course: &Course, spec: &Spec, over: Over, written: Written) -> Result<PathBuf> {
    let reference = course.reference(spec.stage)?;
    let copy = course.copy(spec.stage);
    let below = course.below(spec.stage, over)?;
    for folder in ["src"].into_iter().chain(UNCHANGED).filter(|folder| reference.join(folder).is_dir()) {
        copy_tree(&reference.join(folder), &copy.join(folder))?;
    }
    let sources = subtract(&copy, reference, spec, written)?;
    let root = Root::read(&course.root)?;
    let mut places: BTreeMap<String, PathBuf> =
        below.iter().map(|(stage, folder)| (package_name(*stage), folder.clone())).collect();
    // The laboratory is made of stage 1's types: over a copy of stage 1, it is a copy as well.
    places.insert(package_name(spec.stage), copy.clone());
    if places[&package_name(1)] == course.copy(1) {
        places.insert("lab".into(), laboratory(course, &root, &places)?);
    }
    let manifest = root.copy_of(reference, &copy, &places)?;
    write(&copy.join("Cargo.toml"), &manifest)?;
    fs::copy(course.root.join("Cargo.lock"), copy.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
    write(&copy.join("AGENTS.md"), AGENTS)?;
    let state = State { stage: spec.stage, over, starter: sources.fingerprints(spec)?, ..State::default() };
    state.write(&copy)?;
    Ok(copy)
}

/// Takes the bodies of all parts from `written` on out of the copied sources, and plants the bug of a debugging exercise
/// among them.
pub fn subtract(copy: &Path, reference: &Path, spec: &Spec, Written(written): Written) -> Result<Sources> {
    for part in spec.parts.iter().skip(written) {
        if let Some(name) = &part.patch {
            let path = reference.join(name);
            let patch = Patch::read(&path)?;
            let file = copy.join(patch.file_in_package()?);
            let whole = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let planted = patch.apply(&whole).with_context(|| path.display().to_string())?;
            fs::write(&file, planted).with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    let mut sources = Sources::read(copy)?;
    spec.parts.iter().skip(written).try_for_each(|part| sources.take_out_part(part))?;
    sources.write()?;
    Ok(sources)
}

/// A package that is the laboratory over the learner's stage 1: a manifest, with the sources of the course.
fn laboratory(course: &Course, root: &Root, places: &BTreeMap<String, PathBuf>) -> Result<PathBuf> {
    let (from, to) = (course.root.join("lab"), course.exercises.join("lab"));
    let manifest = root.copy_of(&from, &to, places)?;
    let source = super::manifest::relative(&to, &from.join("src/lib.rs"));
    write(&to.join("Cargo.toml"), &format!("{manifest}\n[lib]\npath = \"{}\"\n", source.display()))?;
    Ok(to)
}

/// Copies a folder with all that is in it.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let path = entry?.path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy_tree(&path, &target)?;
        } else {
            fs::copy(&path, &target).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_of_a_class_names_nothing_that_a_class_does_not_have() {
        let guide = agents_of_a_class();
        for absent in ["peek", "zoo", "Never open"] {
            assert!(AGENTS.contains(absent) && !guide.contains(absent), "{absent}");
        }
        for kept in ["Hints before code", "Look for no reference", "No finished bodies", "A bug hunt is a hunt"] {
            assert!(guide.contains(kept), "{kept}");
        }
    }
}
