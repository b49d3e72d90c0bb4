//! What a stage's `exercises.toml` says.

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Deserializer};

/// The file in a stage's folder.
pub const FILE_NAME: &str = "exercises.toml";

/// The test target that judges the parts. A test belongs to the part that its name begins with: `s02p1_…`.
pub const TEST_TARGET: &str = "exercises";

/// The exercises of one stage.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The number of the stage.
    pub stage: u32,
    /// Its parts, in the order in which they are done.
    pub parts: Vec<Part>,
    /// Something to predict, change, measure and explain.
    pub experiment: Experiment,
    /// Whether the parts need the default features of the stage's package. If they do not, what those need is not compiled
    /// for them.
    pub default_features: bool,
}

/// One part.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its name.
    #[serde(skip)]
    pub id: PartId,
    /// What it is about, in a few words.
    pub title: String,
    /// The headings of the chapter's sections to read first: one, or a list.
    #[serde(rename = "section", deserialize_with = "one_or_more")]
    pub sections: Vec<String>,
    /// How long it takes somebody who has read that.
    pub minutes: u32,
    /// What it is worth.
    #[serde(default = "ten")]
    pub points: u32,
    /// Whether it is for the experienced.
    #[serde(default)]
    pub boss: bool,
    /// From a nudge to the steps.
    pub hints: Vec<String>,
    /// Test targets, or single tests as `target::path`, that judge it beside its own.
    #[serde(default)]
    pub also: Vec<String>,
    /// What is to be written, or where the bug is.
    #[serde(rename = "function")]
    pub functions: Vec<Function>,
    /// The bug to be found, as a patch in the stage's folder, if this is a debugging exercise.
    pub patch: Option<String>,
    /// What the test says that finds it.
    pub reason: Option<String>,
}

/// A function of a part.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Its path in the crate.
    pub item: String,
    /// What it has to do, in one clause. A function with a bug in it says nothing.
    pub todo: Option<String>,
}

/// Something to predict, change, measure and explain; the chapter has the text.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The title, which is the chapter's heading behind `Experiment: `.
    pub title: String,
    /// How long it takes.
    pub minutes: u32,
}

fn ten() -> u32 {
    10
}

fn yes() -> bool {
    true
}

/// A text, or a list of texts.
fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    Ok(match OneOrMore::deserialize(from)? {
        OneOrMore::One(text) => vec![text],
        OneOrMore::More(texts) => texts,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "yes")]
    default_features: bool,
    #[serde(rename = "part")]
    parts: Vec<Part>,
    experiment: Experiment,
}

impl Spec {
    /// Reads the exercises of a stage from its folder.
    ///
    /// # Errors
    ///
    /// The file is not there, is not TOML, or lacks something that a good exercise has.
    pub fn read(folder: &Path, stage: u32) -> Result<Spec> {
        let path = folder.join(FILE_NAME);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Spec::parse(&text, stage).with_context(|| path.display().to_string())
    }

    /// Reads the exercises of a stage from the text of the file.
    pub fn parse(text: &str, stage: u32) -> Result<Spec> {
        let File { mut parts, experiment, default_features } = toml::from_str(text)?;
        for (part, number) in parts.iter_mut().zip(1..) {
            part.id = PartId { stage, part: number };
            part.check().with_context(|| format!("part {}", part.id))?;
        }
        ensure!(!parts.is_empty(), "a stage has at least one part");
        Ok(Spec { stage, parts, experiment, default_features })
    }

    /// The part with this number.
    pub fn part(&self, id: PartId) -> Result<&Part> {
        let found = self.parts.iter().find(|part| part.id == id);
        found.with_context(|| {
            let known: Vec<String> = self.parts.iter().map(|part| part.id.to_string()).collect();
            format!("there is no part {id}; the parts of this stage are {}", known.join(", "))
        })
    }
}

impl Part {
    /// Whether its learner looks for a bug instead of writing.
    pub fn is_debugging(&self) -> bool {
        self.patch.is_some()
    }

    /// How the names of its tests begin.
    pub fn test_prefix(&self) -> String {
        format!("s{:02}p{}_", self.id.stage, self.id.part)
    }

    /// How the message begins with which an unwritten body of this part panics.
    pub fn mark(&self) -> String {
        format!("s{:02}p{}: ", self.id.stage, self.id.part)
    }

