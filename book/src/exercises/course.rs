//! Where things are: the stages, the learner's copies of them, and which of either a workspace is made of.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::spec::{self, Spec};
use super::state::{Over, State};

/// A checkout of the course, or a class repository made from one.
#[derive(Clone, Debug)]
pub struct Course {
    /// Its root.
    pub root: PathBuf,
    /// Where the learner's copies are.
    pub exercises: PathBuf,
    /// The folders of the stages, by number. A class repository has no folder for the stage that it assigns.
    pub stages: BTreeMap<u32, PathBuf>,
}

impl Course {
    /// The course in this folder.
    pub fn open(root: &Path) -> Result<Course> {
        let mut stages = BTreeMap::new();
        for entry in fs::read_dir(root).with_context(|| format!("cannot list {}", root.display()))? {
            let path = entry?.path();
            if let Some(number) = path.file_name().and_then(|name| stage_number(&name.to_string_lossy()))
                && path.join("Cargo.toml").is_file()
            {
                stages.insert(number, path);
            }
        }
        Ok(Course { root: root.to_owned(), exercises: root.join("exercises"), stages })
    }

    /// The same course with the learner's copies in another folder.
    pub fn with_exercises(&self, exercises: &Path) -> Course {
        Course { exercises: exercises.to_owned(), ..self.clone() }
    }

    /// Whether this is the whole course, and no class repository: there the reference of what was started is missing.
    pub fn is_whole(&self) -> bool {
        self.all_started().iter().all(|stage| self.stages.contains_key(stage))
    }

    /// The folder of a stage's reference.
    pub fn reference(&self, stage: u32) -> Result<&Path> {
        let mut known: Vec<u32> = self.stages.keys().copied().chain(self.all_started()).collect();
        known.sort();
        known.dedup();
        let known: Vec<String> = known.iter().map(ToString::to_string).collect();
        let found = self.stages.get(&stage);
        Ok(found.with_context(|| format!("there is no stage {stage} here; the stages are {}", known.join(", ")))?)
    }

    /// The learner's copy of a stage, whether it is there or not.
    pub fn copy(&self, stage: u32) -> PathBuf {
        self.exercises.join(package_name(stage))
    }

    /// The learner's copy of a stage.
    pub fn started(&self, stage: u32) -> Result<PathBuf> {
        let copy = self.copy(stage);
        if !copy.join("Cargo.toml").is_file() {
            // Whoever asks for a stage that there is not hears that first.
            self.reference(stage)?;
        }
        ensure!(
            copy.join("Cargo.toml").is_file(),
            "stage {stage} has not been started; `cargo course start {stage}` does that"
        );
        Ok(copy)
    }

    /// The stages that the learner has started.
    pub fn all_started(&self) -> Vec<u32> {
        (1..100).filter(|stage| self.copy(*stage).join("Cargo.toml").is_file()).collect()
    }

    /// The exercises of a stage: the course's, or where a class repository has none, the copy's.
    pub fn spec(&self, stage: u32) -> Result<Spec> {
        let reference = self.stages.get(&stage).filter(|folder| folder.join(spec::FILE_NAME).is_file());
        match reference {
            Some(folder) => Spec::read(folder, stage),
            None if self.copy(stage).join(spec::FILE_NAME).is_file() => Spec::read(&self.copy(stage), stage),
            None => {
                self.reference(stage)?;
                anyhow::bail!("stage {stage} has no exercises yet")
            }
        }
    }

    /// What a stage is built over: the folders of the stages before it. Over the learner's own, these are what the
    /// copy of the stage before is built over, and that copy.
    pub fn below(&self, stage: u32, over: Over) -> Result<BTreeMap<u32, PathBuf>> {
        match over {
            _ if stage <= 1 => Ok(BTreeMap::new()),
            Over::Reference => (1..stage).map(|below| Ok((below, self.reference(below)?.to_owned()))).collect(),
            Over::Mine => {
                let copy = self.started(stage - 1)?;
                let mut below = self.below(stage - 1, State::read(&copy)?.over)?;
                below.insert(stage - 1, copy);
                Ok(below)
            }
        }
    }
}

/// `stage02`, the package of stage 2.
pub fn package_name(stage: u32) -> String {
    format!("stage{stage:02}")
}

/// The number in `stage02-fsync-batching`.
fn stage_number(folder: &str) -> Option<u32> {
    let (number, _) = folder.strip_prefix("stage")?.split_once('-')?;
    number.parse().ok().filter(|_| number.len() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_a_folder_with_its_number() {
        assert_eq!(stage_number("stage02-fsync-batching"), Some(2));
        for other in ["stage02", "stage2-x", "stagexx-y", "lab", "stage-02"] {
            assert_eq!(stage_number(other), None, "{other}");
        }
    }
}
