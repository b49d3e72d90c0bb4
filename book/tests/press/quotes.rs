//! What a quoted item looks like on its page.

use crate::mini_book::{GOOD, MiniBook};

/// The text of the page around the item with this anchor, up to the end of its figure.
fn figure(page: &str, id: &str) -> String {
    let start = page.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no `{id}` in {page}"));
    page[start..].split("</figure>").next().unwrap().to_string()
}

fn page(directives: &str) -> String {
    let book = MiniBook::new(&format!("{GOOD}\n{directives}\n"));
    assert_eq!(book.build().problems, []);
    book.page("one.html")
}

#[test]
fn a_struct_is_quoted_with_its_docs_its_file_and_its_line() {
    let figure = figure(&page(""), "item-stage01-Log");
    assert!(figure.contains("<figcaption><code>stage01-naive/src/lib.rs:5</code></figcaption>"), "{figure}");
    let code = "<code class=\"language-rust noplayground\">/// A log.\n#[derive(Debug)]\npub struct Log {\n    end: u64,\n}</code>";
    assert!(figure.contains(code), "{figure}");
}

#[test]
fn a_method_is_moved_to_the_margin_and_its_block_is_named() {
    let figure = figure(&page("{{#item stage01::Log::append}}"), "item-stage01-Log-append");
    assert!(figure.contains("lib.rs:12</code> <span class=\"within\">in <code>impl Log</code></span>"), "{figure}");
    assert!(
        figure.contains(">/// Appends nothing.\npub fn append(&amp;mut self) -&gt; u64 {\n    // One more.\n"),
        "{figure}"
    );
}

#[test]
fn docs_and_bodies_can_be_left_out() {
    let page = page("{{#item stage01::Log::append nodoc}}\n\n{{#item stage01::Log::append sig nodoc}}");
    let first = figure(&page, "item-stage01-Log-append");
    assert!(first.contains("noplayground\">pub fn append(&amp;mut self) -&gt; u64 {\n    // One more.\n"), "{first}");
    let second = figure(&page, "item-stage01-Log-append-2");
    assert!(second.contains("noplayground\">pub fn append(&amp;mut self) -&gt; u64 { … }</code>"), "{second}");
}

#[test]
fn the_own_method_hides_those_of_traits_and_all_of_them_can_be_named() {
    let book = MiniBook::new(
        "{{#item stage01::A::a}}\n\n{{#item stage01::<A as T>::a}}\n\n{{#item stage01::B::a}}\n\n![x](img/log.svg)\n",
    );
    let source = "impl A { fn a() { own } }\nimpl T for A { fn a() { t } }\n\
                  impl T for B { fn a() { t } }\nimpl U for B { fn a() { u } }\n";
    book.write("stage01-naive/src/lib.rs", source);
    let problems = book.build().problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].what.contains("write one of `<B as T>::a`, `<B as U>::a`"), "{problems:?}");
    let page = book.page("one.html");
    assert!(figure(&page, "item-stage01-A-a").contains("{ own }"), "{page}");
    assert!(figure(&page, "item-stage01-A-a-2").contains("{ t }"), "{page}");
}

#[test]
fn tests_and_examples_can_be_quoted() {
    let page = page("{{#item stage01::tests::it_appends}}\n\n{{#item stage01::examples::append::main}}");
    assert!(figure(&page, "item-stage01-tests-it_appends").contains(">#[test]\nfn it_appends() {}<"));
    assert!(figure(&page, "item-stage01-examples-append-main").contains("stage01::run();"));
}

#[test]
fn a_directive_in_a_list_stays_in_it_and_one_in_code_is_text() {
    let page = page(
        "1. First\n\n   {{#item stage01::Log::append sig}}\n\n2. Second\n\n`{{#item a}}`\n\n```text\n{{#item b}}\n```",
    );
    let list = page.split("<ol>").nth(1).and_then(|rest| rest.split("</ol>").next()).expect("one list");
    assert!(list.contains("id=\"item-stage01-Log-append\"") && list.contains("Second"), "{list}");
    assert!(page.contains("<code>{{#item a}}</code>") && page.contains("{{#item b}}\n"), "{page}");
}

#[test]
fn a_drawing_is_part_of_the_page_and_has_its_words() {
    let figure = figure(&page(""), "drawing-log");
    assert!(figure.contains("<svg role=\"img\" aria-label=\"Three lines\""), "{figure}");
    assert!(figure.contains("<path d=\"M0 0\" />"), "{figure}");
}

#[test]
fn captions_link_to_the_repository_once_it_is_set() {
    let book = MiniBook::new(GOOD);
    let config = include_str!("../../book.toml")
        .replace("[output.html]\n", "[output.html]\ngit-repository-url = \"https://example.org/log\"\n");
    book.write("book/book.toml", &config);
    assert_eq!(book.build().problems, []);
    let href = "href=\"https://example.org/log/blob/HEAD/stage01-naive/src/lib.rs#L5-L9\"";
    assert!(book.page("one.html").contains(href), "{}", book.page("one.html"));
}

#[test]
fn a_problem_is_shown_in_its_place_when_the_build_is_not_strict() {
    let book = MiniBook::new(&format!("{GOOD}\n{{{{#item stage01::Lag}}}}\n"));
    assert_eq!(book.build().problems.len(), 1);
    assert!(
        book.page("one.html").contains("<p class=\"missing\"><code>{{#item stage01::Lag}}</code> there is no item")
    );
}
