//! `cargo course start`: the learner's copy of a stage.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use toml::Value;

use super::paths;
use crate::date;
use crate::exercises::course::Course;
use crate::exercises::starter::{self, Written};
use crate::exercises::state::Over;

/// Start the exercises of a stage, in a folder of your own
///
/// It makes exercises/stageNN: the stage's package with some bodies taken out, and its tests, benchmarks and examples
/// as they are. What you have written there is never written over.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course start 2\n  cargo course start 3 --over mine")]
pub struct Start {
    /// The stage
    #[arg(value_name = "STAGE")]
    stage: u32,

    /// What it is built over
    #[arg(long, value_enum, default_value_t = Over::Reference)]
    over: Over,

    /// Begin again. What is there is kept, in a folder with today's date
    #[arg(long)]
    fresh: bool,
}

impl Start {
    /// Makes the copy, unless there is one.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        self.start(&Course::open(&paths::workspace())?, out)
    }

    /// The same in any course.
    fn start(&self, course: &Course, out: &mut dyn Write) -> Result<()> {
        let copy = course.copy(self.stage);
        if copy.exists() {
            if !self.fresh {
                writeln!(
                    out,
                    "{} is there already, and stays as it is. `--fresh` begins again and keeps it.",
                    paths::short(&copy)
                )?;
                writeln!(out, "`cargo course next` says what to do now.")?;
                return Ok(());
            }
            let kept = set_aside(&copy)?;
            writeln!(out, "What was there is kept in {}.", paths::short(&kept))?;
        }
        let spec = course.spec(self.stage)?;
        course.reference(self.stage)?;
        starter::make(course, &spec, self.over, Written(0))
            .inspect_err(|_| {
                // A half of a copy would look like somebody's work.
                let _ = fs::remove_dir_all(&copy);
            })
            .with_context(|| format!("cannot make {}", paths::short(&copy)))?;
        configure(course)?;
        let minutes: u32 = spec.parts.iter().map(|part| part.minutes).sum();
        writeln!(out, "{} is yours: {} parts, about {minutes} minutes.", paths::short(&copy), spec.parts.len())?;
        for part in &spec.parts {
            let boss = if part.boss { " (boss)" } else { "" };
            writeln!(out, "  {}  {}{boss}, {} minutes", part.id, part.title, part.minutes)?;
        }
        writeln!(out, "`cargo course next` says where to begin, `cargo course check {}` how far you are.", self.stage)?;
        Ok(())
    }
}

