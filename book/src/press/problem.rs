//! What is wrong with the book, each with the place where its author mends it.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file to mend, relative to the book's directory, such as `chapters/stage01.md`.
    pub file: String,
    /// The line in it, from 1, if one line is to blame.
    pub line: Option<usize>,
    /// What is wrong, and how to mend it.
    pub what: String,
}

impl Problem {
    /// A problem of a whole file.
    pub fn in_file(file: impl Into<String>, what: impl Into<String>) -> Problem {
        Problem { file: file.into(), line: None, what: what.into() }
    }

    /// A problem of one line.
    pub fn at(file: impl Into<String>, line: usize, what: impl Into<String>) -> Problem {
        Problem { file: file.into(), line: Some(line), what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// All that is wrong, as one error: whoever mends a book wants the whole list, not its head.
#[derive(Debug)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "the book has {count} problem{}", if count == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Problems {}
