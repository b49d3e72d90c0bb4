//! Each sync call of the stages is taken away by some bug.
//!
//! A sync is easy to forget, and nothing but a test of a power cut misses it. So the zoo owes every call in the stages a
//! bug that takes it away, marked with `Sync: yes`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::exhibit::Exhibit;
use super::patch::Patch;
use crate::exercises::course::Course;
use crate::source::packages::rust_files;

/// What a line with a sync call has in it. The last two are how the stages hand a sync on to another function.
const CALLS: [&str; 6] = [".sync(", ".sync_data(", ".sync_directory(", ".sync_all(", "sync(parent)", "timed_sync)"];

/// The folder of a stage's `src` whose syncs are those of a simulated disk.
const SIMULATOR: &str = "sim";

/// A line with a sync call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SyncCall {
    /// Its file, relative to the workspace.
    pub file: PathBuf,
    /// Its number, from 1.
    pub line: usize,
    /// The line, without indentation.
    pub text: String,
}

impl fmt::Display for SyncCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.text)
    }
}

/// Whether a line of Rust calls a sync. A comment does not, and neither does the assertion of a test.
pub fn is_sync_call(line: &str) -> bool {
    let is_code = !line.trim_start().starts_with("//") && !line.contains("assert_eq");
    is_code && CALLS.iter().any(|call| line.contains(call))
}

/// The sync calls in `src` of a stage, without those of its simulator.
pub fn calls(course: &Course, stage: u32) -> Result<Vec<SyncCall>> {
    let mut calls = Vec::new();
    for path in rust_files(&course.reference(stage)?.join("src"))? {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let file = path.strip_prefix(&course.root).unwrap_or(&path);
        // What a simulator does to its disk in memory, nobody's records depend on.
        if file.components().any(|part| part.as_os_str() == SIMULATOR) {
            continue;
        }
        calls.extend(calls_in(file, &text));
    }
    Ok(calls)
}

fn calls_in(file: &Path, text: &str) -> Vec<SyncCall> {
    let lines = text.lines().zip(1..).filter(|(line, _)| is_sync_call(line));
    lines.map(|(line, number)| SyncCall { file: file.into(), line: number, text: line.trim().into() }).collect()
}

/// Those of the calls that no bug takes away.
pub fn unguarded(course: &Course, calls: Vec<SyncCall>, exhibits: &[Exhibit]) -> Result<Vec<SyncCall>> {
    let mut taken: BTreeMap<&Path, BTreeSet<usize>> = BTreeMap::new();
    for patch in exhibits.iter().map(|exhibit| &exhibit.patch).filter(|patch| patch.is_sync) {
        // A bug whose file is gone takes nothing away, and is stale.
        let Ok(text) = fs::read_to_string(course.root.join(&patch.file)) else { continue };
        taken.entry(&patch.file).or_default().extend(taken_away(patch, &text)?);
    }
    let is_taken = |call: &SyncCall| taken.get(call.file.as_path()).is_some_and(|lines| lines.contains(&call.line));
    Ok(calls.into_iter().filter(|call| !is_taken(call)).collect())
}

/// The numbers of the lines with sync calls that a patch takes out of a text. A line that the patch puts back elsewhere
/// is not taken away, and a patch that does not fit takes nothing.
fn taken_away(patch: &Patch, text: &str) -> Result<Vec<usize>> {
    let diff = diffy::Patch::from_str(patch.diff()).context("its diff cannot be understood")?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut taken = Vec::new();
    for hunk in diff.hunks() {
        let is_old = |line: &diffy::Line<'_, str>| !matches!(line, diffy::Line::Insert(_));
        let old: Vec<&str> = hunk.lines().iter().filter(|line| is_old(line)).map(words).collect();
        let inserted: Vec<&str> = hunk.lines().iter().filter(|line| !is_old(line)).map(|line| words(line)).collect();
        let Some(start) = place(&lines, &old, hunk.old_range().start().saturating_sub(1)) else { continue };
        let numbered = hunk.lines().iter().filter(|line| is_old(line)).zip(start + 1..);
        taken.extend(numbered.filter_map(|(line, number)| match line {
            diffy::Line::Delete(line) if is_sync_call(line) => {
                (!inserted.iter().any(|new| new.trim() == line.trim())).then_some(number)
            }
            _ => None,
        }));
    }
    Ok(taken)
}

