//! Replaces the directives of the chapters by what they ask for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Result;
use mdbook_driver::book::{Book, BookItem, Chapter};

use crate::html::escape;
use crate::press::coverage::{self, Coverage};
use crate::press::directive::{self, Directive};
use crate::press::exhibits::{self, Exhibits};
use crate::press::problem::Problem;
use crate::press::{drawing, figure, markdown};
use crate::source::library::Library;

/// Stands for the coverage until all chapters have been read.
const COVERAGE_MARK: &str = "<!-- coverage -->";

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
        let coverage = coverage::of_stages(&mut self.library)?;
        let table = exhibits::coverage_table(&coverage);
        book.for_each_mut(|item| {
            if let BookItem::Chapter(chapter) = item {
                chapter.content = chapter.content.replace(COVERAGE_MARK, &table);
            }
        });
        Ok(coverage)
    }

    fn chapter(&mut self, chapter: &mut Chapter) {
        let Some(path) = chapter.source_path.clone() else { return };
        let file = self.chapters_name.join(&path).display().to_string();
        let read = markdown::read(&file, &chapter.content);
        self.problems.extend(read.problems);
        let mut anchors = HashMap::new();
        let mut expanded = String::with_capacity(chapter.content.len() * 2);
        let mut start = 0;
        for (number, line) in chapter.content.split_inclusive('\n').enumerate() {
            let found = line.find("{{#").filter(|at| !read.code.iter().any(|code| code.contains(&(start + at))));
            start += line.len();
            match found {
                None => expanded.push_str(line),
                Some(at) => {
                    let indent = &line[..line.len() - line.trim_start().len()];
                    let html = match self.directive(&path, line.trim(), at == indent.len(), &mut anchors) {
                        Ok(html) => html,
                        Err(what) => {
                            self.problems.push(Problem::at(&*file, number + 1, format!("{}: {what}", line.trim())));
                            missing(line.trim(), &what)
                        }
                    };
                    // Inside a list, what takes the directive's place belongs to the list as well.
                    html.lines()
                        .for_each(|line| expanded.extend([if line.is_empty() { "" } else { indent }, line, "\n"]));
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
        match Directive::parse(text)? {
            Directive::Item { path, docs, signature } => {
                let quote = self.library.quote(&path, docs, signature)?;
                let id = id(format!("item-{}", figure::anchor(&quote.path)));
                Ok(figure::code_figure(&quote, &id, self.repository.as_deref()))
            }
            Directive::Drawing { file, alt } => {
                let path = chapter.parent().unwrap_or(Path::new("")).join(&file);
                let svg = drawing::inline(&self.chapters.join(&path), &alt)?;
                self.drawn.insert(path);
                let name = Path::new(&file).file_stem().unwrap_or_default().to_string_lossy();
                Ok(figure::html_figure("drawing", &id(format!("drawing-{}", figure::anchor(&name))), &svg, ""))
            }
            Directive::Coverage => Ok(COVERAGE_MARK.to_string()),
            Directive::Exhibit(exhibit) => {
                let stem = chapter.file_stem().unwrap_or_default().to_string_lossy();
                let body = self.exhibits.html(&exhibit, Some(&*stem).filter(|stem| directive::is_stage(stem)))?;
                let id = id(figure::anchor(text.trim_start_matches("{{#").trim_end_matches("}}")));
                Ok(figure::html_figure("exhibit", &id, &body, ""))
            }
        }
    }
}

/// What a reader sees in place of something that could not be made.
fn missing(directive: &str, what: &str) -> String {
    let (directive, what) = (escape(directive), escape(what));
    format!("<p class=\"missing\"><code>{directive}</code> {what}</p>\n")
}
