//! The book itself, as strictly as it goes.

use std::path::Path;

use book::press::{self, Options};

#[test]
fn the_book_of_the_course_has_no_problem() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().unwrap();
    let options = Options {
        root: root.to_owned(),
        workspace: root.parent().unwrap().to_owned(),
        out_dir: out.path().to_owned(),
        results: None,
        strict: true,
    };
    let report = press::build(&options).unwrap_or_else(|error| panic!("{error:#}"));
    let stages: Vec<&str> = report.coverage.iter().map(|coverage| coverage.stage.as_str()).collect();
    assert!(stages.contains(&"stage01") && report.pages >= stages.len(), "{report:?}");
}
