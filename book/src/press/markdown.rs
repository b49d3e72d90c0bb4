//! What is checked in the text that the author wrote, before anything is put into it.

use std::collections::HashSet;
use std::ops::Range;

use pulldown_cmark::{BrokenLink, CodeBlockKind, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd};

use crate::press::problem::Problem;

/// What a chapter's Markdown consists of, as far as the press cares.
#[derive(Debug, Default)]
pub(crate) struct Chapter {
    /// The byte ranges in which `{{#` is text and no directive: code.
    pub(crate) code: Vec<Range<usize>>,
    /// Its headings, in order.
    pub(crate) headings: Vec<Heading>,
    /// What is wrong with the text.
    pub(crate) problems: Vec<Problem>,
}

/// A heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heading {
    /// Its text without markup.
    pub(crate) text: String,
    /// Its anchor on the page.
    pub(crate) id: String,
}

/// The number of the line that holds the byte `at`, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Reads a chapter. `file` is its name in messages.
pub(crate) fn read(file: &str, text: &str) -> Chapter {
    let mut chapter = Chapter::default();
    let mut complain = Vec::new();
    let undefined = |link: BrokenLink<'_>| {
        // `[word]` alone is text in brackets; the other two forms are references without a doubt.
        if matches!(link.link_type, LinkType::Reference | LinkType::Collapsed) {
            complain.push((link.span.start, format!("the reference `[{}]` is not defined", link.reference)));
        }
        None::<(CowStr<'_>, CowStr<'_>)>
    };
    // As mdBook reads it; see `mdbook_markdown::new_cmark_parser`.
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_DEFINITION_LIST
        | Options::ENABLE_GFM;
    let parser = Parser::new_with_broken_link_callback(text, options, Some(undefined));
    let definitions: Vec<(String, usize)> =
        parser.reference_definitions().iter().map(|(label, def)| (label.to_string(), def.span.start)).collect();
    let mut uses = Uses::default();
    let mut heading: Option<(Option<String>, String)> = None;
    let mut ids = HashSet::new();
    for (event, range) in parser.into_offset_iter() {
        uses.note(&event, range.start);
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                if let Some(what) = forbidden(&kind) {
                    chapter.problems.push(Problem::at(file, line_of(text, range.start), what));
                }
                chapter.code.push(range);
            }
            Event::Code(code) => {
                chapter.code.push(range);
                heading.iter_mut().for_each(|(_, text)| text.push_str(&code));
            }
            Event::Text(words) => heading.iter_mut().for_each(|(_, text)| text.push_str(&words)),
            Event::Start(Tag::Heading { id, .. }) => heading = Some((id.map(|id| id.to_string()), String::new())),
            Event::End(TagEnd::Heading(_)) => chapter.headings.extend(heading.take().map(|(id, text)| {
                let id = id.unwrap_or_else(|| unique(heading_id(&text), &mut ids));
                Heading { text, id }
            })),
            _ => {}
        }
    }
    complain.extend(uses.complaints(&definitions));
    chapter.problems.extend(complain.into_iter().map(|(at, what)| Problem::at(file, line_of(text, at), what)));
    chapter
}

/// The anchor that mdBook makes of a heading's text.
fn heading_id(text: &str) -> String {
    let dashed =
        text.trim().to_lowercase().chars().map(|c| if c.is_whitespace() { '-' } else { c }).collect::<String>();
    dashed.chars().filter(|c| c.is_alphanumeric() || "_-".contains(*c)).collect()
}

/// The same with a number behind it, if the page has it already; as mdBook does it.
fn unique(id: String, used: &mut HashSet<String>) -> String {
    let numbered = (1..).map(|number| format!("{id}-{number}"));
    let found = std::iter::once(id.clone()).chain(numbered).find(|id| !used.contains(id));
    let found = found.expect("some number is free");
    used.insert(found.clone());
    found
}

