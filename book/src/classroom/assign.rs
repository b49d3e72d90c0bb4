//! Makes a class repository: one stage to be written, the stages below it, the laboratory, the tool and the chapters.
//!
//! What is not in it: the reference of the stage and of those above it, the zoo, the pages for teachers, and any history.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use toml::{Table, Value};

use super::chapters;
use crate::exercises::build::cargo;
use crate::exercises::course::{Course, package_name};
use crate::exercises::manifest;
use crate::exercises::spec;
use crate::exercises::starter::{self, Written, copy_tree};
use crate::exercises::state::Over;

/// Stands where a student would otherwise read what the bug is.
const WITHHELD: &str = "whoever set the exercise knows";

/// The files of the course's root that a class needs as they are.
const ROOT_FILES: [&str; 5] = ["Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT", "rustfmt.toml", ".gitignore"];

/// Makes the repository in `to`, which is empty or not there.
pub fn assign(course: &Course, stage: u32, to: &Path, vendor: bool) -> Result<()> {
    let spec = course.spec(stage)?;
    course.reference(stage)?;
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    let to = &fs::canonicalize(to).with_context(|| format!("cannot find {}", to.display()))?;
    ensure!(
        fs::read_dir(to)?.next().is_none(),
        "{} is not empty; a class repository needs a folder to itself",
        to.display()
    );

    for file in ROOT_FILES.into_iter().filter(|file| course.root.join(file).is_file()) {
        fs::copy(course.root.join(file), to.join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    let mut class = Course { root: to.clone(), exercises: to.join("exercises"), stages: BTreeMap::new() };
    let mut members = vec!["book".to_string()];
    for (number, folder) in course.stages.range(..stage) {
        let name = folder.file_name().context("a stage's folder has a name")?.to_string_lossy().into_owned();
        copy_package(folder, &to.join(&name))?;
        class.stages.insert(*number, to.join(&name));
        members.push(name);
    }
    copy_package(&course.root.join("lab"), &to.join("lab"))?;
    // Without a stage 1 of its own, the laboratory is built over the exercise's alone.
    members.extend((stage > 1).then(|| "lab".to_string()));
    copy_tool(course, to)?;
    write_manifest(course, to, stage, members)?;

    // The copy is made from the course's stage, and inherits from the class's workspace.
    class.stages.insert(stage, course.reference(stage)?.to_owned());
    let copy = starter::make(&class, &spec, Over::Reference, Written(0))?;
    write_spec(course, stage, &copy)?;
    write_pages(to, stage, &spec)?;
    chapters::build(course, stage, &to.join("chapters"))?;
    lock(to, &copy, vendor)
}

/// Copies what a package is built and tested from; not its zoo, and not its exercises.
fn copy_package(from: &Path, to: &Path) -> Result<()> {
    for folder in ["src", "tests", "benches", "examples"].into_iter().filter(|folder| from.join(folder).is_dir()) {
        copy_tree(&from.join(folder), &to.join(folder))?;
    }
    fs::copy(from.join("Cargo.toml"), to.join("Cargo.toml")).context("cannot copy Cargo.toml")?;
    Ok(())
}

/// Copies the tool, without what its feature `reference` adds: that needs the stages.
fn copy_tool(course: &Course, to: &Path) -> Result<()> {
    let (from, to) = (course.root.join("book"), to.join("book"));
    copy_tree(&from.join("src"), &to.join("src"))?;
    let mut table = manifest::read(&from.join("Cargo.toml"))?;
    if let Some(Value::Table(dependencies)) = table.get_mut("dependencies") {
        dependencies.retain(|_, dependency| dependency.get("optional").is_none());
    }
    table.insert("features".into(), Value::Table(Table::from_iter([("reference".into(), Value::Array(Vec::new()))])));
    remove_reference_modules(&to.join("src"))?;
    write(&to.join("Cargo.toml"), &toml::to_string(&table).context("cannot write a manifest")?)
}

/// Removes the files of modules that only exist with the feature `reference`.
fn remove_reference_modules(src: &Path) -> Result<()> {
    for (file, folder) in [("lib.rs", "."), ("exercises/mod.rs", "exercises")] {
        let text = fs::read_to_string(src.join(file)).with_context(|| format!("cannot read {file}"))?;
        for item in syn::parse_file(&text).context(file)?.items {
            let syn::Item::Mod(module) = item else { continue };
            let conditional = module.attrs.iter().any(|attribute| attribute.path().is_ident("cfg"));
            if conditional && module.content.is_none() {
                let path = src.join(folder).join(module.ident.to_string());
                // One of the two is there.
                let _ = fs::remove_file(path.with_extension("rs"));
                let _ = fs::remove_dir_all(&path);
            }
        }
    }
    Ok(())
}

/// The workspace's manifest, with the members that there are.
fn write_manifest(course: &Course, to: &Path, stage: u32, members: Vec<String>) -> Result<()> {
    let mut table = manifest::read(&course.root.join("Cargo.toml"))?;
    let workspace = table.get_mut("workspace").and_then(Value::as_table_mut).context("the course has no workspace")?;
    workspace.insert("members".into(), members.into_iter().map(Value::String).collect::<Vec<_>>().into());
    if let Some(Value::Table(dependencies)) = workspace.get_mut("dependencies") {
        for absent in course.stages.range(stage + 1..).map(|(number, _)| package_name(*number)) {
            dependencies.remove(&absent);
        }
    }
    write(&to.join("Cargo.toml"), &toml::to_string(&table).context("cannot write a manifest")?)
}

/// The exercises, without the name of the bug.
fn write_spec(course: &Course, stage: u32, copy: &Path) -> Result<()> {
    let mut table = manifest::read(&course.reference(stage)?.join(spec::FILE_NAME))?;
    for part in table.get_mut("part").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(part) = part.as_table_mut().filter(|part| part.contains_key("patch")) else { continue };
        part.insert("patch".into(), WITHHELD.into());
        part.insert("reason".into(), WITHHELD.into());
    }
    write(&copy.join(spec::FILE_NAME), &toml::to_string(&table).context("cannot write the exercises")?)
}

/// What a class reads first, and what its CI does.
fn write_pages(to: &Path, stage: u32, spec: &spec::Spec) -> Result<()> {
    let fill = |text: &str| {
        let minutes: u32 = spec.parts.iter().map(|part| part.minutes).sum();
        text.replace("STAGE", &stage.to_string())
            .replace("PACKAGE", &package_name(stage))
            .replace("MINUTES", &minutes.to_string())
    };
    write(&to.join("README.md"), &fill(include_str!("class-readme.md")))?;
    write(&to.join(".github/workflows/check.yml"), &fill(include_str!("class-workflow.yml")))?;
    let guide = starter::agents_of_a_class();
    for folder in [to.to_owned(), to.join("exercises").join(package_name(stage))] {
        write(&folder.join("AGENTS.md"), &guide)?;
    }
    write(&to.join(".gitignore"), "target/\n")?;
    write(&to.join(".cargo/config.toml"), include_str!("class-config.toml"))
}

/// Makes the lock files fit, and fetches what they name: all that a class builds is then here or in Cargo's cache.
fn lock(to: &Path, copy: &Path, vendor: bool) -> Result<()> {
    for folder in [to, copy] {
        run(cargo().args(["fetch", "--quiet", "--manifest-path"]).arg(folder.join("Cargo.toml")))?;
    }
    if vendor {
        let mut command = cargo();
        command.args(["vendor", "--quiet", "--locked", "--manifest-path"]).arg(to.join("Cargo.toml"));
        command.arg("--sync").arg(copy.join("Cargo.toml")).arg(to.join("vendor"));
        run(&mut command)?;
        let config = to.join(".cargo/config.toml");
        let text = fs::read_to_string(&config).context("cannot read the class's Cargo configuration")?;
        write(&config, &format!("{text}\n{}", include_str!("class-vendor.toml")))?;
    }
    Ok(())
}

fn run(command: &mut std::process::Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().context("cannot run cargo; is it on the PATH?")?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo fails:\n{words}");
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
