//! Replaces the directives of the chapters by what they ask for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Result;
use mdbook_driver::book::{Book, BookItem, Chapter};

use crate::html::escape;
use crate::press::coverage::{self, Coverage};
use crate::press::directive::{self, Directive};
use crate::press::exercises::{self, Exercises};
use crate::press::exhibits::{self, Exhibits};
use crate::press::problem::Problem;
use crate::press::{bugs, drawing, figure, fold, markdown, parts_table};
use crate::source::library::Library;
use crate::zoo::Exhibit;

/// Stands for the coverage until all chapters have been read.
const COVERAGE_MARK: &str = "<!-- coverage -->";

/// How the line begins that stands for a list of exercises until all chapters have been read.
const EXERCISES_MARK: &str = "<!-- exercises ";

/// What the press knows while it reads the chapters, and what it finds in them.
pub(crate) struct Press {
    /// The folder of the chapters.
    pub(crate) chapters: PathBuf,
    /// The same folder relative to the book, for messages.
    pub(crate) chapters_name: PathBuf,
    /// The address of the repository's web page, if there is one.
    pub(crate) repository: Option<String>,
    pub(crate) library: Library,
    pub(crate) exhibits: Exhibits,
    pub(crate) exercises: Exercises,
    /// The bugs of the zoo.
    pub(crate) bugs: Vec<Exhibit>,
    /// Whether a page shows all of them.
    pub(crate) shows_bugs: bool,
    pub(crate) problems: Vec<Problem>,
    /// The text of each chapter as its author wrote it, by its path in the folder of the chapters.
    pub(crate) written: BTreeMap<PathBuf, String>,
    /// The drawings that were inlined, by their path in the folder of the chapters.
    pub(crate) drawn: BTreeSet<PathBuf>,
}

impl Press {
    /// Expands every chapter of the book, and says how much of the stages it quotes.
    pub(crate) fn run(&mut self, book: &mut Book) -> Result<Vec<Coverage>> {
        book.for_each_chapter_mut(|chapter| self.chapter(chapter));
        let chapters: BTreeSet<&str> = self.written.keys().filter_map(|path| path.file_stem()?.to_str()).collect();
        let coverage = coverage::of_stages(&mut self.library, |stage| chapters.contains(stage))?;
        let table = exhibits::coverage_table(&coverage);
        book.for_each_mut(|item| {
            if let BookItem::Chapter(chapter) = item {
                chapter.content = chapter.content.replace(COVERAGE_MARK, &table);
                self.list_exercises(chapter);
            }
        });
        Ok(coverage)
    }

    /// Puts the lists of exercises into their places.
    fn list_exercises(&self, chapter: &mut Chapter) {
        let Some(page) = chapter.source_path.clone().filter(|_| chapter.content.contains(EXERCISES_MARK)) else {
            return;
        };
        let text = chapter.content.lines().map(|line| {
            let mark = line.trim().strip_prefix(EXERCISES_MARK).and_then(|mark| mark.strip_suffix(" -->"));
            let words = mark.and_then(|mark| mark.split_once(' '));
            let list = words.and_then(|(stage, id)| Some(parts_table::table(self.exercises.stage(stage)?, &page, id)));
            indented(list.as_deref().unwrap_or(line), if list.is_some() { indent_of(line) } else { "" })
        });
        chapter.content = text.collect();
    }

    fn chapter(&mut self, chapter: &mut Chapter) {
        let Some(path) = chapter.source_path.clone() else { return };
        let file = self.chapters_name.join(&path).display().to_string();
        let read = markdown::read(&file, &chapter.content);
        self.problems.extend(read.problems);
        self.exercises.note_chapter(&path, read.headings);
        let mut anchors = HashMap::new();
        let mut expanded = String::with_capacity(chapter.content.len() * 2);
        let mut start = 0;
        for (number, line) in chapter.content.split_inclusive('\n').enumerate() {
            let found = line.find("{{#").filter(|at| !read.code.iter().any(|code| code.contains(&(start + at))));
            start += line.len();
            match found {
                None => expanded.push_str(line),
                Some(at) => {
                    let indent = indent_of(line);
                    let html = match self.directive(&path, line.trim(), at == indent.len(), &mut anchors) {
                        Ok(html) => html,
                        Err(what) => {
                            self.problems.push(Problem::at(&*file, number + 1, format!("{}: {what}", line.trim())));
                            missing(line.trim(), &what)
                        }
                    };
                    // Inside a list, what takes the directive's place belongs to the list as well.
                    expanded.push_str(&indented(&html, indent));
                }
            }
        }
        self.written.insert(path, std::mem::replace(&mut chapter.content, expanded));
    }