/// What is wrong with a block of code that was typed into the chapter.
fn forbidden(kind: &CodeBlockKind<'_>) -> Option<&'static str> {
    let language = match kind {
        CodeBlockKind::Fenced(info) => info.split([',', ' ', '{']).next().unwrap_or("").to_lowercase(),
        CodeBlockKind::Indented => String::new(),
    };
    match language.as_str() {
        "rust" | "rs" => Some("Rust is typed into the chapter: quote the compiled item with {{#item …}}"),
        "" => Some("a block of code without a language: write ```text, ```console, ```json or what it is"),
        _ => None,
    }
}

/// The references that a chapter uses.
#[derive(Default)]
struct Uses {
    labels: HashSet<String>,
    notes: HashSet<String>,
    defined_notes: Vec<(String, usize)>,
    /// Text that still looks like a footnote, because nothing defines it.
    loose_notes: Vec<(String, usize)>,
    /// Brackets come one at a time; the last texts together may be a `[^note]`.
    recent: String,
    in_code: bool,
}

impl Uses {
    fn note(&mut self, event: &Event<'_>, at: usize) {
        match event {
            Event::Start(Tag::Link { link_type, id, .. } | Tag::Image { link_type, id, .. })
                if matches!(link_type, LinkType::Reference | LinkType::Collapsed | LinkType::Shortcut) =>
            {
                self.labels.insert(id.to_lowercase());
            }
            Event::FootnoteReference(label) => {
                self.notes.insert(label.to_string());
            }
            Event::Start(Tag::FootnoteDefinition(label)) => self.defined_notes.push((label.to_string(), at)),
            Event::Start(Tag::CodeBlock(_)) => self.in_code = true,
            Event::End(TagEnd::CodeBlock) => self.in_code = false,
            _ => {}
        }
        let Event::Text(text) = event else { return self.recent.clear() };
        if self.in_code {
            return;
        }
        self.recent.push_str(text);
        if let Some(start) = self.recent.rfind("[^")
            && let Some(end) = self.recent[start..].find(']')
        {
            self.loose_notes.push((self.recent[start + 2..start + end].to_string(), at));
            self.recent.clear();
        }
    }

    fn complaints(self, definitions: &[(String, usize)]) -> Vec<(usize, String)> {
        let unused = definitions.iter().filter(|(label, _)| !self.labels.contains(&label.to_lowercase()));
        let unused = unused.map(|(label, at)| (*at, format!("the link `[{label}]:` is defined and never used")));
        let notes = self.defined_notes.iter().filter(|(label, _)| !self.notes.contains(label));
        let notes = notes.map(|(label, at)| (*at, format!("the footnote `[^{label}]` is defined and never used")));
        let loose =
            self.loose_notes.iter().map(|(label, at)| (*at, format!("the footnote `[^{label}]` is not defined")));
        unused.chain(notes).chain(loose).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        read("a.md", text).problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn rust_in_markdown_is_refused_and_other_languages_are_not() {
        assert_eq!(said("```console\n$ ls\n```\n\n```json\n{}\n```\n"), [""; 0]);
        for info in ["rust", "Rust", "rs", "rust,ignore", "rust ignore"] {
            let found = said(&format!("Text.\n\n```{info}\nfn a() {{}}\n```\n"));
            assert!(found.len() == 1 && found[0].starts_with("a.md:3: Rust is typed"), "{info}: {found:?}");
        }
        assert!(said("```\nfn a() {}\n```\n")[0].contains("without a language"));
        assert!(said("Text.\n\n    fn a() {}\n")[0].contains("without a language"));
    }

    #[test]
    fn headings_have_the_anchors_that_mdbook_gives_them() {
        let text = "# One `fn`, *two*\n\nOther\n-----\n\n## Named {#here}\n\n### Experiment: A byte?\n\n## Other\n";
        let headings = read("a.md", text).headings;
        let found: Vec<_> = headings.iter().map(|heading| (heading.text.as_str(), heading.id.as_str())).collect();
        let expected = [
            ("One fn, two", "one-fn-two"),
            ("Other", "other"),
            ("Named", "here"),
            ("Experiment: A byte?", "experiment-a-byte"),
            ("Other", "other-1"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_reference_is_defined_and_used_or_it_is_a_problem() {
        assert_eq!(said("A [page][p], a [p], a [p][], some [text].\n\n[p]: b.md\n"), [""; 0]);
        assert_eq!(said("A\n[page][P].\n"), ["a.md:2: the reference `[P]` is not defined"]);
        assert_eq!(said("A [page][].\n"), ["a.md:1: the reference `[page]` is not defined"]);
        assert_eq!(said("A.\n\n[p]: b.md\n"), ["a.md:3: the link `[p]:` is defined and never used"]);
    }

    #[test]
    fn a_footnote_is_defined_and_used_or_it_is_a_problem() {
        assert_eq!(said("A.[^n] `[^m]`\n\n[^n]: Note.\n"), [""; 0]);
        assert_eq!(said("A.[^n] and more\n"), ["a.md:1: the footnote `[^n]` is not defined"]);
        assert_eq!(said("A.\n\n[^n]: Note.\n"), ["a.md:3: the footnote `[^n]` is defined and never used"]);
    }
}
