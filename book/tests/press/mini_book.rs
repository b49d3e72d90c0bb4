//! A book of one or two pages over a workspace of one crate, made for one test.

use std::fs;
use std::path::PathBuf;

use book::press::{self, BuildReport, Options};
use tempfile::TempDir;

/// The source of the one stage. Its line numbers are part of the tests.
pub(crate) const STAGE: &str = "\
//! A stage.

use std::fmt;

/// A log.
#[derive(Debug)]
pub struct Log {
    end: u64,
}

impl Log {
    /// Appends nothing.
    pub fn append(&mut self) -> u64 {
        // One more.
        self.end += 1;
        self.end
    }

    fn sync(&self) {}
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.end.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_appends() {}
}
";

/// A chapter without a problem.
pub(crate) const GOOD: &str = "\
# One

{{#drawing img/log.svg \"Three lines\"}}

{{#item stage01::Log}}

{{#item stage01::impl Log}}

{{#item stage01::impl Display for Log}}
";

const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><path d=\"M0 0\"/></svg>\n";

/// The book and its workspace, in a folder that goes away with it.
pub(crate) struct MiniBook {
    folder: TempDir,
    /// The reader's own numbers.
    pub(crate) results: Option<PathBuf>,
}

impl MiniBook {
    /// A book of one chapter, `one.md`.
    pub(crate) fn new(chapter: &str) -> MiniBook {
        let book = MiniBook { folder: tempfile::tempdir().unwrap(), results: None };
        book.write("Cargo.toml", "[workspace]\nmembers = [\"stage01-naive\"]\n");
        book.write("stage01-naive/Cargo.toml", "[package]\nname = \"stage01\"\n");
        book.write("stage01-naive/src/lib.rs", STAGE);
        book.write("stage01-naive/examples/append.rs", "fn main() {\n    stage01::run();\n}\n");
        book.write("book/book.toml", include_str!("../../book.toml"));
        book.write("book/theme/course.css", include_str!("../../theme/course.css"));
        book.write("book/theme/course.js", include_str!("../../theme/course.js"));
        book.write("book/chapters/SUMMARY.md", "# Summary\n\n- [One](one.md)\n");
        book.write("book/chapters/one.md", chapter);
        book.write("book/chapters/img/log.svg", SVG);
        book
    }

    /// Writes a file of the workspace, and says where it is.
    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A page as it was built.
    pub(crate) fn page(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join("out").join(name)).unwrap()
    }

    pub(crate) fn options(&self, strict: bool) -> Options {
        let root = self.folder.path();
        Options {
            root: root.join("book"),
            workspace: root.to_owned(),
            out_dir: root.join("out"),
            results: self.results.clone(),
            strict,
        }
    }

    /// Builds the book and puts up with its problems.
    pub(crate) fn build(&self) -> BuildReport {
        press::build(&self.options(false)).unwrap()
    }

    /// Builds the book as strictly as it goes; what is wrong with it, one line each.
    pub(crate) fn problems(&self) -> Vec<String> {
        match press::build(&self.options(true)) {
            Ok(_) => Vec::new(),
            Err(error) => error.to_string().lines().skip(1).map(|line| line.trim().to_string()).collect(),
        }
    }

    /// Where the pages are.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }
}