    fn check(&self) -> Result<()> {
        ensure!(self.hints.len() >= 3, "it has {} hints; a ladder has at least three rungs", self.hints.len());
        ensure!(self.minutes > 0, "it takes no time");
        ensure!(!self.sections.is_empty(), "it names no section of the chapter");
        ensure!(!self.functions.is_empty(), "it names no function");
        ensure!(self.patch.is_some() == self.reason.is_some(), "a debugging exercise has a patch and a reason");
        for function in &self.functions {
            let has_todo = function.todo.as_ref().is_some_and(|todo| !todo.trim().is_empty());
            if has_todo == self.is_debugging() {
                bail!("`{}`: a body to write says what it has to do (todo), a bug to find does not", function.item);
            }
        }
        Ok(())
    }
}

/// The name of a part, such as 2.1: stage 2, part 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartId {
    /// The stage.
    pub stage: u32,
    /// The part, from 1.
    pub part: u32,
}

impl fmt::Display for PartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.stage, self.part)
    }
}

impl FromStr for PartId {
    type Err = String;

    fn from_str(text: &str) -> Result<PartId, String> {
        let numbers = text.split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        let (stage, part) =
            numbers.ok_or_else(|| format!("`{text}` names no part; write 2.1 for part 1 of stage 2"))?;
        Ok(PartId { stage, part })
    }
}

/// A stage, or one part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All parts of a stage.
    Stage(u32),
    /// One part.
    Part(PartId),
}

impl Selection {
    /// The stage.
    pub fn stage(self) -> u32 {
        match self {
            Selection::Stage(stage) | Selection::Part(PartId { stage, .. }) => stage,
        }
    }

    /// Whether it holds this part.
    pub fn holds(self, id: PartId) -> bool {
        match self {
            Selection::Stage(stage) => stage == id.stage,
            Selection::Part(part) => part == id,
        }
    }
}

impl FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Selection, String> {
        if let Ok(stage) = text.parse() {
            return Ok(Selection::Stage(stage));
        }
        let part =
            text.parse().map_err(|_| format!("`{text}` is neither a stage, such as 2, nor a part, such as 2.1"))?;
        Ok(Selection::Part(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[part]]
title = "A"
section = "B"
minutes = 10
hints = ["1", "2", "3"]
[[part.function]]
item = "a::b"
todo = "do it"

[experiment]
title = "E"
minutes = 5
"#;

    #[test]
    fn a_part_knows_its_name_and_what_it_is_worth() {
        let spec = Spec::parse(GOOD, 2).unwrap();
        let part = &spec.parts[0];
        assert_eq!((part.id.to_string().as_str(), part.points, part.boss), ("2.1", 10, false));
        assert_eq!((part.test_prefix().as_str(), part.mark().as_str()), ("s02p1_", "s02p1: "));
        assert_eq!(spec.part(part.id).unwrap().title, "A");
        let said = spec.part(PartId { stage: 2, part: 7 }).unwrap_err().to_string();
        assert_eq!(said, "there is no part 2.7; the parts of this stage are 2.1");
    }

    #[test]
    fn the_parts_need_the_default_features_unless_it_is_said() {
        assert!(Spec::parse(GOOD, 2).unwrap().default_features);
        assert!(!Spec::parse(&format!("default_features = false\n{GOOD}"), 2).unwrap().default_features);
    }

    #[test]
    fn a_part_may_have_several_sections_to_read() {
        let sections = |text: &str| Spec::parse(text, 2).unwrap().parts[0].sections.clone();
        assert_eq!(sections(GOOD), ["B"]);
        assert_eq!(sections(&GOOD.replace(r#"section = "B""#, r#"section = ["B", "C"]"#)), ["B", "C"]);
    }

    #[test]
    fn what_an_exercise_lacks_is_said() {
        for (from, to, complaint) in [
            (r#", "3""#, "", "at least three rungs"),
            ("todo = \"do it\"", "", "says what it has to do"),
            ("minutes = 10", "minutes = 0", "no time"),
            (r#"section = "B""#, "section = []", "names no section"),
            ("minutes = 10", "minutes = 10\npatch = \"zoo/x.patch\"", "a patch and a reason"),
            ("minutes = 10", "minuets = 10", "minuets"),
        ] {
            let said = format!("{:#}", Spec::parse(&GOOD.replacen(from, to, 1), 2).unwrap_err());
            assert!(said.contains(complaint), "{from} -> {to}: {said}");
        }
    }

    #[test]
    fn a_selection_is_a_stage_or_a_part() {
        assert_eq!("2".parse(), Ok(Selection::Stage(2)));
        assert_eq!("02".parse(), Ok(Selection::Stage(2)));
        assert_eq!("2.1".parse(), Ok(Selection::Part(PartId { stage: 2, part: 1 })));
        assert!("two".parse::<Selection>().unwrap_err().contains("neither"));
        assert!("2".parse::<PartId>().unwrap_err().contains("2.1"));
    }
}
