//! The places where bugs are tried: each a copy of the workspace with a target directory of its own.
//!
//! What Cargo builds has names that depend on where a package is *in its workspace*, so two copies must never share a
//! target directory: each would take the other's packages for its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use toml::Value;

use super::patch::Patch;
use crate::exercises::manifest;
use crate::workers::mirror;

/// The package that is left out: it is large, and no bug is in it.
const LEFT_OUT: &str = "book";

/// What copies of the workspace are made of: paths in the workspace, with what the files hold.
#[derive(Clone, Debug)]
pub struct Plan {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Plan {
    /// The packages of a workspace without the book and without the zoos.
    pub fn of(root: &Path) -> Result<Plan> {
        let mut files = BTreeMap::new();
        let mut table = manifest::read(&root.join("Cargo.toml"))?;
        let workspace = table.get_mut("workspace").and_then(Value::as_table_mut);
        let members = workspace.and_then(|workspace| workspace.get_mut("members")).and_then(Value::as_array_mut);
        let members = members.with_context(|| format!("{} lists no members", root.join("Cargo.toml").display()))?;
        members.retain(|member| member.as_str() != Some(LEFT_OUT));
        for member in members.iter().filter_map(Value::as_str) {
            add_tree(&root.join(member), Path::new(member), &["zoo", "target"], &mut files)?;
        }
        // Cargo strikes out what only the book needs.
        if root.join("Cargo.lock").is_file() {
            add(&root.join("Cargo.lock"), "Cargo.lock".into(), &mut files)?;
        }
        let text = toml::to_string(&table).context("cannot write a manifest")?;
        files.insert("Cargo.toml".into(), text.into_bytes());
        Ok(Plan { files })
    }

    /// The same with other integration tests for one package.
    pub fn with_tests(mut self, package: &Path, tests: &Path) -> Result<Plan> {
        ensure!(tests.is_dir(), "{} is no folder", tests.display());
        let place = package.join("tests");
        self.files.retain(|path, _| !path.starts_with(&place));
        add_tree(tests, &place, &["target"], &mut self.files)?;
        Ok(self)
    }
}

/// Adds all files of a folder, except those in these folders of it.
fn add_tree(from: &Path, to: &Path, without: &[&str], files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let path = entry?.path();
        let name = path.file_name().expect("an entry has a name");
        match path.is_dir() {
            true if without.iter().any(|folder| name == *folder) => {}
            true => add_tree(&path, &to.join(name), &[], files)?,
            false => add(&path, to.join(name), files)?,
        }
    }
    Ok(())
}

fn add(from: &Path, to: PathBuf, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    files.insert(to, fs::read(from).with_context(|| format!("cannot read {}", from.display()))?);
    Ok(())
}

/// A copy of the workspace, and its target directory.
#[derive(Debug)]
pub struct Workshop {
    folder: PathBuf,
}

impl Workshop {
    /// The workshop with this number in a folder.
    pub fn new(folder: &Path, number: usize) -> Workshop {
        Workshop { folder: folder.join(format!("worker-{number}")) }
    }

    /// The copy of the workspace.
    pub fn copy(&self) -> PathBuf {
        self.folder.join("copy")
    }

    /// The target directory.
    pub fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    /// Makes the copy as planned. Files that are so already are left alone: Cargo goes by their times.
    pub fn lay_out(&self, plan: &Plan) -> Result<()> {
        let copy = self.copy();
        for (path, bytes) in &plan.files {
            let to = copy.join(path);
            if fs::read(&to).ok().as_ref() != Some(bytes) {
                fs::create_dir_all(to.parent().expect("a file is in a folder"))
                    .and_then(|()| fs::write(&to, bytes))
                    .with_context(|| format!("cannot write {}", to.display()))?;
            }
        }
        remove_others(&copy, &copy, plan)
    }

