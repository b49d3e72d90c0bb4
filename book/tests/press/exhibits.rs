//! What is made for a page and not quoted.

use book::results::{FLOOR, Machine, Results, Row, SCHEMA};

use crate::mini_book::{GOOD, MiniBook};

fn results(rates: &[(&str, f64)]) -> String {
    let row = |(stage, ops_per_second): &(&str, f64)| Row {
        workload: "append_durable_16".to_string(),
        stage: stage.to_string(),
        ops_per_second: *ops_per_second,
        p50_ns: 1e9 / ops_per_second,
        p99_ns: 1e9 / ops_per_second,
        samples: 1,
        records: 1,
    };
    let machine = Machine {
        processor: "a processor".to_string(),
        cores: 2,
        kernel: "a kernel".to_string(),
        file_system: "ext4".to_string(),
        date: "2025-01-15".to_string(),
        rustc: "rustc".to_string(),
        awake: true,
    };
    serde_json::to_string(&Results { schema: SCHEMA, machine, rows: rates.iter().map(row).collect() }).unwrap()
}

#[test]
fn numbers_are_the_readers_own_if_there_are_any() {
    let mut book = MiniBook::new(&format!("{GOOD}\n{{{{#table append}}}}\n\n{{{{#chart append}}}}\n"));
    let without: Vec<String> = book.build().problems.iter().map(ToString::to_string).collect();
    assert!(without.len() == 2 && without[0].contains("no numbers yet; `cargo course` measures them"), "{without:?}");
    book.write("book/results/reference.json", &results(&[(FLOOR, 1000.0), ("stage01", 900.0)]));
    assert_eq!(book.problems(), [""; 0]);
    let page = book.page("one.html");
    assert!(page.contains("<b>900</b>") && page.contains("Reference numbers, not measured on your machine"), "{page}");
    assert!(page.contains("id=\"chart-append\"") && page.contains("append_durable_16: floor 1.00 k; stage01 900"));
    book.results = Some(book.write("own.json", &results(&[("stage01", 555.0)])));
    assert_eq!(book.problems(), [""; 0]);
    let page = book.page("one.html");
    assert!(page.contains("<b>555</b>") && page.contains("Measured on your machine"), "{page}");
}

#[test]
fn a_chapter_of_a_stage_does_not_give_the_next_stage_away() {
    let book = MiniBook::new(GOOD);
    book.write("book/results/reference.json", &results(&[("stage01", 900.0), ("stage02", 9000.0)]));
    book.write("book/chapters/SUMMARY.md", "# Summary\n\n- [One](one.md)\n- [Stage 1](stage01.md)\n");
    let tables = "# Stage 1\n\n{{#table append}}\n";
    book.write("book/chapters/stage01.md", tables);
    assert_eq!(book.problems(), [""; 0]);
    assert!(!book.page("stage01.html").contains("stage02"), "{}", book.page("stage01.html"));
    book.write("book/chapters/stage01.md", &tables.replace("append}}", "append stage02}}"));
    assert_eq!(book.problems(), [""; 0]);
    assert!(book.page("stage01.html").contains("<th scope=\"col\">stage02</th>"));
}

#[test]
fn a_dump_and_the_coverage_are_figures_of_the_page() {
    let book = MiniBook::new(&format!("{GOOD}\n{{{{#hexdump stage01 log.jsonl}}}}\n\n{{{{#coverage}}}}\n"));
    assert_eq!(book.problems(), [""; 0]);
    let page = book.page("one.html");
    assert!(page.contains("id=\"hexdump-stage01-log-jsonl\"") && page.contains("<table class=\"hexdump\">"), "{page}");
    assert!(page.contains("<td>stage01</td><td class=\"number\">19</td><td class=\"number\">19</td>"), "{page}");
}

#[test]
fn an_exhibit_that_cannot_be_made_is_a_problem_with_its_line() {
    for (directive, words) in [
        ("{{#table wriets}}", "no workload is called `wriets`"),
        ("{{#hexdump stage01 log.index}}", "stage01 writes no `log.index`"),
        ("{{#crashmap stage01 sideways}}", "there is no scenario `sideways`; there are append, group"),
        ("{{#crashmap stage77 append}}", "there is no stage `stage77`"),
    ] {
        let book = MiniBook::new(&format!("{GOOD}\n{directive}\n"));
        book.write("book/results/reference.json", &results(&[("stage01", 900.0)]));
        let problems = book.problems();
        let expected = format!("chapters/one.md:11: {directive}: ");
        assert!(
            problems.len() == 1 && problems[0].starts_with(&expected) && problems[0].contains(words),
            "{problems:?}"
        );
    }
}
