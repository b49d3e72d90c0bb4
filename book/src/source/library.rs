//! Finds items by their path, and remembers which lines were quoted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::source::item_name;
use crate::source::items::{self, Item};
use crate::source::nearest::nearest;
use crate::source::packages::{self, Package, Source};

/// The sources of the workspace, read as far as they are asked for.
#[derive(Debug)]
pub(crate) struct Library {
    workspace: PathBuf,
    packages: BTreeMap<String, Package>,
    read: BTreeMap<String, Vec<File>>,
}

/// A source file with its items.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) source: Source,
    pub(crate) text: String,
    pub(crate) lines: Vec<String>,
    pub(crate) items: Vec<Item>,
    /// The numbers of the lines that the book has quoted.
    pub(crate) quoted: BTreeSet<usize>,
}

/// What an author asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Quote {
    /// The item's path as messages and anchors have it.
    pub(crate) path: String,
    /// The item's text, without indentation.
    pub(crate) code: String,
    /// The number in the file of each line of the text; 0 for a line that is not from there.
    pub(crate) numbers: Vec<usize>,
    /// Relative to the workspace.
    pub(crate) file: PathBuf,
    /// The first and the last line in the file.
    pub(crate) lines: (usize, usize),
    /// The head of the block that the item was taken out of.
    pub(crate) within: Option<String>,
}

impl Library {
    /// The library of a workspace; no source is read yet.
    pub(crate) fn open(workspace: &Path) -> Result<Library> {
        let packages = packages::packages(workspace)?;
        Ok(Library { workspace: workspace.to_owned(), packages, read: BTreeMap::new() })
    }

    /// The names of the stages' packages, in order.
    pub(crate) fn stages(&self) -> Vec<String> {
        self.packages.keys().filter(|name| name.starts_with("stage")).cloned().collect()
    }

    /// The folder of a package, relative to the workspace.
    pub(crate) fn folder(&self, package: &str) -> Option<&Path> {
        self.packages.get(package).map(|package| package.folder.as_path())
    }

    /// The files of a package.
    pub(crate) fn files(&mut self, package: &str) -> Result<&mut Vec<File>> {
        if !self.read.contains_key(package) {
            let known = self.packages.get(package).with_context(|| format!("there is no package `{package}`"))?;
            let sources = known.sources(&self.workspace)?;
            let files = sources.into_iter().map(|source| File::read(&self.workspace, source)).collect::<Result<_>>()?;
            self.read.insert(package.to_string(), files);
        }
        Ok(self.read.get_mut(package).expect("it was read just now"))
    }

    /// The item at `path`, whose first word is the package's name.
    ///
    /// # Errors
    ///
    /// A sentence for the author, with the nearest item that there is.
    pub(crate) fn quote(&mut self, path: &str, docs: bool, signature: bool) -> Result<Quote, String> {
        let Some((package, inner)) = path.split_once("::") else {
            return Err(format!("`{path}` has no package in front: write `stage01::…`"));
        };
        if !self.packages.contains_key(package) {
            let hint = nearest(package, self.packages.keys().map(String::as_str));
            return Err(format!("there is no package `{package}`{}", did_you_mean(hint)));
        }
        let files = self.files(package).map_err(|e| format!("{e:#}"))?;
        let (file, at) = find(files, inner)?;
        let file = &mut files[file];
        at.iter().for_each(|&item| file.mark_quoted(item, docs, signature));
        let quote = file.quote(package, &at, docs, signature);
        quote.ok_or_else(|| format!("`{path}` has no body to leave out: take `sig` away"))
    }
}

/// The file that holds the item with this path in its package, and where the item is in it: several places if its
/// `cfg`s exclude each other.
///
/// # Errors
///
/// A sentence for the author, with the nearest item that there is.
pub(crate) fn find(files: &[File], written: &str) -> Result<(usize, Vec<usize>), String> {
    let wanted = item_name::of_path(written);
    let all =
        || files.iter().enumerate().flat_map(|(f, file)| file.items.iter().enumerate().map(move |(i, it)| (f, i, it)));
    let mut found: Vec<_> = all().filter(|(_, _, item)| item.names.iter().any(|name| wanted.contains(name))).collect();
    // A type's own method hides those of its traits, as it does in the language.
    if found.iter().filter(|(_, _, item)| item.is_own_member()).count() == 1 {
        found.retain(|(_, _, item)| item.is_own_member());
    }
    match found.as_slice() {
        [] => Err(missing(written, all().map(|(_, _, item)| item))),
        [(file, item, _)] => Ok((*file, vec![*item])),
        [(file, _, first), ..]
            if found.iter().all(|(f, _, i)| f == file && i.is_conditional && i.names == first.names) =>
        {
            Ok((*file, found.iter().map(|(_, item, _)| *item).collect()))
        }
        several => {
            let names = several.iter().map(|(_, _, item)| format!("`{}`", item.names.last().map_or("", |name| name)));
            Err(format!("several items have this name: write one of {}", names.collect::<Vec<_>>().join(", ")))
        }
    }
}

