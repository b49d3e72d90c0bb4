//! Folds the bodies that are exercises, so that the book does not give them away.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::exercises::spec::PartId;
use crate::source::library::{File, Quote};

/// A body that a learner writes.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    /// The exercise that it belongs to.
    pub(crate) part: PartId,
    /// The function, as the exercise names it.
    pub(crate) item: String,
    /// Relative to the workspace.
    file: PathBuf,
    /// The lines of the whole function.
    function: RangeInclusive<usize>,
    /// The line of the brace.
    start: usize,
    /// How many characters stand on that line behind the brace.
    behind: usize,
    /// Whether it says `todo!`, as in the book for a class: there is nothing to give away.
    is_open: bool,
}

/// What takes the place of a quote's code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Folded {
    /// The code without the bodies.
    pub(crate) shown: String,
    /// What is said of what is folded.
    pub(crate) summary: String,
    /// What is folded.
    pub(crate) hidden: String,
}

impl Body {
    /// The body of the item with this number in a file, if it has one.
    pub(crate) fn of(file: &File, item: usize, part: PartId, name: &str) -> Option<Body> {
        let function = file.items[item].lines.clone();
        let (start, column) = file.items[item].body?;
        let behind = file.line(start).chars().count() - column - 1;
        let is_open = file.line((start + 1).min(*function.end())).trim_start().starts_with("todo!(");
        Some(Body { part, item: name.to_string(), file: file.source.path.clone(), function, start, behind, is_open })
    }

    /// Whether a quote, of more than signatures, holds this body.
    pub(crate) fn is_in(&self, quote: &Quote) -> bool {
        quote.file == self.file && quote.numbers.contains(&self.start) && quote.numbers.contains(self.function.end())
    }

    fn holds(&self, line: usize) -> bool {
        self.start < line && line <= *self.function.end()
    }
}

/// Folds those of these bodies that give something away; they are in the quote. Without one there is nothing to fold.
pub(crate) fn fold(quote: &Quote, bodies: &[&Body]) -> Option<Folded> {
    let closed: Vec<&Body> = bodies.iter().copied().filter(|body| !body.is_open).collect();
    match closed.as_slice() {
        [] => None,
        [body] if quote.lines == (*body.function.start(), *body.function.end()) => Some(split(quote, body)),
        several => Some(blank(quote, several)),
    }
}

/// A function: the signature, and below it the body, so that both together are the whole.
fn split(quote: &Quote, body: &Body) -> Folded {
    let (mut shown, mut hidden) = (Vec::new(), Vec::new());
    for (line, number) in quote.code.lines().zip(&quote.numbers) {
        if *number == body.start {
            let (head, tail) = cut(line, body.behind);
            shown.push(head.to_string());
            hidden.extend(one_line_body(tail));
        } else if body.holds(*number) {
            hidden.push(line.to_string());
        } else {
            shown.push(line.to_string());
        }
    }
    let inside = hidden.len().saturating_sub(1);
    let lines = hidden[..inside].iter().filter(|line| !line.trim().is_empty()).count();
    let size = if lines == 1 { "one line".to_string() } else { format!("about {lines} lines") };
    let summary = format!("Exercise {}: the body, {size}. Try it first.", body.part);
    Folded { shown: shown.join("\n"), summary, hidden: hidden.join("\n") }
}

/// A block with functions in it: with a remark in the place of each body, and below it the whole.
fn blank(quote: &Quote, bodies: &[&Body]) -> Folded {
    let mut shown = Vec::new();
    for (line, number) in quote.code.lines().zip(&quote.numbers) {
        if let Some(body) = bodies.iter().find(|body| body.start == *number) {
            let (head, _) = cut(line, body.behind);
            let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
            shown.push(format!("{head}\n{indent}    // exercise {}\n{indent}}}", body.part));
        } else if !bodies.iter().any(|body| body.holds(*number)) {
            shown.push(line.to_string());
        }
    }
    let mut parts: Vec<PartId> = bodies.iter().map(|body| body.part).collect();
    parts.sort();
    parts.dedup();
    let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
    let summary = match parts.as_slice() {
        [part] => format!("Exercise {part}: the same with every body. Try it first."),
        parts => format!("Exercises {}: the same with every body. Try them first.", parts.join(", ")),
    };
    Folded { shown: shown.join("\n"), summary, hidden: quote.code.clone() }
}

