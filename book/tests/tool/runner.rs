//! Tests that run tests, each in a process of its own, and survive all of them.

use std::fs;
use std::time::{Duration, Instant};

use book::exercises::build::Build;
use book::exercises::explain::explain;
use book::exercises::runner::{Manner, Outcome, Ran, run_all};

const TESTS: &str = r#"
/// It is what it is.
#[test]
fn passes() {}

#[test]
fn panics() { assert_eq!(1, 2, "numbers differ"); }

#[test]
fn hangs() { loop { std::thread::park(); } }

#[test]
fn leaves_early_with_success() { std::process::exit(0) }

#[test]
fn aborts() { std::process::abort() }

#[test]
fn overflows_its_stack() {
    fn deeper(n: u64) -> u64 { if n == u64::MAX { n } else { std::hint::black_box(deeper(std::hint::black_box(n + 1))) + 1 } }
    deeper(0);
}

#[test]
fn prints_for_ever_and_passes() { for _ in 0..200_000 { println!("a line that says nothing at all"); } }
"#;

fn outcome<'a>(ran: &'a [Ran], name: &str) -> &'a Ran {
    ran.iter().find(|ran| ran.name == name).unwrap_or_else(|| panic!("{name} did not run"))
}

#[test]
fn every_way_to_end_is_told_apart_and_none_disturbs_another() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("tests")).unwrap();
    fs::create_dir_all(dir.path().join("src")).unwrap();
    let manifest = "[package]\nname = \"ways\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(dir.path().join("Cargo.toml"), manifest).unwrap();
    fs::write(dir.path().join("src/lib.rs"), "").unwrap();
    fs::write(dir.path().join("tests/exercises.rs"), TESTS).unwrap();
    let target_dir = dir.path().join("target");
    let targets = vec!["exercises".to_string()];
    let build = Build { package: dir.path(), target_dir: &target_dir, targets, ..Build::default() };
    let binaries = build.run().unwrap().unwrap_or_else(|error| panic!("{}", error.words));
    let tests = binaries[0].tests().unwrap();
    assert_eq!(tests.len(), 7);

    let manner = Manner { limit: Duration::from_secs(5), ..Manner::default() };
    let ran = run_all(&tests, &manner, |_| {}).unwrap();
    assert_eq!(outcome(&ran, "passes").outcome, Outcome::Passed);
    assert_eq!(outcome(&ran, "prints_for_ever_and_passes").outcome, Outcome::Passed);
    assert!(outcome(&ran, "prints_for_ever_and_passes").output.len() < 1024 * 1024, "the memory holds a part of it");
    for name in ["panics", "leaves_early_with_success", "aborts", "overflows_its_stack"] {
        assert_eq!(outcome(&ran, name).outcome, Outcome::Failed, "{name}");
    }
    assert_eq!(outcome(&ran, "hangs").outcome, Outcome::Hangs);
    let said = explain(outcome(&ran, "panics"), dir.path());
    assert!(said.contains("numbers differ") && said.contains("tests/exercises.rs:"), "{said}");
    let said = explain(outcome(&ran, "hangs"), dir.path());
    assert!(said.contains("did not end within 5 s"), "{said}");

    // With a deadline that has passed, nothing runs on.
    let began = Instant::now();
    let ran = run_all(&tests, &Manner { deadline: Some(began), ..manner }, |_| {}).unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
    assert_eq!(outcome(&ran, "hangs").outcome, Outcome::Hangs);

    fs::write(dir.path().join("src/lib.rs"), "fn f() -> u32 {}").unwrap();
    let error = build.run().unwrap().expect_err("this does not compile");
    assert!(error.words.contains("mismatched types"), "{}", error.words);
}
