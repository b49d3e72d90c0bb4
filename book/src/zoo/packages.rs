//! What Cargo knows of a copy of the workspace: its packages and their test targets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::exercises::build::cargo;

/// A package.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its folder, relative to the workspace.
    pub folder: PathBuf,
    /// Its test targets, with `lib` for the tests inside the library.
    pub targets: BTreeSet<String>,
    /// Those of them that can do without the package's default features: all that ask for none, but for the library.
    pub lean: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<PackageData>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct PackageData {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<TargetData>,
}

#[derive(Deserialize)]
struct TargetData {
    name: String,
    kind: Vec<String>,
    test: bool,
    #[serde(default, rename = "required-features")]
    required_features: Vec<String>,
}

/// The packages of the workspace in a folder, by name.
pub fn packages(workspace: &Path) -> Result<BTreeMap<String, Package>> {
    let mut command = cargo();
    command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]);
    let output = command.arg(workspace.join("Cargo.toml")).stdin(Stdio::null()).output().context("cannot run cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo does not understand {}:\n{said}", workspace.display());
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cannot read what cargo says")?;
    let root = metadata.workspace_root;
    metadata.packages.into_iter().map(|package| Ok((package.name.clone(), package.told(&root)?))).collect()
}

impl PackageData {
    fn told(self, root: &Path) -> Result<Package> {
        let folder = self.manifest_path.parent().and_then(|folder| folder.strip_prefix(root).ok());
        let folder = folder.with_context(|| format!("{} is not in the workspace", self.manifest_path.display()))?;
        let tests = self.targets.iter().filter(|target| target.test).filter_map(TargetData::test_target);
        let is_lean = |target: &&TargetData| target.test && target.required_features.is_empty();
        let lean = self.targets.iter().filter(is_lean).filter_map(TargetData::test_target);
        let lean = lean.filter(|&target| target != "lib").map(str::to_string).collect();
        Ok(Package { folder: folder.to_owned(), targets: tests.map(str::to_string).collect(), lean })
    }
}

impl TargetData {
    /// What the target is called among the tests, if it is one of them.
    fn test_target(&self) -> Option<&str> {
        let is = |kind: &str| self.kind.iter().any(|one| one == kind);
        match (is("lib"), is("test")) {
            (true, _) => Some("lib"),
            (_, true) => Some(&self.name),
            _ => None,
        }
    }
}
