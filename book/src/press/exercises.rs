//! The exercises of the stages, as far as the book has to do with them: which bodies are folded, where, and what a
//! chapter owes its exercises.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::exercises::spec::{self, Function, Part, Spec};
use crate::press::directive::is_stage;
use crate::press::fold::Body;
use crate::press::markdown::Heading;
use crate::press::problem::Problem;
use crate::source::library::{self, Library, Quote};
use crate::source::nearest::nearest;

/// The stages that have exercises.
#[derive(Debug, Default)]
pub(crate) struct Exercises {
    stages: BTreeMap<String, Stage>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Stage {
    /// What its `exercises.toml` says.
    pub(crate) spec: Spec,
    /// That file, relative to the workspace.
    file: String,
    bodies: Vec<Body>,
    /// The stage's chapters, as far as they have been read: most stages have one, and some go on in `stageNN-….md`.
    chapters: Vec<Chapter>,
}

/// What a chapter of a stage has for its exercises.
#[derive(Debug)]
struct Chapter {
    path: PathBuf,
    headings: Vec<Heading>,
    /// Whether it lists the parts.
    lists: bool,
    /// The anchors of the figures that quote the functions, by the names that the exercises have for them.
    quoted: BTreeMap<String, String>,
}

impl Exercises {
    /// Reads the exercises of all stages, and says what is wrong with them.
    pub(crate) fn read(workspace: &Path, library: &mut Library) -> Result<(Exercises, Vec<Problem>)> {
        let (mut exercises, mut problems) = (Exercises::default(), Vec::new());
        for name in library.stages().into_iter().filter(|name| is_stage(name)) {
            let folder = library.folder(&name).unwrap_or(Path::new("")).to_owned();
            let file = folder.join(spec::FILE_NAME).display().to_string();
            if !workspace.join(&file).is_file() {
                continue;
            }
            let number = name.trim_start_matches("stage").parse().expect("a stage's name ends in its number");
            match Spec::read(&workspace.join(&folder), number) {
                Err(error) => problems.push(Problem::in_file(file, format!("{:#}", error.root_cause()))),
                Ok(spec) => {
                    let mut stage = Stage { spec, file, bodies: Vec::new(), chapters: Vec::new() };
                    problems.extend(stage.find_bodies(library.files(&name)?));
                    exercises.stages.insert(name, stage);
                }
            }
        }
        Ok((exercises, problems))
    }

    /// A stage by its name.
    pub(crate) fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.get(name)
    }

    /// The exercise whose bug is in this patch, relative to the stage's folder.
    pub(crate) fn hunt(&self, stage: &str, patch: &str) -> Option<&Part> {
        self.stage(stage)?.spec.parts.iter().find(|part| part.patch.as_deref() == Some(patch))
    }

    /// The bodies in a quote that are to be folded.
    pub(crate) fn bodies(&self, quote: &Quote) -> Vec<&Body> {
        self.stages.values().flat_map(|stage| &stage.bodies).filter(|body| body.is_in(quote)).collect()
    }

    /// Notes a chapter of a stage, before its directives are followed.
    pub(crate) fn note_chapter(&mut self, path: &Path, headings: Vec<Heading>) {
        if let Some(stage) = stage_of(path).and_then(|stage| self.stages.get_mut(stage)) {
            let chapter = Chapter { path: path.to_owned(), headings, lists: false, quoted: BTreeMap::new() };
            stage.chapters.push(chapter);
        }
    }

    /// Notes a figure of a chapter, and the functions in it that are exercises.
    pub(crate) fn note_quoted(&mut self, path: &Path, items: Vec<String>, anchor: &str) {
        if let Some(chapter) = self.chapter_mut(path) {
            for item in items {
                chapter.quoted.entry(item).or_insert_with(|| anchor.to_string());
            }
        }
    }

    /// Notes that a chapter lists the parts of its stage.
    pub(crate) fn note_list(&mut self, path: &Path) {
        self.chapter_mut(path).into_iter().for_each(|chapter| chapter.lists = true);
    }

    fn chapter_mut(&mut self, path: &Path) -> Option<&mut Chapter> {
        self.stages.get_mut(stage_of(path)?)?.chapters.iter_mut().find(|chapter| chapter.path == path)
    }

