//! Takes the bodies of functions out of a package's sources, and puts them back.
//!
//! The functions are found by parsing, and nothing but the text between a body's braces is touched: signatures, comments
//! and layout stay as their author left them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

use super::spec::{Part, Spec};
use crate::source::library::{self, File};
use crate::source::packages::Package;

/// The sources of one package.
#[derive(Debug)]
pub struct Sources {
    folder: PathBuf,
    files: Vec<File>,
    changed: BTreeSet<usize>,
}

/// What stands for functions that are to be known again.
pub type Fingerprints = BTreeMap<String, String>;

/// Where a function is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The file, relative to the package's folder.
    pub file: PathBuf,
    /// The first and the last line of the function, with its docs.
    pub lines: (usize, usize),
    /// The line of the signature's brace.
    pub brace_line: usize,
}

impl Sources {
    /// Reads the library of the package in `folder`.
    pub fn read(folder: &Path) -> Result<Sources> {
        let package = Package { folder: PathBuf::new() };
        let sources = package.sources(folder)?.into_iter().filter(|source| source.is_library);
        let files = sources.map(|source| File::read(folder, source)).collect::<Result<_>>()?;
        Ok(Sources { folder: folder.to_owned(), files, changed: BTreeSet::new() })
    }

    /// Where a function is.
    pub fn spot(&self, item: &str) -> Result<Spot> {
        let (file, at) = self.find(item)?;
        let item = &self.files[file].items[at];
        let lines = (*item.lines.start(), *item.lines.end());
        let brace_line = item.body.map_or(lines.1, |(line, _)| line);
        Ok(Spot { file: self.files[file].source.path.clone(), lines, brace_line })
    }

    /// The text of a function, docs and all, at the left margin.
    pub fn text(&self, item: &str) -> Result<String> {
        let (file, at) = self.find(item)?;
        let file = &self.files[file];
        let lines: Vec<&str> = file.items[at].lines.clone().map(|line| file.line(line)).collect();
        let indents =
            lines.iter().filter(|line| !line.trim().is_empty()).map(|line| line.len() - line.trim_start().len());
        let indent = indents.min().unwrap_or(0);
        Ok(lines.iter().map(|line| line.get(indent..).unwrap_or("")).collect::<Vec<_>>().join("\n"))
    }

    /// The body of a function, with its braces.
    pub fn body(&self, item: &str) -> Result<&str> {
        let (file, at) = self.find(item)?;
        let range = self.body_range(file, at, item)?;
        Ok(&self.files[file].text[range])
    }

    /// How many lines the body has between its braces: at least one, for a body that stands on the signature's line.
    pub fn body_lines(&self, item: &str) -> Result<usize> {
        let body = self.body(item)?;
        let inside = body.strip_prefix('{').and_then(|body| body.strip_suffix('}')).unwrap_or(body);
        Ok(inside.lines().filter(|line| !line.trim().is_empty()).count().max(1))
    }

    /// Puts another body in the place of a function's; with its braces.
    pub fn replace_body(&mut self, item: &str, body: &str) -> Result<()> {
        let (file, at) = self.find(item)?;
        let range = self.body_range(file, at, item)?;
        let source = self.files[file].source.clone();
        let mut text = self.files[file].text.clone();
        text.replace_range(range, body);
        let name = source.path.display().to_string();
        self.files[file] = File::parse(source, text).context(name)?;
        self.changed.insert(file);
        Ok(())
    }

    /// Puts `todo!` in the place of a function's body, with what it has to do.
    pub fn take_out(&mut self, item: &str, mark: &str, todo: &str) -> Result<()> {
        let spot = self.spot(item)?;
        let (file, _) = self.find(item)?;
        let line = self.files[file].line(spot.brace_line);
        // A signature of several lines ends in a line that is indented as its first one is.
        let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
        self.replace_body(item, &format!("{{\n{indent}    todo!(\"{mark}{todo}\")\n{indent}}}"))
    }

    /// Takes out the bodies that a part's learner writes. The bug of a debugging exercise is planted elsewhere.
    pub fn take_out_part(&mut self, part: &Part) -> Result<()> {
        for function in &part.functions {
            if let Some(todo) = &function.todo {
                self.take_out(&function.item, &part.mark(), todo)?;
            }
        }
        Ok(())
    }

    /// Puts the bodies of a part into these sources as `other` has them.
    pub fn put_in_part(&mut self, part: &Part, other: &Sources) -> Result<()> {
        for function in &part.functions {
            self.replace_body(&function.item, other.body(&function.item)?)?;
        }
        Ok(())
    }