fn words<'a>(line: &diffy::Line<'a, str>) -> &'a str {
    match line {
        diffy::Line::Context(text) | diffy::Line::Delete(text) | diffy::Line::Insert(text) => text,
    }
}

/// Where `old` stands in `lines`: the place nearest to `expected`, as patches are applied.
fn place(lines: &[&str], old: &[&str], expected: usize) -> Option<usize> {
    let places = (0..=lines.len().checked_sub(old.len())?).filter(|&at| lines[at..at + old.len()] == *old);
    places.min_by_key(|at| at.abs_diff(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_call_is_told_from_what_only_looks_like_one() {
        for line in [
            "        self.sync()?;",
            "    File::open(path)?.sync_all()",
            "self.file.truncate(to).and_then(|()| self.file.sync_data())",
            "disk.sync_directory()?; // and the name",
            "    sync(parent)",
            "let sync = self.with_log(timed_sync)?;",
        ] {
            assert!(is_sync_call(line), "{line}");
        }
        for line in [
            "    // then file.sync_data() is called",
            "/// [`File::sync_all`]: see `file.sync_all()`",
            "assert_eq!(file.sync_data().unwrap_err().kind(), ErrorKind::InvalidInput);",
            "fn sync(&mut self) -> Result<Offset> {",
            "fn sync_data(&self) -> io::Result<()> {",
            "self.sync_count += 1;",
            "fn timed_sync(log: &mut Log)",
        ] {
            assert!(!is_sync_call(line), "{line}");
        }
    }

    const TEXT: &str = "\
fn one(&self) {
    self.sync();
}

fn two(&self) {
    self.sync();
}
";

    fn exhibit(diff: &str, sync: &str) -> Exhibit {
        let head = format!("Bug: b\nBreaks: C1\nLens: power cut\nKilled-by: stage01 lib t\n{sync}Story: s\n\n");
        let file = "--- a/stage01-x/src/lib.rs\n+++ b/stage01-x/src/lib.rs\n";
        let patch = Patch::parse("bug", &format!("{head}{file}{diff}")).unwrap();
        Exhibit { home: "stage01".into(), patch }
    }

    fn missed(exhibits: &[Exhibit]) -> Vec<usize> {
        let dir = tempfile::tempdir().unwrap();
        let stage = dir.path().join("stage01-x");
        fs::create_dir_all(stage.join("src/sim")).unwrap();
        fs::write(stage.join("Cargo.toml"), "").unwrap();
        fs::write(stage.join("src/lib.rs"), TEXT).unwrap();
        // A simulated disk, which owes nobody a sync.
        fs::write(stage.join("src/sim/disk.rs"), TEXT).unwrap();
        let course = Course::open(dir.path()).unwrap();
        let calls = calls(&course, 1).unwrap();
        unguarded(&course, calls, exhibits).unwrap().iter().map(|call| call.line).collect()
    }

    const FIRST: &str = "@@ -1,3 +1,2 @@\n fn one(&self) {\n-    self.sync();\n }\n";
    // It fits in two places, and was made before a line was put in above them.
    const SECOND: &str = "@@ -5,2 +5 @@\n-    self.sync();\n }\n";

    #[test]
    fn of_two_equal_calls_each_needs_a_bug_of_its_own() {
        let (first, second) = (exhibit(FIRST, "Sync: yes\n"), exhibit(SECOND, "Sync: yes\n"));
        assert_eq!(missed(&[]), [2, 6]);
        assert_eq!(missed(std::slice::from_ref(&first)), [6]);
        assert_eq!(missed(std::slice::from_ref(&second)), [2]);
        assert_eq!(missed(&[first, second]), [0_usize; 0]);
    }

    #[test]
    fn a_bug_that_is_not_marked_one_that_moves_the_call_and_a_stale_one_take_nothing_away() {
        let moves = "@@ -1,3 +1,4 @@\n fn one(&self) {\n-    self.sync();\n+    step();\n+    self.sync();\n }\n";
        let stale = FIRST.replace("one", "three");
        let exhibits = [exhibit(FIRST, ""), exhibit(moves, "Sync: yes\n"), exhibit(&stale, "Sync: yes\n")];
        assert_eq!(missed(&exhibits), [2, 6]);
    }
}
