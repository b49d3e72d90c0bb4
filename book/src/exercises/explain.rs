//! What a failure means, in plain words.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::runner::{Outcome, Ran};

/// A panic in what a test printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    /// The name of the thread; the thread of a test has the test's name.
    pub thread: String,
    /// File, line and column.
    pub place: String,
    /// The message.
    pub message: String,
}

/// The panics in what a test printed.
pub fn panics(output: &str) -> Vec<Panic> {
    let lines: Vec<&str> = output.lines().collect();
    let heads = lines.iter().enumerate().filter(|(_, line)| is_panic_head(line));
    let panic = |(at, head): (usize, &&str)| {
        let (thread, place) = head.split_once(" panicked at ")?;
        let thread = thread.strip_prefix("thread '")?.rsplit_once('\'')?.0.to_string();
        let message = lines[at + 1..].iter().take_while(|line| !is_panic_head(line) && !is_after_panic(line));
        let message = message.copied().collect::<Vec<_>>().join("\n").trim().to_string();
        Some(Panic { thread, place: place.trim_end_matches(':').to_string(), message })
    };
    heads.filter_map(panic).collect()
}

/// The panic that says most: of a body that is not written, else the test's own, else the last. A test may have asked
/// for those before it.
pub fn telling_panic(ran: &Ran) -> Option<Panic> {
    let all = panics(&ran.output);
    let todo = all.iter().find(|panic| panic.message.starts_with(NOT_WRITTEN));
    todo.or_else(|| all.iter().find(|panic| panic.thread == ran.name)).or(all.last()).cloned()
}

/// How the panic of a `todo!` begins.
const NOT_WRITTEN: &str = "not yet implemented: ";

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
    let panic = telling_panic(ran);
    let todo = panic.as_ref().and_then(|panic| panic.message.strip_prefix(NOT_WRITTEN));
    match (&ran.outcome, panic.as_ref(), todo) {
        (_, Some(panic), Some(todo)) => {
            let _ = writeln!(text, "  what happened:  it needs a body that is not written yet: {todo}");
            let _ = writeln!(text, "  where:          {}", panic.place);
        }
        (Outcome::Hangs, ..) => {
            let limit = ran.took.as_secs();
            let _ = writeln!(
                text,
                "  what happened:  it did not end within {limit} s: a loop without an end, a thread that waits and is \
                 never woken, or a machine that has too much else to do"
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
    fn a_panic_is_found_with_its_place_and_all_of_its_message() {
        let panic = telling_panic(&ran(Outcome::Failed, PANIC)).unwrap();
        assert_eq!(panic.place, "tests/exercises.rs:5:9");
        assert_eq!(panic.message, "assertion `left == right` failed: one and one\n  left: 3\n right: 2");
        assert_eq!(telling_panic(&ran(Outcome::Failed, "nothing")), None);
    }

    #[test]
    fn of_several_panics_the_most_telling_is_shown() {
        let panic = |thread: &str, message: &str| format!("thread '{thread}' (3) panicked at a.rs:1:2:\n{message}\n");
        let told = |output: String| telling_panic(&ran(Outcome::Failed, &output)).unwrap().message;
        let asked_for = panic("<unnamed>", "the test asked for this");
        let own = panic("part1::s01p1_it_adds", "nobody was told");
        let todo = panic("<unnamed>", "not yet implemented: s01p1: add them");
        assert_eq!(told(asked_for.clone() + &own), "nobody was told");
        assert_eq!(told(own + &asked_for + &todo), "not yet implemented: s01p1: add them");
        assert_eq!(told(asked_for + &panic("<unnamed>", "and nobody was told")), "and nobody was told");
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
