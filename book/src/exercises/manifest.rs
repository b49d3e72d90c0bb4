//! Manifests for copies of packages: the package's own, with what it inherits from the workspace put in.
//!
//! Each copy is a workspace of its own. So it can have the name of the package that it was made from, leaves the
//! course's own `Cargo.lock` alone, and an unfinished one is in nobody's way.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml::{Table, Value};

/// The lints that unwritten bodies would set off for nothing, and the one that asks a learner's own test for its docs.
const QUIET_LINTS: [&str; 6] =
    ["dead_code", "unused_imports", "unused_mut", "unused_variables", "unreachable_code", "missing_docs"];

/// What a package may inherit from its workspace.
const INHERITED: [&str; 4] = ["resolver", "package", "dependencies", "lints"];

/// The manifest of a workspace.
#[derive(Debug)]
pub struct Root {
    folder: PathBuf,
    table: Table,
}

impl Root {
    /// Reads the manifest of the workspace in `folder`.
    pub fn read(folder: &Path) -> Result<Root> {
        Ok(Root { folder: folder.to_owned(), table: read(&folder.join("Cargo.toml"))? })
    }

    /// The manifest of a copy, in `to`, of the package in `from`. Dependencies on packages of the workspace lead to
    /// `places`, or to where the workspace has them.
    pub fn copy_of(&self, from: &Path, to: &Path, places: &BTreeMap<String, PathBuf>) -> Result<String> {
        let path = from.join("Cargo.toml");
        let own = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut manifest = Table::new();
        manifest.insert("workspace".into(), Value::Table(self.workspace(to, places)));
        if let Some(profile) = self.table.get("profile") {
            manifest.insert("profile".into(), Value::Table(as_members(profile, places)?));
        }
        let inherited = toml::to_string(&manifest).context("cannot write a manifest")?;
        Ok(format!("{own}\n# What the course's workspace says, and this copy needs.\n{inherited}"))
    }

    /// What a package may inherit.
    fn workspace(&self, to: &Path, places: &BTreeMap<String, PathBuf>) -> Table {
        let mut workspace: Table = self.table.get("workspace").and_then(Value::as_table).cloned().unwrap_or_default();
        workspace.retain(|key, _| INHERITED.contains(&key));
        if let Some(Value::Table(dependencies)) = workspace.get_mut("dependencies") {
            for (name, dependency) in dependencies.iter_mut() {
                if let Some(Value::String(path)) = dependency.get_mut("path") {
                    let place = places.get(name).cloned().unwrap_or_else(|| self.folder.join(&*path));
                    *path = relative(to, &place).to_string_lossy().into_owned();
                }
            }
        }
        if let Some(Value::Table(rust)) = workspace.get_mut("lints").and_then(|lints| lints.get_mut("rust")) {
            rust.extend(QUIET_LINTS.map(|lint| (lint.to_string(), Value::from("allow"))));
        }
        workspace
    }
}

/// Reads a manifest.
pub fn read(path: &Path) -> Result<Table> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not TOML", path.display()))
}

/// The workspace's profiles, for a copy that takes from it the packages of these `places` and the laboratory. Outside of
/// the workspace they would pass for other people's packages, which are not optimised: the crash tests would take twice
/// as long.
fn as_members(profile: &Value, places: &BTreeMap<String, PathBuf>) -> Result<Table> {
    let mut profiles = profile.as_table().cloned().unwrap_or_default();
    let Some(Value::Table(dev)) = profiles.get_mut("dev") else { return Ok(profiles) };
    let Some(level) = dev.get("opt-level").cloned() else { return Ok(profiles) };
    let packages = dev.entry("package").or_insert_with(|| Value::Table(Table::new()));
    let packages = packages.as_table_mut().context("[profile.dev.package] is no table")?;
    for name in places.keys().map(String::as_str).chain(["lab"]) {
        packages.insert(name.into(), Value::Table(Table::from_iter([("opt-level".to_string(), level.clone())])));
    }
    Ok(profiles)
}

/// Makes the warnings of a package errors. Of the packages that it uses nothing changes, so they need not be built anew,
/// as they need with `RUSTFLAGS`.
pub fn deny_warnings(path: &Path) -> Result<()> {
    let mut manifest = read(path)?;
    let lints = manifest.get_mut("workspace").and_then(|workspace| workspace.get_mut("lints"));
    let rust = lints.and_then(|lints| lints.get_mut("rust")).and_then(Value::as_table_mut);
    let rust = rust.with_context(|| format!("{} has no lints", path.display()))?;
    rust.insert("warnings".into(), "deny".into());
    let text = toml::to_string(&manifest).context("cannot write a manifest")?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The way from one folder to another.
pub fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| "..");
    let way: PathBuf = up.map(PathBuf::from).chain([to.components().skip(shared).collect()]).collect();
    if way.as_os_str().is_empty() { PathBuf::from(".") } else { way }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_between_folders_goes_up_and_down() {
        for (from, to, way) in
            [("/a/b", "/a/c/d", "../c/d"), ("/a", "/a/b", "b"), ("/a/b", "/a", ".."), ("/a", "/a", ".")]
        {
            assert_eq!(relative(Path::new(from), Path::new(to)), Path::new(way), "{from} to {to}");
        }
    }

    #[test]
    fn a_copy_inherits_what_the_workspace_says_and_finds_its_neighbours() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let workspace = "[workspace]\nmembers = [\"a\"]\nresolver = \"3\"\n[workspace.package]\nedition = \"2024\"\n\
             [workspace.lints.rust]\nunsafe_code = \"deny\"\n\
             [workspace.dependencies]\nb = { path = \"b\" }\nc = { path = \"c\" }\nserde = \"1\"\n\
             [profile.dev]\nopt-level = 1\n";
        fs::write(root.join("Cargo.toml"), workspace).unwrap();
        fs::create_dir(root.join("a")).unwrap();
        fs::write(root.join("a/Cargo.toml"), "[package]\nname = \"a\"\nedition.workspace = true\n").unwrap();
        let places = BTreeMap::from([("b".to_string(), root.join("copies/b"))]);
        let copy = Root::read(root).unwrap().copy_of(&root.join("a"), &root.join("copies/a"), &places).unwrap();
        let copy: Table = toml::from_str(&copy).unwrap();
        let dependencies = &copy["workspace"]["dependencies"];
        assert_eq!(dependencies["b"]["path"].as_str(), Some("../b"));
        assert_eq!(dependencies["c"]["path"].as_str(), Some("../../c"));
        assert_eq!(copy["workspace"]["lints"]["rust"]["dead_code"].as_str(), Some("allow"));
        assert!(copy["workspace"].get("members").is_none());
        assert_eq!(copy["profile"]["dev"]["opt-level"].as_integer(), Some(1));
        // What it is built over is optimised as in the workspace.
        for package in ["b", "lab"] {
            assert_eq!(copy["profile"]["dev"]["package"][package]["opt-level"].as_integer(), Some(1), "{package}");
        }
    }
}
