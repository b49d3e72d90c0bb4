//! How much of each stage's source the book quotes.
//!
//! What counts: the lines of every item of the library, with docs and comments. What does not: blank lines, imports,
//! declarations of modules, the text at the top of a file, and modules that are compiled for tests alone. The head and
//! the end of a block count as quoted once one of its members is, since the caption names the block.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::source::library::{File, Library};

/// The share of a stage's lines that the book must quote, in percent.
pub const PERCENT_MIN: f64 = 90.0;

/// One stage's coverage.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    /// The name of the stage's package.
    pub stage: String,
    /// How many lines of its items the book quotes.
    pub quoted: usize,
    /// How many lines its items have.
    pub lines: usize,
    /// The items with lines that are not quoted, and how many, the largest first.
    pub missing: Vec<(String, usize)>,
}

impl Coverage {
    /// The share in percent; a stage without a line is quoted in full.
    pub fn percent(&self) -> f64 {
        if self.lines == 0 { 100.0 } else { 100.0 * self.quoted as f64 / self.lines as f64 }
    }

    /// Whether the book explains enough of the stage.
    pub fn is_enough(&self) -> bool {
        self.percent() >= PERCENT_MIN
    }
}

/// The coverage of every stage, once all chapters have been read. A stage whose code is there before its chapter owes
/// the book nothing: it counts from its chapter's line in the summary on, or from the first item that any chapter quotes.
pub(crate) fn of_stages(library: &mut Library, has_chapter: impl Fn(&str) -> bool) -> Result<Vec<Coverage>> {
    let mut all = Vec::new();
    for stage in library.stages() {
        let mut coverage = Coverage { stage: stage.clone(), quoted: 0, lines: 0, missing: Vec::new() };
        for file in library.files(&stage)?.iter().filter(|file| file.source.is_library) {
            coverage.add(&stage, file);
        }
        coverage.missing.sort_by(|(a, lines_a), (b, lines_b)| lines_b.cmp(lines_a).then(a.cmp(b)));
        if has_chapter(&stage) || coverage.quoted > 0 {
            all.push(coverage);
        }
    }
    Ok(all)
}

impl Coverage {
    fn add(&mut self, stage: &str, file: &File) {
        let mut open = BTreeSet::new();
        for item in file.items.iter().filter(|item| !item.is_test && item.frame.is_empty()) {
            open.extend(item.lines.clone().filter(|line| !file.line(*line).trim().is_empty()));
        }
        self.lines += open.len();
        open.retain(|line| !file.quoted.contains(line));
        self.quoted = self.lines - self.missing.iter().map(|(_, lines)| lines).sum::<usize>() - open.len();
        // Inner items first, so that a line is put down to the smallest item that holds it.
        for item in file.items.iter().rev() {
            let lines = item.lines.clone().filter(|line| open.remove(line)).count();
            if lines > 0 {
                self.missing.push((format!("{stage}::{}", item.names[0]), lines));
            }
        }
    }
}
