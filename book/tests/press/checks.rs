//! Every check of the press fires, and says where and what.

use crate::mini_book::{GOOD, MiniBook};

/// Fails unless a book of `GOOD` and `more` has exactly one problem, which starts at `place` and holds `words`.
#[track_caller]
fn assert_problem(more: &str, place: &str, words: &str) {
    let book = MiniBook::new(&format!("{GOOD}\n{more}\n"));
    let problems = book.problems();
    assert!(
        problems.len() == 1 && problems[0].starts_with(place) && problems[0].contains(words),
        "expected one problem at `{place}` with `{words}`, found {problems:#?}"
    );
}

#[test]
fn a_good_book_has_no_problem() {
    assert_eq!(MiniBook::new(GOOD).problems(), [""; 0]);
}

#[test]
fn an_item_that_is_not_there_is_named_with_the_nearest_one() {
    let missing = "{{#item stage01::Log::apend}}";
    assert_problem(missing, "chapters/one.md:11:", "there is no item `Log::apend`; the nearest is `Log::append`");
    assert_problem(
        "{{#item stage1::Log}}",
        "chapters/one.md:11:",
        "there is no package `stage1`; the nearest is `stage01`",
    );
    assert_problem("{{#item stage01::Log sig}}", "chapters/one.md:11:", "no body to leave out");
}

#[test]
fn a_directive_that_cannot_be_followed_is_a_problem() {
    assert_problem("{{#itme stage01::Log}}", "chapters/one.md:11:", "did you mean `item`?");
    assert_problem("See {{#item stage01::Log}}", "chapters/one.md:11:", "on a line of its own");
    assert_problem("{{#drawing img/log.svg \"\"}}", "chapters/one.md:11:", "what the drawing says");
    assert_problem("{{#drawing img/lag.svg \"Lines\"}}", "chapters/one.md:11:", "the nearest is `log.svg`");
}

#[test]
fn a_dangling_or_unused_reference_is_a_problem() {
    assert_problem("[one][two]", "chapters/one.md:11:", "the reference `[two]` is not defined");
    assert_problem("[two]: one.md", "chapters/one.md:11:", "`[two]:` is defined and never used");
    assert_problem("A note.[^n]", "chapters/one.md:11:", "`[^n]` is not defined");
}

#[test]
fn a_file_that_no_chapter_uses_is_a_problem() {
    let book = MiniBook::new(&GOOD.replace("{{#drawing img/log.svg \"Three lines\"}}", ""));
    assert_eq!(book.problems(), ["chapters/img/log.svg: no chapter uses this file"]);
}

#[test]
fn a_dead_link_is_a_problem() {
    assert_problem("[a](two.md)", "chapters/one.md:11:", "there is no `two.html`");
    assert_problem("[a](#on)", "chapters/one.md:11:", "`one.html` has no place `#on`; the nearest is `#one`");
    assert_problem("[a](one.md#item-stage01-Lag)", "chapters/one.md:11:", "the nearest is `#item-stage01-Log`");
    let good =
        MiniBook::new(&format!("{GOOD}\n[a](one.md#item-stage01-Log-append) [b](#one) [c](https://example.org)\n"));
    assert_problem("<a href=\"two.html\">two</a>", "chapters/one.md:11:", "there is no `two.html`");
    assert!(good.problems()[0].contains("#item-stage01-Log-append"), "{:?}", good.problems());
}

#[test]
fn links_between_pages_are_followed_to_the_heading() {
    let book = MiniBook::new(&format!("{GOOD}\n[a](two.md#the-end)\n"));
    book.write("book/chapters/SUMMARY.md", "# Summary\n\n- [One](one.md)\n- [Two](two.md)\n");
    book.write("book/chapters/two.md", "# Two\n\n## The end\n\n[Back](one.md#one)\n");
    assert_eq!(book.problems(), [""; 0]);
    book.write("book/chapters/two.md", "# Two\n\n## The and\n");
    let problems = book.problems();
    assert!(problems[0].contains("`two.html` has no place `#the-end`; the nearest is `#the-and`"), "{problems:?}");
}

#[test]
fn an_image_without_alternative_text_is_a_problem() {
    assert_problem("![](img/log.svg)", "chapters/one.md:11:", "`img/log.svg` has no alternative text");
    assert_problem("<p><img src=\"img/log.svg\"></p>", "chapters/one.md:11:", "`img/log.svg` has no alternative text");
    let good = MiniBook::new(&format!("{GOOD}\n![Three lines](img/log.svg)\n"));
    assert_eq!(good.problems(), [""; 0]);
}

#[test]
fn rust_typed_into_markdown_is_a_problem() {
    assert_problem("```rust\nfn a() {}\n```", "chapters/one.md:11:", "Rust is typed into the chapter");
    let good = MiniBook::new(&format!("{GOOD}\n```console\n$ cargo test\n```\n"));
    assert_eq!(good.problems(), [""; 0]);
}

#[test]
fn anything_loaded_from_the_network_is_a_problem() {
    let load = "<script src=\"https://example.org/a.js\"></script>";
    let book = MiniBook::new(&format!("{GOOD}\n{load}\n"));
    let problems = book.problems();
    assert!(
        problems.iter().any(|p| p.starts_with("chapters/one.md:11: the page loads `https://example.org/a.js`")),
        "{problems:#?}"
    );
    let book = MiniBook::new(GOOD);
    book.write("book/theme/course.css", "@import url(//example.org/font.css);");
    let problems = book.problems();
    assert!(problems.len() == 1 && problems[0].contains("loads `//example.org/font.css`"), "{problems:#?}");
}

#[test]
fn a_stage_that_is_not_quoted_enough_is_a_problem_of_a_strict_build_alone() {
    let book = MiniBook::new(&GOOD.replace("{{#item stage01::impl Log}}", "{{#item stage01::Log::append}}"));
    assert_eq!(book.problems(), [""; 0]);
    let book = MiniBook::new(&GOOD.replace("{{#item stage01::impl Log}}", "{{#item stage01::Log::append sig}}"));
    let problems = book.problems();
    let expected = "stage01: the book quotes 73.7 % of its lines (14 of 19), less than 90 %; not quoted: \
                    stage01::Log::append (4), stage01::Log::sync (1)";
    assert_eq!(problems, [expected]);
    assert_eq!(book.build().problems, []);
}

#[test]
fn all_problems_are_told_at_once() {
    let book = MiniBook::new(
        "# One\n\n[a][b]\n\n![](no.png)\n\n{{#item stage01::No}}\n\n{{#item stage01::Log::append sig}}\n\n\
         ```rust\n```\n\n[c](no.md)\n",
    );
    let problems = book.problems();
    let words = [
        "not defined",
        "no alternative text",
        "no item `No`",
        "Rust is typed",
        "leads nowhere",
        "no chapter uses",
        "of its lines",
    ];
    for word in words {
        assert!(problems.iter().any(|problem| problem.contains(word)), "nothing about `{word}` in {problems:#?}");
    }
    assert_eq!(problems.len(), words.len(), "{problems:#?}");
}

#[test]
fn a_folder_that_is_no_book_is_not_emptied() {
    let book = MiniBook::new(GOOD);
    book.write("out/precious.txt", "mine");
    let said = book::press::build(&book.options(false)).unwrap_err().to_string();
    assert!(said.contains("holds something that is not a book"), "{said}");
    assert!(book.out().join("precious.txt").exists());
}