/// Lets Cargo's commands, typed in a copy, find the tool and what is compiled already.
fn configure(course: &Course) -> Result<()> {
    let target = std::path::absolute(paths::target()).context("cannot find the target directory")?;
    let tool = course.root.join("Cargo.toml");
    let tool = tool.to_string_lossy();
    let mut config =
        BTreeMap::from([("build", BTreeMap::from([("target-dir", Value::from(&*target.to_string_lossy()))]))]);
    // The workspace's own alias is one text, and Cargo does not merge a list with it; nor can a text hold a path with a space.
    if !tool.contains(char::is_whitespace) {
        let alias = format!("run --quiet --release --manifest-path {tool} --package book --bin course --");
        config.insert("alias", BTreeMap::from([("course", Value::from(alias))]));
    }
    let path = course.exercises.join(".cargo").join("config.toml");
    fs::create_dir_all(path.with_file_name("")).with_context(|| format!("cannot make {}", path.display()))?;
    let text = toml::to_string(&config).context("cannot write a Cargo configuration")?;
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Moves a folder to a name with today's date in it.
fn set_aside(copy: &Path) -> Result<PathBuf> {
    let names = (1..).map(|number| {
        let number = if number == 1 { String::new() } else { format!("-{number}") };
        PathBuf::from(format!("{}.{}{number}", copy.display(), date::today()))
    });
    let kept = names.into_iter().find(|name| !name.exists()).expect("some number is free");
    fs::rename(copy, &kept).with_context(|| format!("cannot move {} to {}", copy.display(), kept.display()))?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercises::state::State;

    fn course(folder: &Path) -> Course {
        Course::open(&paths::workspace()).unwrap().with_exercises(folder)
    }

    fn start(course: &Course, stage: u32, over: Over, fresh: bool) -> Result<String> {
        let mut out = Vec::new();
        Start { stage, over, fresh }.start(course, &mut out)?;
        Ok(String::from_utf8(out)?)
    }

    #[test]
    fn work_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let course = course(dir.path());
        start(&course, 1, Over::Reference, false).unwrap();
        let mine = course.copy(1).join("src/scan.rs");
        assert!(fs::read_to_string(&mine).unwrap().contains("todo!(\"s01p"), "some body is taken out");
        fs::write(&mine, "// mine\n").unwrap();
        assert!(start(&course, 1, Over::Reference, false).unwrap().contains("stays as it is"));
        assert_eq!(fs::read_to_string(&mine).unwrap(), "// mine\n");

        let said = start(&course, 1, Over::Reference, true).unwrap();
        assert!(said.contains("is kept in"), "{said}");
        start(&course, 1, Over::Reference, true).unwrap();
        let kept = fs::read_dir(dir.path()).unwrap().filter(|entry| {
            let path = entry.as_ref().unwrap().path();
            fs::read_to_string(path.join("src/scan.rs")).is_ok_and(|text| text == "// mine\n")
        });
        assert_eq!(kept.count(), 1, "the work is still there after two fresh starts");
        assert_ne!(fs::read_to_string(&mine).unwrap(), "// mine\n");
    }

    #[test]
    fn cargo_can_be_typed_in_a_copy() {
        let dir = tempfile::tempdir().unwrap();
        let (root, exercises) = (dir.path(), dir.path().join("exercises"));
        fs::create_dir_all(root.join(".cargo")).unwrap();
        fs::copy(paths::workspace().join(".cargo/config.toml"), root.join(".cargo/config.toml")).unwrap();
        let course = Course { root: root.to_owned(), ..course(&exercises) };
        configure(&course).unwrap();
        let said = crate::exercises::build::cargo().arg("--list").current_dir(&exercises).output().unwrap();
        let (list, words) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        let tool = format!("--manifest-path {}", root.join("Cargo.toml").display());
        assert!(said.status.success() && list.contains(&tool), "{words}{list}");
    }

    #[test]
    fn a_stage_stands_on_the_reference_or_on_the_learners_own() {
        let dir = tempfile::tempdir().unwrap();
        let course = course(dir.path());
        let said = format!("{:#}", start(&course, 2, Over::Mine, false).unwrap_err());
        assert!(said.contains("stage 1 has not been started; `cargo course start 1`"), "{said}");
        assert!(!course.copy(2).exists(), "half a copy is no copy");
        start(&course, 1, Over::Reference, false).unwrap();
        start(&course, 2, Over::Mine, false).unwrap();
        assert_eq!(State::read(&course.copy(2)).unwrap().over, Over::Mine);
        let path = |stage: u32, name: &str| {
            let manifest = crate::exercises::manifest::read(&course.copy(stage).join("Cargo.toml")).unwrap();
            manifest["workspace"]["dependencies"][name]["path"].as_str().unwrap().to_string()
        };
        assert_eq!((path(2, "stage01").as_str(), path(2, "lab").as_str()), ("../stage01", "../lab"));
        start(&course, 3, Over::Reference, false).unwrap();
        assert!(path(3, "stage02").ends_with("stage02-fsync-batching"), "{}", path(3, "stage02"));
    }

    #[test]
    fn a_stage_that_is_not_there_is_named_with_those_that_are() {
        let dir = tempfile::tempdir().unwrap();
        let said = format!("{:#}", start(&course(dir.path()), 9, Over::Reference, false).unwrap_err());
        assert!(said.starts_with("there is no stage 9 here; the stages are 1, 2, 3"), "{said}");
    }
}
