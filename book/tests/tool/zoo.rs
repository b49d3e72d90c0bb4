//! The zoo's runner, over a course of one stage with one function.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use book::exercises::course::Course;
use book::zoo::score::{Found, Judgement, Score};
use book::zoo::trial::{Court, Fate};
use book::zoo::{Exhibit, collect};

const LIB: &str = "\
//! Counts.

/// The next number.
pub fn next(number: u32) -> u32 {
    // One more.
    number + 1
}
";

const TESTS: &str = "\
#[test]
fn the_next_is_one_more() {
    assert_eq!(mini::next(1), 2);
}

#[test]
fn it_is_always_wrong() {
    panic!(\"whatever the code is\");
}
";

/// A course with these bugs: a name, what stands in the place of the last line of the body, and the test.
fn course(root: &Path, bugs: &[(&str, &str, &str)]) -> Course {
    let stage = root.join("stage01-mini");
    for folder in ["src", "tests", "zoo"] {
        fs::create_dir_all(stage.join(folder)).unwrap();
    }
    fs::write(root.join("Cargo.toml"), "[workspace]\nmembers = [\"stage01-mini\", \"book\"]\nresolver = \"3\"\n")
        .unwrap();
    let manifest = "[package]\nname = \"stage01\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\nname = \"mini\"\n";
    fs::write(stage.join("Cargo.toml"), manifest).unwrap();
    fs::write(stage.join("src/lib.rs"), LIB).unwrap();
    fs::write(stage.join("tests/counts.rs"), TESTS).unwrap();
    for (name, body, test) in bugs {
        let old = if *name == "stale" { "number + 7" } else { "number + 1" };
        let patch = format!(
            "Bug: it counts wrong\nBreaks: C1\nLens: model\nKilled-by: {test}\nStory: Who knows.\n\n\
             --- a/stage01-mini/src/lib.rs\n+++ b/stage01-mini/src/lib.rs\n@@ -4,4 +4,4 @@\n \
             pub fn next(number: u32) -> u32 {{\n     // One more.\n-    {old}\n+    {body}\n }}\n"
        );
        fs::write(stage.join("zoo").join(format!("{name}.patch")), patch).unwrap();
    }
    Course::open(root).unwrap()
}

const GOOD_TEST: &str = "stage01 counts the_next_is_one_more";

#[test]
fn a_bug_is_killed_or_what_is_wrong_with_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let bugs = [
        ("anyway", "number + 2", "stage01 counts it_is_always_wrong"),
        ("hangs", "loop { std::thread::park() }", GOOD_TEST),
        ("killed", "number + 2", GOOD_TEST),
        ("misnamed", "number + 2", "stage01 counts the_next_is_more"),
        ("nonsense", "nothing + 1", GOOD_TEST),
        ("nowhere", "number + 2", "stage07 counts the_next_is_one_more"),
        ("stale", "number + 2", GOOD_TEST),
        ("survivor", "1 + number", GOOD_TEST),
        ("untargeted", "number + 2", "stage01 count the_next_is_one_more"),
    ];
    let course = course(&dir.path().join("course"), &bugs);
    let exhibits = collect(&course).unwrap();
    let chosen: Vec<&Exhibit> = exhibits.iter().collect();
    let folder = dir.path().join("zoo");
    let court = Court { course: &course, folder: &folder, built: &folder, jobs: 2, limit: Duration::from_secs(3) };
    let told = std::sync::Mutex::new(Vec::new());
    let fates = court.try_all(&chosen, &|at, _| told.lock().unwrap().push(at)).unwrap();
    told.lock().unwrap().sort_unstable();
    assert_eq!(*told.lock().unwrap(), (0..bugs.len()).collect::<Vec<_>>(), "each is told of once");

    let by_name: BTreeMap<&str, &Fate> = bugs.iter().map(|bug| bug.0).zip(&fates).collect();
    assert!(matches!(by_name["killed"], Fate::Killed { hangs: false, .. }), "{by_name:?}");
    assert!(matches!(by_name["hangs"], Fate::Killed { hangs: true, .. }), "{by_name:?}");
    for (name, word, complaint) in [
        ("anyway", "FAILS ANYWAY", "whatever the code is"),
        ("misnamed", "NO SUCH TEST", "the nearest is `the_next_is_one_more`"),
        ("nonsense", "DOES NOT COMPILE", "cannot find value `nothing`"),
        ("nowhere", "NO SUCH TEST", "there is no package `stage07`"),
        ("stale", "STALE", "no longer fits stage01-mini/src/lib.rs"),
        ("survivor", "SURVIVES", "no test sees that it counts wrong"),
        ("untargeted", "NO SUCH TEST", "stage01 has no test target `count`"),
    ] {
        let said = by_name[name].complaint(&chosen[0].patch).unwrap();
        assert_eq!(by_name[name].word(), word, "{name}");
        assert!(said.contains(complaint), "{name}: {said}");
    }
    // The workshops are as they were, and what was built with a bug is not taken for the code.
    for worker in ["worker-0", "worker-1"] {
        let text = fs::read_to_string(folder.join(worker).join("copy/stage01-mini/src/lib.rs"));
        assert!(text.is_ok_and(|text| text == LIB), "{worker}");
    }
    let killed = chosen.iter().copied().find(|exhibit| exhibit.patch.name == "killed").unwrap();
    assert!(court.try_all(&[killed], &|_, _| {}).unwrap()[0].is_killed());
}

#[test]
fn somebodys_tests_are_scored_if_they_pass_on_the_reference() {
    let dir = tempfile::tempdir().unwrap();
    let bugs = [
        ("far", "if number < 1000 { number + 1 } else { number }", GOOD_TEST),
        ("hangs", "loop { std::thread::park() }", GOOD_TEST),
        ("two", "number + 2", GOOD_TEST),
    ];
    let course = course(&dir.path().join("course"), &bugs);
    let exhibits = collect(&course).unwrap();
    let chosen: Vec<&Exhibit> = exhibits.iter().collect();
    let folder = dir.path().join("zoo");
    let court = Court { course: &course, folder: &folder, built: &folder, jobs: 1, limit: Duration::from_secs(3) };
    let tests = dir.path().join("mine");
    fs::create_dir_all(tests.join("second")).unwrap();
    fs::write(tests.join("notes.txt"), "none").unwrap();
    let judge = || court.score(1, &tests, &chosen, &|_, _| {});
    assert!(format!("{:#}", judge().unwrap_err()).contains("it holds no tests"));

    fs::write(tests.join("first.rs"), "#[test]\nfn zero() { assert!(mini::next(0) > 0); }\n").unwrap();
    fs::write(tests.join("second/main.rs"), "#[test]\nfn one() { assert_eq!(mini::next(1), 2); }\n").unwrap();
    let found = |bug: &str, by: Option<&str>| Found { bug: bug.into(), found_by: by.map(str::to_string) };
    let expected = vec![found("far", None), found("hangs", Some("first::zero")), found("two", Some("second::one"))];
    match judge().unwrap() {
        Judgement::Sound(score) => assert_eq!(score, Score { stage: 1, found: 2, bugs: 3, tests: expected }),
        unsound @ Judgement::Unsound(_) => panic!("{unsound:?}"),
    }

    fs::write(tests.join("third.rs"), "#[test]\nfn three() { assert_eq!(mini::next(1), 3, \"three\"); }\n").unwrap();
    match judge().unwrap() {
        Judgement::Unsound(failed) => assert!(failed.len() == 1 && failed[0].contains("third::three\n"), "{failed:?}"),
        sound @ Judgement::Sound(_) => panic!("{sound:?}"),
    }
}
