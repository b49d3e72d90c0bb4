//! Where things are: the workspace, Cargo's target directory, and the files that the tool writes there.

use std::env;
use std::path::{Path, PathBuf};

/// The workspace that this tool was built from. Cargo builds it anew when the workspace has moved.
pub fn workspace() -> PathBuf {
    let book = Path::new(env!("CARGO_MANIFEST_DIR"));
    book.parent().expect("the book is a folder of the workspace").to_owned()
}

/// A path as the reader sees it: from the root of the workspace.
pub fn short(path: &Path) -> String {
    path.strip_prefix(workspace()).unwrap_or(path).display().to_string()
}

/// Cargo's target directory, where everything goes that can be made again.
pub fn target() -> PathBuf {
    // A relative path means what it means to Cargo: relative to where the command was typed.
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// The reader's own numbers.
pub fn results() -> PathBuf {
    target().join("course").join("results.json")
}

/// The numbers of a quick tour, kept apart: they must not pass for the reader's own.
pub fn quick_results() -> PathBuf {
    target().join("course").join("quick.json")
}

/// Where exercises are tried: copies of stages that are made anew each time, and what is compiled of them.
pub fn gates() -> PathBuf {
    target().join("course").join("gates")
}

/// Where what a student has written is judged, in the same way.
pub fn grading() -> PathBuf {
    target().join("course").join("grading")
}

/// The numbers that are checked in, to compare with.
pub fn reference() -> PathBuf {
    workspace().join("book").join("results").join("reference.json")
}

/// The finished book.
pub fn book() -> PathBuf {
    target().join("book")
}

/// Criterion's result files, where criterion itself puts them.
pub fn criterion() -> PathBuf {
    env::var_os("CRITERION_HOME").map_or_else(|| target().join("criterion"), PathBuf::from)
}
