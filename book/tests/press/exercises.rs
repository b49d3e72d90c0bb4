//! Exercises: bodies that are folded, lists of the parts, and what a chapter owes them.

use crate::mini_book::{GOOD, MiniBook};

/// One part that writes two functions, and one that looks for a bug.
const EXERCISES: &str = r#"
[[part]]
title = "The `end` moves"
section = "One more"
minutes = 40
boss = true
hints = ["1", "2", "3"]
[[part.function]]
item = "Log::append"
todo = "add one"
[[part.function]]
item = "<Log as Display>::fmt"
todo = "show the end"

[[part]]
title = "A sync that does nothing"
section = "One more"
minutes = 20
points = 5
patch = "zoo/does-nothing.patch"
reason = "lost"
hints = ["1", "2", "3"]
[[part.function]]
item = "Log::sync"

[experiment]
title = "A byte"
minutes = 15
"#;

const CHAPTER: &str = "\
# Stage 1

## One *more*

{{#item stage01::Log}}

{{#item stage01::Log::append}}

{{#item stage01::Log::sync}}

{{#item stage01::impl Display for Log}}

## Exercises

{{#exercises}}

### Experiment: A byte
";

const PATCH: &str = "\
Bug: a sync does `nothing`
Breaks: G1
Lens: power cut
Killed-by: stage01 lib tests::it_syncs
Story: It was forgotten.

--- a/stage01-naive/src/lib.rs
+++ b/stage01-naive/src/lib.rs
@@ -1 +1 @@
-//! A stage.
+//! A bug.
";

/// A book with a chapter for its stage, which has exercises.
fn book(chapter: &str, exercises: &str) -> MiniBook {
    let book = MiniBook::new("# One\n\n![lines](img/log.svg)\n");
    book.write("book/chapters/SUMMARY.md", "# Summary\n\n- [Stage 1](stage01.md)\n- [One](one.md)\n");
    book.write("book/chapters/stage01.md", chapter);
    book.write("stage01-naive/exercises.toml", exercises);
    book
}

/// The text of a page from here to there.
#[track_caller]
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let start = page.find(from).unwrap_or_else(|| panic!("no `{from}` in {page}"));
    page[start..].split(to).next().unwrap()
}

/// Fails unless a good book of exercises, changed in this way, has exactly this problem.
#[track_caller]
fn assert_problem(change: impl Fn(&str) -> String, problem: &str) {
    let book = book(&change(CHAPTER), &change(EXERCISES));
    // Everything is quoted, wherever: coverage is another matter.
    book.write("book/chapters/one.md", GOOD);
    assert_eq!(book.problems(), [problem]);
}

#[test]
fn the_body_of_a_function_is_folded_below_its_signature() {
    let book = book(CHAPTER, EXERCISES);
    assert_eq!(book.problems(), [""; 0]);
    let page = book.page("stage01.html");
    let figure = between(&page, "id=\"item-stage01-Log-append\"", "</figure>");
    let (shown, hidden) = figure.split_once("<details class=\"body\">").expect("something is folded");
    assert!(shown.contains("/// Appends nothing.\npub fn append(&amp;mut self) -&gt; u64 {</code>"), "{shown}");
    assert!(hidden.contains("<summary>Exercise 1.1: the body, about 3 lines. Try it first.</summary>"), "{hidden}");
    assert!(hidden.contains(">    // One more.\n    self.end += 1;\n    self.end\n}</code>"), "{hidden}");
}

#[test]
fn a_block_shows_everything_but_the_bodies_in_it() {
    let book = book(CHAPTER, EXERCISES);
    assert_eq!(book.problems(), [""; 0]);
    let page = book.page("stage01.html");
    let figure = between(&page, "id=\"item-stage01-impl-Display-for-Log\"", "</figure>");
    let (shown, hidden) = figure.split_once("<details class=\"body\">").expect("something is folded");
    assert!(shown.contains("fmt::Result {\n        // exercise 1.1\n    }\n}</code>"), "{shown}");
    assert!(!shown.contains("end.fmt") && hidden.contains("        self.end.fmt(f)\n    }\n}</code>"), "{figure}");
}

#[test]
fn a_body_is_folded_in_every_chapter_and_a_bug_that_is_hunted_in_none() {
    let book = book(CHAPTER, EXERCISES);
    book.write("book/chapters/one.md", GOOD);
    assert_eq!(book.problems(), [""; 0]);
    let page = book.page("one.html");
    let shown = between(&page, "id=\"item-stage01-impl-Log\"", "<details");
    assert!(shown.contains("// exercise 1.1\n    }\n\n    fn sync(&amp;self) {}"), "{shown}");
    let sync = book.page("stage01.html");
    assert!(!between(&sync, "id=\"item-stage01-Log-sync\"", "</figure>").contains("xercise"), "{sync}");
}

#[test]
fn docs_that_are_left_out_and_bare_signatures_fold_as_they_should() {
    let more = "{{#item stage01::Log::append nodoc}}\n\n{{#item stage01::Log::append sig}}\n";
    let book = book(&format!("{CHAPTER}\n{more}"), EXERCISES);
    assert_eq!(book.problems(), [""; 0]);
    let page = book.page("stage01.html");
    let bare = between(&page, "id=\"item-stage01-Log-append-2\"", "</figure>");
    assert!(bare.contains("noplayground\">pub fn append(&amp;mut self) -&gt; u64 {</code>"), "{bare}");
    assert!(bare.contains("about 3 lines"), "{bare}");
    let signature = between(&page, "id=\"item-stage01-Log-append-3\"", "</figure>");
    assert!(signature.contains("{ … }</code>") && !signature.contains("<details"), "{signature}");
}

#[test]
fn the_bare_signature_of_a_body_on_one_line_is_not_folded() {
    let chapter = format!("{CHAPTER}\n{{{{#item stage01::Log::sync sig}}}}\n");
    let book = book(&chapter, &EXERCISES.replace("<Log as Display>::fmt", "Log::sync"));
    assert_eq!(book.problems(), [""; 0]);
    let page = book.page("stage01.html");
    let whole = between(&page, "id=\"item-stage01-Log-sync\"", "</figure>");
    assert!(whole.contains("fn sync(&amp;self) {</code>") && whole.contains(">}</code>"), "{whole}");
    let signature = between(&page, "id=\"item-stage01-Log-sync-2\"", "</figure>");
    assert!(signature.contains("fn sync(&amp;self) { … }</code>") && !signature.contains("<details"), "{signature}");
}

#[test]
fn the_list_of_parts_says_what_to_read_to_write_and_to_run() {
    let book = book(CHAPTER, EXERCISES);
    book.write("book/chapters/one.md", "# One\n\n![lines](img/log.svg)\n\n1. Look:\n\n   {{#exercises stage01}}\n");
    assert_eq!(book.problems(), [""; 0]);
    let page = book.page("stage01.html");
    let list = between(&page, "id=\"exercises-stage01\"", "</figure>");
    for words in [
        "<code>cargo course start 1</code>",
        "<code>cargo course check 1.1</code>",
        "<code>cargo course hint 1.1</code>",
        "The <code>end</code> moves <span class=\"boss\">boss</span>",
        "read first: <a href=\"#one-more\">One more</a>",
        "<a href=\"#item-stage01-Log-append\"><code>Log::append</code></a>, \
         <a href=\"#item-stage01-impl-Display-for-Log\"><code>&lt;Log as Display&gt;::fmt</code></a>",
        "<td>find the bug</td><td class=\"number\">20</td><td class=\"number\">5</td>",
        "<a href=\"#experiment-a-byte\">Experiment: A byte</a>",
        "colspan=\"3\">together</th><td class=\"number\">75</td><td class=\"number\">15</td></tr>",
    ] {
        assert!(list.contains(words), "no `{words}` in {list}");
    }
    let page = book.page("one.html");
    let elsewhere = between(&page, "<ol>", "</ol>");
    assert!(elsewhere.contains("<a href=\"stage01.html#item-stage01-Log-append\">"), "{elsewhere}");
}

#[test]
fn a_list_needs_a_stage_that_has_exercises() {
    for (directive, words) in [
        ("{{#exercises}}", "this chapter is not a stage's"),
        ("{{#exercises stage07}}", "stage07 has no exercises"),
        ("{{#exercises 1}}", "this is written {{#exercises}} in the chapter of a stage"),
        ("{{#zoo stage01}}", "the zoo of stage01 has no bug"),
    ] {
        let problems = MiniBook::new(&format!("{GOOD}\n{directive}\n")).problems();
        assert!(problems.len() == 1 && problems[0].contains(words), "{directive}: {problems:?}");
    }
}

#[test]
fn exercises_that_cannot_be_read_are_a_problem() {
    let file = "stage01-naive/exercises.toml: part 1.1:";
    let problems = book(CHAPTER, &EXERCISES.replace("Log::append", "Log::apend")).problems();
    let expected = format!("{file} there is no item `Log::apend`; the nearest is `Log::append`");
    assert!(problems.contains(&expected), "{problems:?}");
    let problems = book(CHAPTER, &EXERCISES.replace("\"Log::append\"", "\"Log\"")).problems();
    assert!(problems.contains(&format!("{file} `Log` has no body to write")), "{problems:?}");
    let problems = book(CHAPTER, &EXERCISES.replacen(", \"3\"", "", 1)).problems();
    assert!(problems[1].starts_with("stage01-naive/exercises.toml: ") && problems[1].contains("rungs"), "{problems:?}");
}

#[test]
fn a_stage_with_exercises_needs_a_chapter() {
    let book = MiniBook::new(GOOD);
    book.write("stage01-naive/exercises.toml", EXERCISES);
    assert_eq!(book.problems(), ["stage01-naive/exercises.toml: the stage has no chapter `stage01.md`"]);
    assert_eq!(book.build().problems, []);
}

#[test]
fn a_chapter_owes_its_exercises_a_list_headings_and_the_functions() {
    assert_problem(
        |text| text.replace("{{#exercises}}", "`{{#exercises}}`"),
        "chapters/stage01.md: the stage has exercises: list them with {{#exercises}}",
    );
    assert_problem(
        |text| text.replacen("section = \"One more\"", "section = \"One mere\"", 1),
        "chapters/stage01.md: exercise 1.1 names the section `One mere`, and there is none; the nearest is `One more`",
    );
    assert_problem(
        |text| text.replace("### Experiment: A byte", "### Experiment: A bite"),
        "chapters/stage01.md: the experiment has no heading: write `### Experiment: A byte`; the nearest is \
         `Experiment: A bite`",
    );
    assert_problem(
        |text| text.replace("{{#item stage01::impl Display for Log}}", ""),
        "chapters/stage01.md: exercise 1.1 asks for `<Log as Display>::fmt`: quote it with \
         {{#item stage01::<Log as Display>::fmt}}",
    );
    // A signature alone does not show the body, not even a folded one.
    let book = book(&CHAPTER.replace("::append}}", "::append sig}}"), EXERCISES);
    assert!(book.problems()[0].contains("asks for `Log::append`"), "{:?}", book.problems());
}

#[test]
fn the_zoo_is_a_table_for_each_stage_and_gives_no_exercise_away() {
    let chapter = format!("{CHAPTER}\n{{{{#zoo stage01}}}}\n");
    let book = book(&chapter, EXERCISES);
    book.write("stage01-naive/zoo/does-nothing.patch", PATCH);
    book.write("lab/zoo/forgets.patch", &PATCH.replace("a sync does", "the disk forgets"));
    book.write("book/chapters/one.md", "# One\n\n![lines](img/log.svg)\n\n{{#zoo}}\n");
    assert_eq!(book.problems(), [""; 0]);
    let zoo = book.page("one.html");
    assert!(zoo.contains("id=\"stage-1\"") && zoo.contains("id=\"the-laboratory\""), "{zoo}");
    let hunted = between(&zoo, "id=\"zoo-stage01\"", "</figure>");
    assert!(!hunted.contains("does-nothing") && !hunted.contains("lib.rs"), "{hunted}");
    let summary = "<summary>the bug of exercise 1.2: find it before you look</summary>\n<p>a sync does <code>nothing";
    assert!(hunted.contains(summary), "{hunted}");
    let other = between(&zoo, "id=\"zoo-lab\"", "</figure>");
    for words in [
        "<summary>the disk forgets <code>nothing</code></summary>\n<p>It was forgotten.</p>",
        "<code>cargo course zoo --show forgets</code>",
        "<td>G1</td><td>power cut</td><td><code>stage01 lib tests::<wbr>it_<wbr>syncs</code></td>",
    ] {
        assert!(other.contains(words), "no `{words}` in {other}");
    }
    let own = book.page("stage01.html");
    assert!(own.contains("id=\"zoo-stage01\"") && !own.contains("the disk forgets"), "{own}");
}

#[test]
fn a_zoo_that_no_chapter_shows_is_a_problem_of_a_strict_build() {
    let book = book(&format!("{CHAPTER}\n{{{{#zoo stage01}}}}\n"), EXERCISES);
    book.write("stage01-naive/zoo/does-nothing.patch", PATCH);
    assert_eq!(book.problems(), ["zoo: no chapter shows the bugs: one needs {{#zoo}}"]);
    assert_eq!(book.build().problems, []);
    book.write("stage01-naive/zoo/does-nothing.patch", "Bug: none\n");
    let problems = book.problems();
    assert!(problems[1].starts_with("zoo: ") && problems[1].contains("does-nothing.patch"), "{problems:?}");
}