    /// A fingerprint of each function of the exercises, by which one that nobody has touched is known.
    pub fn fingerprints(&self, spec: &Spec) -> Result<Fingerprints> {
        let functions = spec.parts.iter().flat_map(|part| &part.functions);
        functions.map(|function| self.fingerprint(&function.item)).collect()
    }

    /// The fingerprint of one function: checksums of its name, which would give a bug's place away, and of its body
    /// without layout.
    pub fn fingerprint(&self, item: &str) -> Result<(String, String)> {
        let words: String = self.body(item)?.split_whitespace().collect();
        let checksum = |text: &str| format!("{:08x}", crc32fast::hash(text.as_bytes()));
        Ok((checksum(item), checksum(&words)))
    }

    /// Writes the files that have changed.
    pub fn write(&self) -> Result<()> {
        for file in self.changed.iter().map(|file| &self.files[*file]) {
            let path = self.folder.join(&file.source.path);
            fs::write(&path, &file.text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn find(&self, item: &str) -> Result<(usize, usize)> {
        let (file, at) =
            library::find(&self.files, item).map_err(|what| anyhow!("{}: {what}", self.folder.display()))?;
        match at.as_slice() {
            [one] => Ok((file, *one)),
            _ => Err(anyhow!("`{item}` stands in the source more than once")),
        }
    }

    fn body_range(&self, file: usize, at: usize, name: &str) -> Result<Range<usize>> {
        let item = &self.files[file].items[at];
        let start = item.body.with_context(|| format!("`{name}` has no body"))?;
        let text = &self.files[file].text;
        Ok(byte_of(text, start)..byte_of(text, item.end))
    }
}

/// The byte at a line, from 1, and a column in characters, from 0.
fn byte_of(text: &str, (line, column): (usize, usize)) -> usize {
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let inside = text[start..].chars().take(column).map(char::len_utf8).sum::<usize>();
    start + inside
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
//! Grüße.

/// Adds.
fn add(a: u32, b: u32) -> u32 { a + b }

struct S;

impl S {
    /// \u{201c}Long\u{201d}.
    fn long(
        &self,
        n: u32,
    ) -> u32 {
        // The comment goes with the body.
        let twice = n * 2;

        twice
    }
}
";

    fn sources(text: &str) -> (tempfile::TempDir, Sources) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("src")).unwrap();
        fs::write(dir.path().join("src/lib.rs"), text).unwrap();
        let sources = Sources::read(dir.path()).unwrap();
        (dir, sources)
    }

    #[test]
    fn a_body_goes_and_the_rest_stays_letter_by_letter() {
        let (dir, mut sources) = sources(TEXT);
        assert_eq!((sources.body_lines("add").unwrap(), sources.body_lines("S::long").unwrap()), (1, 3));
        sources.take_out("add", "s01p1: ", "add them").unwrap();
        sources.take_out("S::long", "s01p1: ", "double it").unwrap();
        sources.write().unwrap();
        let written = fs::read_to_string(dir.path().join("src/lib.rs")).unwrap();
        let expected = TEXT.replace("{ a + b }", "{\n    todo!(\"s01p1: add them\")\n}").replace(
            "        // The comment goes with the body.\n        let twice = n * 2;\n\n        twice\n",
            "        todo!(\"s01p1: double it\")\n",
        );
        assert_eq!(written, expected);
    }

    #[test]
    fn a_body_comes_back_letter_by_letter() {
        let (_whole_dir, whole) = sources(TEXT);
        let (dir, mut starter) = sources(TEXT);
        for item in ["S::long", "add"] {
            starter.take_out(item, "", "x").unwrap();
            assert_ne!(starter.fingerprint(item).unwrap(), whole.fingerprint(item).unwrap());
        }
        for item in ["add", "S::long"] {
            let body = whole.body(item).unwrap();
            starter.replace_body(item, body).unwrap();
        }
        starter.write().unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("src/lib.rs")).unwrap(), TEXT);
    }

    #[test]
    fn layout_does_not_change_a_fingerprint_and_words_do() {
        let (_a, one) = sources("fn f() -> u32 { 1 + 1 }\n");
        let (_b, same) = sources("fn f() -> u32 {\n    1 + 1\n}\n");
        let (_c, other) = sources("fn f() -> u32 { 1 + 2 }\n");
        assert_eq!(one.fingerprint("f").unwrap(), same.fingerprint("f").unwrap());
        assert_ne!(one.fingerprint("f").unwrap(), other.fingerprint("f").unwrap());
    }

    #[test]
    fn a_function_that_is_not_there_is_named_with_the_nearest() {
        let (_dir, sources) = sources(TEXT);
        let said = sources.body("S::lung").unwrap_err().to_string();
        assert!(said.contains("there is no item `S::lung`; the nearest is `S::long`"), "{said}");
    }
}