    /// What the chapters owe the exercises.
    pub(crate) fn owed(&self, chapters: &Path) -> Vec<Problem> {
        self.stages.iter().flat_map(|(name, stage)| stage.owed(name, chapters)).collect()
    }
}

impl Stage {
    /// The file and the anchor on the page of a section that a part names.
    pub(crate) fn section(&self, section: &str) -> Option<(&Path, &str)> {
        self.place(&plain(section))
    }

    /// The same for the experiment.
    pub(crate) fn experiment(&self) -> Option<(&Path, &str)> {
        self.place(&self.experiment_heading())
    }

    /// The same for the figure that shows a function.
    pub(crate) fn figure(&self, function: &Function) -> Option<(&Path, &str)> {
        self.chapters.iter().find_map(|chapter| Some((&*chapter.path, &**chapter.quoted.get(&function.item)?)))
    }

    fn place(&self, heading: &str) -> Option<(&Path, &str)> {
        self.chapters.iter().find_map(|chapter| {
            let found = chapter.headings.iter().find(|known| known.text.trim() == heading)?;
            Some((&*chapter.path, &*found.id))
        })
    }

    fn experiment_heading(&self) -> String {
        format!("Experiment: {}", plain(&self.spec.experiment.title))
    }

    fn find_bodies(&mut self, files: &[library::File]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for part in self.spec.parts.iter().filter(|part| !part.is_debugging()) {
            for function in &part.functions {
                let mut complain =
                    |what: String| problems.push(Problem::in_file(&*self.file, format!("part {}: {what}", part.id)));
                match library::find(files, &function.item) {
                    Err(what) => complain(what),
                    Ok((file, at)) => match Body::of(&files[file], at[0], part.id, &function.item) {
                        Some(body) => self.bodies.push(body),
                        None => complain(format!("`{}` has no body to write", function.item)),
                    },
                }
            }
        }
        problems
    }

    fn owed(&self, name: &str, chapters: &Path) -> Vec<Problem> {
        let Some(chapter) = self.chapters.iter().find(|chapter| stem(&chapter.path) == Some(name)) else {
            return vec![Problem::in_file(&*self.file, format!("the stage has no chapter `{name}.md`"))];
        };
        let file = chapters.join(&chapter.path).display().to_string();
        let mut owed = Vec::new();
        if !self.chapters.iter().any(|chapter| chapter.lists) {
            owed.push("the stage has exercises: list them with {{#exercises}}".to_string());
        }
        let headings = || self.chapters.iter().flat_map(|chapter| &chapter.headings).map(|heading| heading.text.trim());
        let near = |wanted: &str| nearest(wanted, headings()).map(|near| format!("; the nearest is `{near}`"));
        for part in &self.spec.parts {
            for section in part.sections.iter().filter(|section| self.section(section).is_none()) {
                let near = near(section).unwrap_or_default();
                owed.push(format!("exercise {} names the section `{section}`, and there is none{near}", part.id));
            }
        }
        if self.experiment().is_none() {
            let wanted = self.experiment_heading();
            let near = near(&wanted).unwrap_or_default();
            owed.push(format!("the experiment has no heading: write `### {wanted}`{near}"));
        }
        for part in self.spec.parts.iter().filter(|part| !part.is_debugging()) {
            let loose = part.functions.iter().filter(|function| self.figure(function).is_none());
            owed.extend(loose.map(|function| {
                let (id, item) = (part.id, &function.item);
                format!("exercise {id} asks for `{item}`: quote it with {{{{#item {name}::{item}}}}}")
            }));
        }
        owed.into_iter().map(|what| Problem::in_file(&*file, what)).collect()
    }
}

/// A text without the marks of code and emphasis.
fn plain(text: &str) -> String {
    text.trim().replace(['`', '*'], "")
}

/// The stage that a chapter is about: `stage06` for `stage06.md`, and for `stage06-failover.md`, where it goes on.
pub(crate) fn stage_of(path: &Path) -> Option<&str> {
    let stem = stem(path)?;
    let name = stem.split_once('-').map_or(stem, |(name, _)| name);
    is_stage(name).then_some(name)
}

/// A chapter's name without its folder and `.md`.
fn stem(path: &Path) -> Option<&str> {
    path.file_stem().and_then(|stem| stem.to_str())
}