/// A line up to its brace, and what stands behind that.
fn cut(line: &str, behind: usize) -> (&str, &str) {
    let at = line.char_indices().rev().nth(behind).map_or(line.len(), |(at, brace)| at + brace.len_utf8());
    line.split_at(at)
}

/// What stands behind the brace on its own line, as lines of a body.
fn one_line_body(tail: &str) -> Vec<String> {
    match tail.trim().strip_suffix('}').map(str::trim) {
        Some("") => vec!["}".to_string()],
        Some(inside) => vec![format!("    {inside}"), "}".to_string()],
        None if tail.trim().is_empty() => Vec::new(),
        None => vec![format!("    {}", tail.trim())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::library;
    use crate::source::packages::Source;

    const TEXT: &str = "\
impl Log {
    /// Grüße.
    fn append(
        &mut self,
    ) -> u64 {
        // One more.
        self.end += 1;

        self.end
    }

    fn end(&self) -> char { 'ü' }

    fn other(&self) {}

    fn open(&self) {
        todo!(\"s02p2: open it\")
    }
}
";

    /// What becomes of a quote of all of `TEXT` or of one item, if three of its functions are exercises.
    fn folded(item: &str) -> Option<Folded> {
        let source = Source { path: "src/lib.rs".into(), module: Vec::new(), is_library: true };
        let file = File::parse(source, TEXT.to_string()).unwrap();
        let files = [file];
        let at = |name: &str| library::find(&files, name).unwrap().1[0];
        let body = |name: &str, part| Body::of(&files[0], at(name), PartId { stage: 2, part }, name).unwrap();
        let bodies = [body("Log::append", 1), body("Log::end", 3), body("Log::open", 2)];
        let lines = files[0].items[at(item)].lines.clone();
        let indent = if item.starts_with("impl") { 0 } else { 4 };
        let quote = Quote {
            path: String::new(),
            code: lines
                .clone()
                .map(|line| files[0].line(line).get(indent..).unwrap_or(""))
                .collect::<Vec<_>>()
                .join("\n"),
            numbers: lines.clone().collect(),
            file: "src/lib.rs".into(),
            lines: (*lines.start(), *lines.end()),
            within: None,
        };
        fold(&quote, &bodies.iter().filter(|body| body.is_in(&quote)).collect::<Vec<_>>())
    }

    #[test]
    fn a_function_is_split_behind_its_brace() {
        let Folded { shown, summary, hidden } = folded("Log::append").unwrap();
        assert_eq!(shown, "/// Grüße.\nfn append(\n    &mut self,\n) -> u64 {");
        assert_eq!(hidden, "    // One more.\n    self.end += 1;\n\n    self.end\n}");
        assert_eq!(summary, "Exercise 2.1: the body, about 3 lines. Try it first.");
    }

    #[test]
    fn a_body_on_the_line_of_its_signature_gets_one_of_its_own() {
        let Folded { shown, summary, hidden } = folded("Log::end").unwrap();
        assert_eq!((shown.as_str(), hidden.as_str()), ("fn end(&self) -> char {", "    'ü'\n}"));
        assert_eq!(summary, "Exercise 2.3: the body, one line. Try it first.");
    }

    #[test]
    fn a_block_keeps_its_other_bodies_and_the_whole_is_folded() {
        let Folded { shown, summary, hidden } = folded("impl Log").unwrap();
        let expected = TEXT
            .replace("        // One more.\n        self.end += 1;\n\n        self.end\n", "        // exercise 2.1\n")
            .replace("{ 'ü' }", "{\n        // exercise 2.3\n    }");
        assert_eq!(shown, expected.trim_end());
        assert_eq!(hidden, TEXT.trim_end());
        assert_eq!(summary, "Exercises 2.1, 2.3: the same with every body. Try them first.");
    }

    #[test]
    fn what_is_no_exercise_and_what_is_not_written_stay_as_they_are() {
        assert_eq!(folded("Log::other"), None);
        assert_eq!(folded("Log::open"), None);
    }
}
