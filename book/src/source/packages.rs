//! The crates of the workspace, and their source files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

/// A crate of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its folder, relative to the workspace.
    pub(crate) folder: PathBuf,
}

/// A file of Rust, and the module that it is.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Relative to the workspace, such as `stage01-naive-file/src/naive.rs`.
    pub(crate) path: PathBuf,
    /// The module's path in its package: `naive`; `tests::crash` for an integration test, `examples::append` for an
    /// example; nothing for `lib.rs`.
    pub(crate) module: Vec<String>,
    /// Whether it is part of the library, so that the book owes its readers an explanation.
    pub(crate) is_library: bool,
}

#[derive(Deserialize)]
struct RootManifest {
    workspace: Members,
}

#[derive(Deserialize)]
struct Members {
    members: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Manifest {
    package: Name,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

/// The crates that the workspace's manifest lists, by name: the name is the first word of an item's path.
pub(crate) fn packages(workspace: &Path) -> Result<BTreeMap<String, Package>> {
    let root: RootManifest = read(&workspace.join("Cargo.toml"))?;
    let mut packages = BTreeMap::new();
    for folder in root.workspace.members {
        let manifest: Manifest = read(&workspace.join(&folder).join("Cargo.toml"))?;
        packages.insert(manifest.package.name, Package { folder });
    }
    Ok(packages)
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not a manifest that the book understands", path.display()))
}

impl Package {
    /// Every file of Rust in the package, sorted by path.
    pub(crate) fn sources(&self, workspace: &Path) -> Result<Vec<Source>> {
        let mut sources = Vec::new();
        for (folder, prefix) in [("src", None), ("tests", Some("tests")), ("examples", Some("examples"))] {
            let root = self.folder.join(folder);
            for path in rust_files(&workspace.join(&root))? {
                let inside = path.strip_prefix(workspace.join(&root)).expect("it was found in this folder");
                let module = prefix.into_iter().map(str::to_string).chain(module_path(inside)).collect();
                sources.push(Source { path: root.join(inside), module, is_library: prefix.is_none() });
            }
        }
        Ok(sources)
    }
}

/// `naive.rs` is the module `naive`; `lib.rs`, `main.rs` and `mod.rs` are the module of their folder.
fn module_path(file: &Path) -> Vec<String> {
    let without = file.with_extension("");
    let mut parts: Vec<String> = without.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(parts.last().map(String::as_str), Some("lib" | "main" | "mod")) {
        parts.pop();
    }
    parts
}

/// Every file of Rust in a folder, sorted by path.
pub(crate) fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_module_of_its_name_and_a_root_file_that_of_its_folder() {
        for (file, module) in [("lib.rs", ""), ("naive.rs", "naive"), ("index/mod.rs", "index"), ("a/b.rs", "a::b")] {
            assert_eq!(module_path(Path::new(file)).join("::"), module, "{file}");
        }
    }
}
