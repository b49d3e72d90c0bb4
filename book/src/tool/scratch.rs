//! A directory to measure in, which does not stay.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use stage01::{Disk, DiskLock, OsDisk};
use tempfile::TempDir;

use super::paths;

const PREFIX: &str = "measure-";

/// A new directory, removed when it is dropped; a run that is interrupted leaves it to the next run to remove.
#[derive(Debug)]
pub struct Scratch {
    directory: TempDir,
    /// Says that somebody is at work here.
    _lock: DiskLock,
}

impl Scratch {
    /// A directory in `parent`, or else below Cargo's target directory: a directory for temporary files is often in
    /// memory, where a sync costs nothing.
    pub fn new(parent: Option<&Path>) -> Result<Scratch> {
        match parent {
            Some(parent) => make(parent),
            None => Scratch::among_our_own(&paths::target().join("course")),
        }
    }

    /// A directory in one that nobody else puts anything into: what interrupted runs have left there goes.
    pub fn among_our_own(parent: &Path) -> Result<Scratch> {
        fs::create_dir_all(parent).with_context(|| format!("cannot make the directory {}", parent.display()))?;
        for path in left_over(parent).with_context(|| format!("cannot list {}", parent.display()))? {
            fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
        make(parent)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Removes it, and says if that fails.
    pub fn close(self) -> Result<()> {
        let path = self.path().to_owned();
        self.directory.close().with_context(|| format!("cannot remove {}", path.display()))
    }
}

fn make(parent: &Path) -> Result<Scratch> {
    let make = || -> Result<Scratch> {
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let lock = OsDisk::existing(directory.path())?.lock()?;
        Ok(Scratch { directory, _lock: lock })
    };
    make().with_context(|| format!("cannot make a directory to measure in, in {}", parent.display()))
}

/// The directories in which nobody is at work any more.
fn left_over(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let mut left_over = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX) && entry.file_type()?.is_dir();
        if is_ours && OsDisk::existing(entry.path()).is_ok_and(|disk| disk.lock().is_ok()) {
            left_over.push(entry.path());
        }
    }
    Ok(left_over)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interrupted_run_has_left_is_removed_and_what_is_in_use_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let interrupted = parent.path().join("measure-interrupted");
        fs::create_dir_all(interrupted.join("logs")).unwrap();
        fs::write(parent.path().join("results.json"), "{}").unwrap();
        let first = Scratch::among_our_own(parent.path()).unwrap();
        let second = Scratch::among_our_own(parent.path()).unwrap();
        assert!(!interrupted.exists(), "the next run did not tidy up");
        assert!(first.path().is_dir() && second.path().is_dir(), "a run removed another that is at work");
        assert!(parent.path().join("results.json").exists(), "a run removed what it had not made");
        let path = first.path().to_owned();
        first.close().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_directory_of_the_reader_keeps_all_that_is_in_it() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir(parent.path().join("measure-mine")).unwrap();
        drop(Scratch::new(Some(parent.path())).unwrap());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
        let said = format!("{:#}", Scratch::new(Some(Path::new("/not/there"))).unwrap_err());
        assert!(said.contains("cannot make a directory to measure in, in /not/there"), "{said}");
    }
}
