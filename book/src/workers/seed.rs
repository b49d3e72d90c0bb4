//! A target directory that begins with what another has of other people's packages.
//!
//! What Cargo builds of a package from a registry depends on its version, features and profile, and not on the workspace
//! that asks for it: it has the same name in each target directory. Cargo itself decides what of it is of use. It would
//! build the rest in any case.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use super::mirror::{copy_with_time, mirror};

/// Cargo's folder for the profile that tests are built with.
const PROFILE_FOLDER: &str = "debug";

/// Cargo's notes on each thing that it has built: a folder for each, called `package-hash`.
const NOTES: &str = ".fingerprint";

/// Copies what `built`, a target directory, has of other people's packages to a target directory that is not there yet.
/// One that is there has what it needs.
pub(crate) fn seed(built: &Path, target: &Path) -> Result<()> {
    let (from, to) = (built.join(PROFILE_FOLDER), target.join(PROFILE_FOLDER));
    if to.exists() || !from.join(NOTES).is_dir() {
        return Ok(());
    }
    // Under another name until it is whole.
    let part = target.join("seed");
    if part.exists() {
        fs::remove_dir_all(&part).with_context(|| format!("cannot remove {}", part.display()))?;
    }
    let mut hashes = BTreeSet::new();
    // The notes first: what they tell of was there before them.
    for name in names(&from.join(NOTES))? {
        if let Some((package, hash)) = name.rsplit_once('-')
            && !is_ours(package)
        {
            mirror(&from.join(NOTES).join(&name), &part.join(NOTES).join(&name))?;
            hashes.insert(hash.to_string());
        }
    }
    let is_wanted = |name: &str| hash(name).is_some_and(|hash| hashes.contains(hash));
    for name in names(&from.join("build"))?.iter().filter(|name| is_wanted(name)) {
        mirror(&from.join("build").join(name), &part.join("build").join(name))?;
    }
    fs::create_dir_all(part.join("deps")).with_context(|| format!("cannot make {}", part.display()))?;
    for name in names(&from.join("deps"))?.iter().filter(|name| is_wanted(name)) {
        let file = from.join("deps").join(name);
        match copy_with_time(&file, &part.join("deps").join(name)) {
            // Somebody builds there, and has removed it. Cargo builds it here.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            copied => copied.with_context(|| format!("cannot copy {}", file.display()))?,
        }
    }
    fs::rename(&part, &to).with_context(|| format!("cannot make {}", to.display()))
}

/// Whether a package is one of the course's: what is built of it has a name that depends on the workspace.
fn is_ours(package: &str) -> bool {
    let is_stage = package.strip_prefix("stage").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    is_stage || matches!(package, "lab" | "book")
}

/// `89abcdef01234567` in `libserde-89abcdef01234567.rlib`.
fn hash(name: &str) -> Option<&str> {
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    stem.rsplit_once('-').map(|(_, hash)| hash)
}

/// What is in a folder; nothing if there is none.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot list {}", folder.display()))?,
    };
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn other_peoples_packages_are_taken_over_with_their_times_and_our_own_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let (built, target) = (dir.path().join("built"), dir.path().join("target"));
        let then = UNIX_EPOCH + Duration::from_secs(1_000_000);
        for path in [
            ".fingerprint/serde_core-0a/lib",
            ".fingerprint/stage01-0b/lib",
            ".fingerprint/libc-0c/run",
            "build/libc-0c/out/file",
            "build/libc-0d/out/file",
            "deps/libserde_core-0a.rlib",
            "deps/libstage01-0b.rlib",
            "deps/crash-0e",
            "incremental/crash-0a/x",
        ] {
            let path = built.join("debug").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "built").unwrap();
            fs::OpenOptions::new().write(true).open(&path).unwrap().set_modified(then).unwrap();
        }
        seed(&built, &target).unwrap();
        let there = |path: &str| target.join("debug").join(path).exists();
        for path in [".fingerprint/serde_core-0a/lib", "deps/libserde_core-0a.rlib", "build/libc-0c/out/file"] {
            assert!(there(path), "{path}");
            let time = fs::metadata(target.join("debug").join(path)).unwrap().modified().unwrap();
            assert_eq!(time, then, "{path}");
        }
        for path in [".fingerprint/stage01-0b", "deps/libstage01-0b.rlib", "deps/crash-0e", "build/libc-0d"] {
            assert!(!there(path), "{path}");
        }
        assert!(!there("incremental") && !target.join("seed").exists());

        // One that is there is left alone.
        fs::remove_dir_all(target.join("debug/build")).unwrap();
        seed(&built, &target).unwrap();
        assert!(!there("build"));
    }
}