    fn directive(
        &mut self,
        chapter: &Path,
        text: &str,
        alone: bool,
        anchors: &mut HashMap<String, usize>,
    ) -> Result<String, String> {
        if !alone {
            return Err("a directive stands on a line of its own".to_string());
        }
        let mut id = |name: String| {
            let count = anchors.entry(name.clone()).or_insert(0);
            *count += 1;
            if *count == 1 { name } else { format!("{name}-{count}") }
        };
        let stem = chapter.file_stem().and_then(|stem| stem.to_str());
        let own_stage = stem.filter(|stem| directive::is_stage(stem));
        match Directive::parse(text)? {
            Directive::Item { path, docs, signature } => {
                let quote = self.library.quote(&path, docs, signature)?;
                let id = id(format!("item-{}", figure::anchor(&quote.path)));
                let bodies = if signature { Vec::new() } else { self.exercises.bodies(&quote) };
                let folded = fold::fold(&quote, &bodies);
                let items = bodies.iter().map(|body| body.item.clone()).collect();
                self.exercises.note_quoted(chapter, items, &id);
                Ok(figure::code_figure(&quote, folded.as_ref(), &id, self.repository.as_deref()))
            }
            Directive::Drawing { file, alt } => {
                let path = chapter.parent().unwrap_or(Path::new("")).join(&file);
                let svg = drawing::inline(&self.chapters.join(&path), &alt)?;
                self.drawn.insert(path);
                let name = Path::new(&file).file_stem().unwrap_or_default().to_string_lossy();
                Ok(figure::html_figure("drawing", &id(format!("drawing-{}", figure::anchor(&name))), &svg, ""))
            }
            Directive::Coverage => Ok(COVERAGE_MARK.to_string()),
            Directive::Exercises { stage } => {
                let own_stage = exercises::stage_of(chapter);
                let stage = stage.as_deref().or(own_stage).ok_or("this chapter is not a stage's: name the stage")?;
                if self.exercises.stage(stage).is_none() {
                    return Err(format!("{stage} has no exercises: its folder has no good `exercises.toml`"));
                }
                if Some(stage) == own_stage {
                    self.exercises.note_list(chapter);
                }
                Ok(format!("{EXERCISES_MARK}{stage} {} -->", id(format!("exercises-{stage}"))))
            }
            Directive::Zoo { stage: Some(stage) } => {
                bugs::of_stage(&self.bugs, &self.exercises, &stage, &id(format!("zoo-{stage}")))
            }
            Directive::Zoo { stage: None } => {
                self.shows_bugs = true;
                Ok(bugs::all(&self.bugs, &self.exercises, &id("zoo".to_string())))
            }
            Directive::Exhibit(exhibit) => {
                let body = self.exhibits.html(&exhibit, own_stage)?;
                let id = id(figure::anchor(text.trim_start_matches("{{#").trim_end_matches("}}")));
                Ok(figure::html_figure("exhibit", &id, &body, ""))
            }
        }
    }
}

/// The white space that a line begins with.
fn indent_of(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

/// The lines of a text, all moved to the right but the empty ones.
fn indented(text: &str, indent: &str) -> String {
    let lines = text.lines().map(|line| if line.is_empty() { "\n".to_string() } else { format!("{indent}{line}\n") });
    if text.is_empty() { "\n".to_string() } else { lines.collect() }
}

/// What a reader sees in place of something that could not be made.
fn missing(directive: &str, what: &str) -> String {
    let (directive, what) = (escape(directive), escape(what));
    format!("<p class=\"missing\"><code>{directive}</code> {what}</p>\n")
}
