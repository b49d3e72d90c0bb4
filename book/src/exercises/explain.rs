//! What a failure means, in plain words.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::runner::{Outcome, Ran};

/// Where a test panicked, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    /// File, line and column.
    pub place: String,
    /// The message.
    pub message: String,
}

/// The first panic in what a test printed.
pub fn first_panic(output: &str) -> Option<Panic> {
    let mut lines = output.lines().skip_while(|line| !is_panic_head(line));
    let place = lines.next()?.split_once(" panicked at ")?.1.trim_end_matches(':').to_string();
    let message: Vec<&str> = lines.take_while(|line| !is_panic_head(line) && !is_after_panic(line)).collect();
    Some(Panic { place, message: message.join("\n").trim().to_string() })
}

fn is_panic_head(line: &str) -> bool {
    line.starts_with("thread '") && line.contains(" panicked at ")
}

fn is_after_panic(line: &str) -> bool {
    ["note: run with", "stack backtrace:", "test result:", "ended with "].iter().any(|head| line.starts_with(head))
        || (line.starts_with("test ") && (line.ends_with("FAILED") || line.ends_with("ok")))
}

/// What a failed test means, for its learner: what it checks, what happened, and where.
pub fn explain(ran: &Ran, package: &Path) -> String {
    let mut text = format!("{}: {}\n", ran.target, ran.name);
    if let Some(meaning) = meaning(ran, package) {
        text.extend(["  what it checks: ", &meaning, "\n"]);
    }
    let panic = first_panic(&ran.output);
    let todo = panic.as_ref().and_then(|panic| panic.message.strip_prefix("not yet implemented: "));
    match (&ran.outcome, panic.as_ref(), todo) {
        (_, Some(panic), Some(todo)) => {
            let _ = writeln!(text, "  what happened:  it needs a body that is not written yet: {todo}");
            let _ = writeln!(text, "  where:          {}", panic.place);
        }
        (Outcome::Hangs, ..) => {
            let limit = ran.took.as_secs();
            let _ = writeln!(
                text,
                "  what happened:  it did not end within {limit} s: a loop without an end, or a thread \
                 that waits and is never woken"
            );
        }
        (_, Some(panic), _) => {
            let _ = writeln!(text, "  what happened:  {}", panic.message.replace('\n', "\n                  "));
            let _ = writeln!(text, "  where:          {}", panic.place);
        }
        (_, None, _) => {
            let last = ran.output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
            let _ = writeln!(text, "  what happened:  its process ended in the middle: {}", last.trim());
        }
    }
    text
}

/// The failure to begin with: the first in the order in which its author wrote the tests, from the plainest to the most
/// special; one that ends before one that hangs.
pub fn plainest<'a>(ran: impl Iterator<Item = &'a Ran>, package: &Path) -> Option<&'a Ran> {
    let failed = ran.filter(|ran| !ran.passed());
    failed.min_by_key(|ran| (ran.outcome == Outcome::Hangs, place(ran, package)))
}

/// Where a test stands: the number of its file, and the line in it.
fn place(ran: &Ran, package: &Path) -> (usize, usize) {
    let head = format!("fn {}(", ran.function());
    let line_in = |text: &String| text.lines().position(|line| line.trim_start().starts_with(&head));
    let files = files(ran, package).into_iter().enumerate();
    files.into_iter().find_map(|(file, text)| Some((file, line_in(&text)?))).unwrap_or((usize::MAX, 0))
}

/// The doc comment of a test.
fn meaning(ran: &Ran, package: &Path) -> Option<String> {
    files(ran, package).iter().find_map(|text| doc_comment(text, ran.function()))
}

/// The texts of the files that a test target is made of, by name.
fn files(ran: &Ran, package: &Path) -> Vec<String> {
    let folder = package.join("tests");
    let mut files = vec![folder.join(format!("{}.rs", ran.target))];
    files.extend(fs::read_dir(folder.join(&ran.target)).into_iter().flatten().flatten().map(|entry| entry.path()));
    files.sort();
    files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect()
}

/// The doc comment of a function, as one line.
fn doc_comment(text: &str, function: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.starts_with(&format!("fn {function}(")))?;
    let above = lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("///"));
    let mut words: Vec<&str> = above.filter_map(|line| line.strip_prefix("///")).map(str::trim).collect();
    words.reverse();
    (!words.is_empty()).then(|| words.join(" ").replace("**", ""))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ran(outcome: Outcome, output: &str) -> Ran {
        let (target, name) = ("exercises".to_string(), "part1::s01p1_it_adds".to_string());
        Ran { target, name, outcome, output: output.into(), took: Duration::from_secs(60) }
    }

    const PANIC: &str = "\
running 1 test

thread 'part1::s01p1_it_adds' (7) panicked at tests/exercises.rs:5:9:
assertion `left == right` failed: one and one
  left: 3
 right: 2
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
test part1::s01p1_it_adds ... FAILED
";

    #[test]
    fn the_first_panic_is_found_with_its_place_and_all_of_its_message() {
        let panic = first_panic(PANIC).unwrap();
        assert_eq!(panic.place, "tests/exercises.rs:5:9");
        assert_eq!(panic.message, "assertion `left == right` failed: one and one\n  left: 3\n right: 2");
        assert_eq!(first_panic("nothing"), None);
    }

    #[test]
    fn a_failure_is_explained_by_its_kind() {
        let nowhere = Path::new("/nonexistent");
        let explained = |outcome, output: &str| explain(&ran(outcome, output), nowhere);
        let todo = "thread 'x' (1) panicked at src/a.rs:1:1:\nnot yet implemented: s01p1: add them\n";
        assert!(explained(Outcome::Failed, todo).contains("not written yet: s01p1: add them"));
        assert!(explained(Outcome::Hangs, "").contains("did not end within 60 s"));
        assert!(explained(Outcome::Failed, PANIC).contains("one and one\n                    left: 3"));
        assert!(explained(Outcome::Failed, "stack overflow\n").contains("ended in the middle: stack overflow"));
    }

    #[test]
    fn the_failure_to_begin_with_is_the_first_that_its_author_wrote_and_hangs_come_last() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("tests")).unwrap();
        let text = "fn s01p1_z() {}\nfn s01p1_a() {}\nfn s01p1_m() {}\n";
        fs::write(dir.path().join("tests/exercises.rs"), text).unwrap();
        let named = |name: &str, outcome| Ran { name: name.to_string(), ..ran(outcome, "") };
        let all =
            [named("s01p1_a", Outcome::Failed), named("s01p1_m", Outcome::Failed), named("s01p1_z", Outcome::Hangs)];
        assert_eq!(plainest(all.iter(), dir.path()).unwrap().name, "s01p1_a");
        assert_eq!(plainest(all[1..].iter(), dir.path()).unwrap().name, "s01p1_m");
        assert_eq!(plainest(all[2..].iter(), dir.path()).unwrap().name, "s01p1_z");
        assert!(plainest([named("s01p1_a", Outcome::Passed)].iter(), dir.path()).is_none());
    }

    #[test]
    fn a_test_says_in_its_docs_what_it_checks() {
        let text = "/// One and one\n/// are **two**.\n#[test]\nfn s01p1_it_adds() {}\n\n/// No.\nfn s01p1_it_adds_more() {}\n";
        assert_eq!(doc_comment(text, "s01p1_it_adds").as_deref(), Some("One and one are two."));
        assert_eq!(doc_comment(text, "s01p1_it_a"), None);
    }
}