/// The message about an item that is not there. The same last word in another place is the best hint of all.
fn missing<'a>(written: &str, items: impl Iterator<Item = &'a Item>) -> String {
    let names: Vec<&str> = items.flat_map(|item| item.names.iter().map(String::as_str)).collect();
    let last = |path: &str| path.rsplit("::").next().unwrap_or(path).to_string();
    let same_end = names.iter().copied().filter(|name| last(name) == last(written));
    let hint = nearest(written, same_end).or_else(|| nearest(written, names.iter().copied()));
    format!("there is no item `{written}`{}", did_you_mean(hint))
}

fn did_you_mean(hint: Option<&str>) -> String {
    hint.map(|near| format!("; the nearest is `{near}`")).unwrap_or_default()
}

impl File {
    /// Reads a file of a workspace.
    pub(crate) fn read(workspace: &Path, source: Source) -> Result<File> {
        let path = workspace.join(&source.path);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        File::parse(source, text).with_context(|| path.display().to_string())
    }

    /// Reads the text of a file.
    pub(crate) fn parse(source: Source, text: String) -> Result<File> {
        let items = items::index(&text, &source.module)?;
        let lines = text.lines().map(str::to_string).collect();
        Ok(File { source, text, lines, items, quoted: BTreeSet::new() })
    }

    /// The text of a line, from 1.
    pub(crate) fn line(&self, number: usize) -> &str {
        &self.lines[number - 1]
    }

    /// Whether a line is a comment for the documentation.
    pub(crate) fn is_doc(&self, number: usize) -> bool {
        self.line(number).trim_start().starts_with("///")
    }

    /// A signature counts for itself alone. Docs that an author leaves out count, since the prose stands for them.
    fn mark_quoted(&mut self, item: usize, docs: bool, signature: bool) {
        let item = &self.items[item];
        let end = if signature { item.body.map_or(*item.lines.end(), |(line, _)| line) } else { *item.lines.end() };
        let own = (*item.lines.start()..=end).filter(|line| docs || !signature || !self.is_doc(*line));
        let frame = item.frame.iter().copied().filter(|line| !self.is_doc(*line));
        let lines: Vec<usize> = own.chain(frame).collect();
        self.quoted.extend(lines);
    }

    fn quote(&self, package: &str, items: &[usize], docs: bool, signature: bool) -> Option<Quote> {
        let items: Vec<&Item> = items.iter().map(|&item| &self.items[item]).collect();
        let numbers: Option<Vec<_>> = items.iter().map(|item| self.numbers(item, docs, signature)).collect();
        let numbers = numbers?;
        let code: Vec<String> =
            items.iter().zip(&numbers).map(|(item, numbers)| self.text(item, numbers, signature)).collect();
        let (first, last) = (*items.first()?, *items.last()?);
        let head = first.frame.iter().copied().find(|&line| !self.is_doc(line) && !is_attribute(self.line(line)));
        Some(Quote {
            path: format!("{package}::{}", first.names[0]),
            code: code.join("\n\n"),
            numbers: numbers.join(&0),
            file: self.source.path.clone(),
            lines: (*first.lines.start(), *last.lines.end()),
            within: head.map(|line| self.line(line).trim().trim_end_matches('{').trim_end().to_string()),
        })
    }

    /// The lines of an item that are shown; of a signature, up to the brace.
    fn numbers(&self, item: &Item, docs: bool, signature: bool) -> Option<Vec<usize>> {
        let end = if signature { item.body?.0 } else { *item.lines.end() };
        Some((*item.lines.start()..=end).filter(|line| docs || !self.is_doc(*line)).collect())
    }

    /// These lines of an item, moved to the left margin; of a signature, the last one up to the brace.
    fn text(&self, item: &Item, numbers: &[usize], signature: bool) -> String {
        let mut lines: Vec<String> = numbers.iter().map(|&line| self.line(line).to_string()).collect();
        if let (true, Some((_, column)), Some(last)) = (signature, item.body, lines.last_mut()) {
            *last = last.chars().take(column).collect::<String>() + "{ … }";
        }
        let indents = lines.iter().filter(|line| !line.trim().is_empty()).map(|l| l.len() - l.trim_start().len());
        let indent = indents.min().unwrap_or(0);
        lines.iter().map(|line| line.get(indent..).unwrap_or("")).collect::<Vec<_>>().join("\n")
    }
}

fn is_attribute(line: &str) -> bool {
    line.trim_start().starts_with("#[")
}