    /// Makes this workshop the same as another: the copy and all that is built, with the times that Cargo goes by. No
    /// bug may be in the other one, and nobody at work in it.
    pub fn become_like(&self, other: &Workshop) -> Result<()> {
        mirror(&other.copy(), &self.copy())?;
        mirror(&other.target(), &self.target())
    }

    /// Does some work while the bug is in the copy.
    pub fn with_bug<T>(&self, patch: &Patch, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let path = self.copy().join(&patch.file);
        let whole = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let write = |text: &str| fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()));
        write(&patch.apply(&whole)?)?;
        let done = work();
        // A new time with it: what was built meanwhile is of no use.
        write(&whole)?;
        done
    }
}

/// Removes what is not in the plan, and the folders that are empty then.
fn remove_others(folder: &Path, copy: &Path, plan: &Plan) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(&path, copy, plan)?;
            // Only an empty folder goes.
            let _ = fs::remove_dir(&path);
        } else if !plan.files.contains_key(path.strip_prefix(copy).unwrap_or(&path)) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn workspace() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let file = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        file("Cargo.toml", "[workspace]\nmembers = [\"a\", \"book\"]\nresolver = \"3\"\n");
        file("a/Cargo.toml", "[package]\n");
        file("a/src/zoo/lib.rs", "one");
        file("a/tests/old/main.rs", "old");
        file("a/zoo/x.patch", "no");
        file("book/Cargo.toml", "no");
        dir
    }

    fn files(folder: &Path) -> Vec<String> {
        let mut files = BTreeMap::new();
        add_tree(folder, Path::new(""), &[], &mut files).unwrap();
        files.keys().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn a_copy_has_all_but_the_book_and_the_zoos_and_only_what_has_changed_is_written() {
        let (root, dir) = (workspace(), tempfile::tempdir().unwrap());
        let workshop = Workshop::new(dir.path(), 0);
        workshop.lay_out(&Plan::of(root.path()).unwrap()).unwrap();
        let copy = workshop.copy();
        assert_eq!(files(&copy), ["Cargo.toml", "a/Cargo.toml", "a/src/zoo/lib.rs", "a/tests/old/main.rs"]);
        assert!(!fs::read_to_string(copy.join("Cargo.toml")).unwrap().contains("book"));

        let time = |path: &str| fs::metadata(copy.join(path)).unwrap().modified().unwrap();
        let past = UNIX_EPOCH + Duration::from_secs(1_000_000);
        for path in ["a/Cargo.toml", "a/src/zoo/lib.rs"] {
            fs::OpenOptions::new().write(true).open(copy.join(path)).unwrap().set_modified(past).unwrap();
        }
        fs::write(root.path().join("a/src/zoo/lib.rs"), "two").unwrap();
        fs::remove_dir_all(root.path().join("a/tests")).unwrap();
        workshop.lay_out(&Plan::of(root.path()).unwrap()).unwrap();
        assert_eq!(files(&copy), ["Cargo.toml", "a/Cargo.toml", "a/src/zoo/lib.rs"]);
        assert!(!copy.join("a/tests").exists(), "an empty folder stays");
        assert_eq!(fs::read_to_string(copy.join("a/src/zoo/lib.rs")).unwrap(), "two");
        assert_eq!(time("a/Cargo.toml"), past, "a file that has not changed was written");
        assert_ne!(time("a/src/zoo/lib.rs"), past);
    }

    #[test]
    fn other_tests_take_the_place_of_a_packages_own() {
        let (root, tests) = (workspace(), tempfile::tempdir().unwrap());
        fs::write(tests.path().join("mine.rs"), "").unwrap();
        let plan = Plan::of(root.path()).unwrap().with_tests(Path::new("a"), tests.path()).unwrap();
        let paths: Vec<String> = plan.files.keys().map(|path| path.display().to_string()).collect();
        assert_eq!(paths, ["Cargo.toml", "a/Cargo.toml", "a/src/zoo/lib.rs", "a/tests/mine.rs"]);
    }
}
