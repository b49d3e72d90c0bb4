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
use crate::exercises::course::{Course, Over};
use crate::exercises::starter::{self, Written};

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
        let course = Course::open(&paths::workspace())?;
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
        starter::make(&course, &spec, self.over, Written(0))
            .inspect_err(|_| {
                // A half of a copy would look like somebody's work.
                let _ = fs::remove_dir_all(&copy);
            })
            .with_context(|| format!("cannot make {}", paths::short(&copy)))?;
        configure(&course)?;
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
    let run = ["run", "--quiet", "--release", "--manifest-path", &tool.to_string_lossy(), "--package", "book"];
    let alias: Vec<String> = run.into_iter().chain(["--bin", "course", "--"]).map(str::to_string).collect();
    let config = BTreeMap::from([
        ("alias", BTreeMap::from([("course", Value::from(alias))])),
        ("build", BTreeMap::from([("target-dir", Value::from(&*target.to_string_lossy()))])),
    ]);
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
