//! What is remembered of a learner's copy of a stage, in a file in its folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::spec::PartId;
use super::subtract::Fingerprints;

/// The file in the folder of the copy.
pub const FILE_NAME: &str = ".course.toml";

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The stage.
    pub stage: u32,
    /// What the copy is built over.
    pub over: Over,
    /// How many rungs of each part's hints have been shown, by the part's number.
    #[serde(default)]
    pub hints: BTreeMap<String, usize>,
    /// The parts that were done when they were last checked.
    #[serde(default)]
    pub done: Vec<String>,
    /// Whether everything else that the stage promises was kept when it was last checked.
    #[serde(default)]
    pub rest: bool,
    /// The fingerprint that each function had at the start.
    pub starter: Fingerprints,
}

/// What a learner's copy of a stage is built over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// The course's own earlier stages
    #[default]
    Reference,
    /// Your copies of the earlier stages
    Mine,
}

impl State {
    /// Reads what is remembered of the copy in `folder`.
    pub fn read(folder: &Path) -> Result<State> {
        let path = folder.join(FILE_NAME);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| {
            format!("{} is damaged; `cargo course start N --fresh` makes another and keeps your work", path.display())
        })
    }

    /// Remembers it. The file is replaced as a whole.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE_NAME);
        let head = "# What `cargo course` remembers of this exercise.\n";
        let text = format!("{head}{}", toml::to_string(self).context("cannot write the state as TOML")?);
        let new = path.with_extension("new");
        fs::write(&new, text).with_context(|| format!("cannot write {}", new.display()))?;
        fs::rename(&new, &path).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Goes one rung further in the hints of a part that has so many. Returns how many may be seen now.
    pub fn climb(&mut self, part: PartId, rungs: usize) -> usize {
        let seen = self.hints.entry(part.part.to_string()).or_default();
        *seen = (*seen + 1).min(rungs);
        *seen
    }

    /// Whether a part was done when it was last checked.
    pub fn is_done(&self, part: PartId) -> bool {
        self.done.contains(&part.part.to_string())
    }

    /// Notes whether a part is done.
    pub fn note(&mut self, part: PartId, is_done: bool) {
        let number = part.part.to_string();
        self.done.retain(|done| *done != number);
        if is_done {
            self.done.push(number);
            self.done.sort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_survives_and_a_ladder_ends() {
        let dir = tempfile::tempdir().unwrap();
        let part = PartId { stage: 2, part: 1 };
        let mut state = State { stage: 2, over: Over::Mine, ..State::default() };
        state.starter.insert("00c0ffee".into(), "12345678".into());
        assert_eq!((1..=4).map(|_| state.climb(part, 3)).collect::<Vec<_>>(), [1, 2, 3, 3]);
        state.note(part, true);
        state.write(dir.path()).unwrap();
        let mut read = State::read(dir.path()).unwrap();
        assert_eq!(read, state);
        assert!(read.is_done(part));
        read.note(part, false);
        assert!(!read.is_done(part));
    }

    #[test]
    fn a_damaged_file_is_named_with_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE_NAME), "stage = [").unwrap();
        let said = State::read(dir.path()).unwrap_err().to_string();
        assert!(said.contains(FILE_NAME) && said.contains("--fresh"), "{said}");
    }
}
